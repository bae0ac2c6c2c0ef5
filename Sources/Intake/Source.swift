import Platform
import Syslog
import TLS

/// One configured input.
public struct Source: Sendable {
  public enum Endpoint: Sendable {
    /// `sockets` sockets share the address, and the kernel spreads the senders over them.
    case udp(SocketAddress, sockets: Int = 1)
    case tcp(SocketAddress)
    case tls(SocketAddress, TLSServerContext)
    /// A datagram socket in the file system, with these permission bits. All may write to it by default: load
    /// balancers run as their own users.
    case unixDatagram(path: String, mode: UInt32 = 0o666)
    /// A stream socket in the file system, likewise.
    case unixStream(path: String, mode: UInt32 = 0o666)
    /// Files that are read as they grow: from their beginning, or, while nothing of them is stored, from where they end
    /// when they are looked at first.
    case files(FilePattern, startsAtEnd: Bool = false)
  }

  /// Whether what is bound for this source can go on for `other`: the same kind of socket at the same address, or the
  /// same files.
  /// A port that the kernel chooses is the same only for the same source.
  public func sharesSocket(with other: Source) -> Bool {
    switch (endpoint, other.endpoint) {
    case (.udp(let address, let sockets), .udp(let otherAddress, let otherSockets)):
      address == otherAddress && sockets == otherSockets && (!address.isOfAnyPort || name == other.name)
    case (.tcp(let address), .tcp(let otherAddress)), (.tcp(let address), .tls(let otherAddress, _)),
      (.tls(let address, _), .tcp(let otherAddress)), (.tls(let address, _), .tls(let otherAddress, _)):
      address == otherAddress && (!address.isOfAnyPort || name == other.name)
    case (.unixDatagram(let path, let mode), .unixDatagram(let otherPath, let otherMode)),
      (.unixStream(let path, let mode), .unixStream(let otherPath, let otherMode)):
      path == otherPath && mode == otherMode
    case (.files(let pattern, _), .files(let otherPattern, _)): pattern == otherPattern
    default: false
    }
  }

  /// Whether connections are framed and deciphered in the same way as those of `other`.
  public func hasKind(of other: Source) -> Bool {
    switch (endpoint, other.endpoint) {
    case (.udp, .udp), (.tcp, .tcp), (.tls, .tls), (.unixDatagram, .unixDatagram),
      (.unixStream, .unixStream), (.files, .files):
      true
    default: false
    }
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
  /// Connections begin with a PROXY protocol header, which names whom the proxy speaks for.
  public var expectsProxy = false
  /// Who may send, by address; nil: everybody. Says nothing for unix sockets.
  public var allow: AllowList?
  /// Connections at a time; more are closed at once.
  public var connectionLimit = Limits.connections
  /// Connections of one peer at a time; nil: as many as the source may have. To this and the rate, an IPv6
  /// network of 64 bits is one peer.
  public var connectionsPerPeer: Int?
  /// A connection on which nothing comes for so long is ended, nanoseconds; nil: never.
  public var idleTimeout: Int64?
  /// Messages of one peer; nil: as many as come. Streams are read more slowly, datagrams above it are dropped
  /// and counted.
  public var rate: RateLimit?
  /// Who may come to a TLS source; nil: everybody whose certificate is valid.
  public var clients: ClientList?

  public init(id: UInt32, name: String, endpoint: Endpoint) {
    self.id = id
    self.name = name
    self.endpoint = endpoint
  }

  /// What its connections share; nil for all but TLS sources.
  public var tls: TLSServerContext? {
    if case .tls(_, let context) = endpoint { context } else { nil }
  }

  /// What its connections' envelopes say of where they came; nil for what has no connections.
  var streamTransport: Envelope.Transport? {
    switch endpoint {
    case .tcp: .tcp
    case .tls: .tls
    case .unixStream: .unixStream
    case .udp, .unixDatagram, .files: nil
    }
  }

  /// The endpoint as configurations write it: `udp://0.0.0.0:514`.
  public var url: String {
    switch endpoint {
    case .udp(let address, _): "udp://\(address)"
    case .tcp(let address): "tcp://\(address)"
    case .tls(let address, _): "tls://\(address)"
    case .unixDatagram(let path, _): "unix://\(path)"
    case .unixStream(let path, _): "unix-stream://\(path)"
    case .files(let pattern, _): "file:\(pattern)"
    }
  }
}

extension SocketAddress {
  /// The kernel chooses the port.
  fileprivate var isOfAnyPort: Bool { if case .ip(_, 0) = self { true } else { false } }
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
    case .addressInUse: text + "; another process, or another source, has it" + holder + Self.inherited
    case .accessDenied, .notPermitted:
      url.hasPrefix("unix")
        ? text + "; this user may not write to the directory"
        : text + "; ports below 1024 need CAP_NET_BIND_SERVICE: take a larger one, or let systemd open it "
          + "(ListenDatagram= or ListenStream= in stele.socket)"
    case .addressNotAvailable: text + "; this host does not have that address"
    case .noSuchFile: text + "; the directory does not exist: make it, for the user that runs this"
    case .exists: text + "; a file that is not a socket is there"
    default: text + " (\(cause.operation))"
    }
  }

  /// How to find out who has the port.
  private var holder: String {
    guard let port = url.lastIndex(of: ":"), !url.hasPrefix("unix:") else { return "" }
    return " (ss -lnp\(url.hasPrefix("udp:") ? "u" : "t") 'sport = \(url[port...])' tells which)"
  }

  /// The service manager has opened a socket, and the source spells its address otherwise.
  private static var inherited: String {
    let sockets = InheritedSockets.ofProcess.unclaimed
    if sockets.isEmpty { return "" }
    return
      "; systemd has opened the \(sockets.joined(separator: ", the ")): listen: must name the same address"
  }
}
