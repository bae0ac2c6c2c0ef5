import Platform
import Syslog
import TLS

/// One configured input that is received from a socket.
public struct Source: Sendable {
  public enum Endpoint: Sendable {
    /// `sockets` sockets share the address, and the kernel spreads the senders over them.
    case udp(SocketAddress, sockets: Int = 1)
    case tcp(SocketAddress)
    case tls(SocketAddress, TLSServerContext)
    /// A datagram socket in the file system, with these permission bits. All may write to it by default: load
    /// balancers run as their own users.
    case unixDatagram(path: String, mode: UInt32 = 0o666)
  }

  /// The number its messages carry. Not 0, which is Stele itself.
  public var id: UInt32
  public var name: String
  public var endpoint: Endpoint
  /// How streams are framed.
  public var framing = FrameScanner.Framing.auto
  /// Whether an octet count must be followed by `<`.
  public var expectsPriority = true
  /// Longest message of a stream, bytes, within `Syslog.Limits.messageBytesAllowed`. Longer ones are kept in
  /// pieces.
  public var messageLimit = Syslog.Limits.messageBytes
  /// Receive buffer asked for each datagram socket, bytes.
  public var receiveBuffer = Limits.receiveBuffer
  /// How long a client may take for the TLS handshake, nanoseconds.
  public var handshakeTimeout = Limits.handshake
  /// Connections at a time; more are closed at once.
  public var connectionLimit = Limits.connections

  public init(id: UInt32, name: String, endpoint: Endpoint) {
    self.id = id
    self.name = name
    self.endpoint = endpoint
  }

  /// The endpoint as configurations write it: `udp://0.0.0.0:514`.
  public var url: String {
    switch endpoint {
    case .udp(let address, _): "udp://\(address)"
    case .tcp(let address): "tcp://\(address)"
    case .tls(let address, _): "tls://\(address)"
    case .unixDatagram(let path, _): "unix://\(path)"
    }
  }
}

/// Why a source cannot be listened to.
public struct ListenError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The source's name.
  public var source: String
  public var url: String
  public var cause: SystemError

  public var description: String {
    let text = "source \(source): cannot listen on \(url): \(cause.errno)"
    return switch cause.errno {
    case .addressInUse: text + "; another process, or another source, has it"
    case .accessDenied, .notPermitted:
      url.hasPrefix("unix:")
        ? text + "; this user may not write to the directory"
        : text + "; ports below 1024 need CAP_NET_BIND_SERVICE"
    case .addressNotAvailable: text + "; this host does not have that address"
    case .noSuchFile: text + "; the directory does not exist"
    case .exists: text + "; a file that is not a socket is there"
    default: text + " (\(cause.operation))"
    }
  }
}
