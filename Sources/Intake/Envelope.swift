import Bytes
import Platform
import Segments
import TLS

/// What the transport knew of a message, apart from its bytes: constant for a connection, or for the sender
/// of datagrams, and stored once for many messages.
///
///     envelope = transport u8, field…        field = tag u8, length u8, length bytes
public struct Envelope: ~Copyable, Sendable {
  public enum Transport: UInt8, Sendable, CaseIterable {
    case file = 0
    case udp = 1
    case tcp = 2
    case tls = 3
    case unixDatagram = 4
    case control = 5
    case standardInput = 6
    case unixStream = 7
  }

  public enum Tag: UInt8, Sendable, CaseIterable {
    /// 4 or 16 bytes, network order.
    case peerAddress = 1
    /// u16, little-endian.
    case peerPort = 2
    /// u64, little-endian: counts from 1 since the daemon was started.
    case connection = 3
    /// SHA-256 of the client's certificate.
    case certificate = 4
    /// Subject and alternative names of the client's certificate, UTF-8.
    case subject = 5
    /// A file's path.
    case path = 6
    /// Process, user and group of a sender on the same host: three u32, little-endian.
    case credentials = 7
    /// How far a followed file is stored with the lines that have this envelope; see `FilePosition`.
    case position = 8
    /// The proxy that passed the connection on: 4 or 16 bytes in network order, and u16, little-endian, the port.
    /// The peer is then whom the proxy speaks for.
    case proxy = 9
  }

  private var buffer: ByteBuffer

  /// Bytes of the longest envelope that a connection has.
  static let mostBytes = 1 + 18 + 4 + 20 + 10 + 34 + 2 + PeerCertificate.textLimit
  /// Bytes of the longest envelope that a followed file has.
  static let mostFileBytes = 1 + 2 + 255 + 2 + FilePosition.byteCount

  public init(_ transport: Transport) {
    buffer = ByteBuffer(capacity: 48)
    buffer.append(transport.rawValue)
  }

  /// The encoded envelope. Valid until it is changed or freed.
  public var view: ByteView { buffer.view }

  /// Adds a field of at most 255 bytes.
  public mutating func add(_ tag: Tag, _ bytes: ByteView) {
    precondition(bytes.count <= 255)
    buffer.append(tag.rawValue)
    buffer.append(UInt8(bytes.count))
    buffer.append(bytes)
  }

  /// Adds a peer's address and port.
  public mutating func add(peer address: IPAddress, port: UInt16) {
    buffer.append(Tag.peerAddress.rawValue)
    buffer.append(UInt8(address.byteCount))
    address.append(to: &buffer)
    buffer.append(Tag.peerPort.rawValue)
    buffer.append(2)
    buffer.append(littleEndian: port)
  }

  /// Adds the proxy's address and port.
  public mutating func add(proxy address: IPAddress, port: UInt16) {
    buffer.append(Tag.proxy.rawValue)
    buffer.append(UInt8(address.byteCount + 2))
    address.append(to: &buffer)
    buffer.append(littleEndian: port)
  }

  /// Adds the connection's number.
  public mutating func add(connection: UInt64) {
    buffer.append(Tag.connection.rawValue)
    buffer.append(8)
    buffer.append(littleEndian: connection)
  }

  /// Adds a client certificate's identity.
  public mutating func add(_ certificate: PeerCertificate) {
    certificate.fingerprint.withView { add(.certificate, $0) }
    if !certificate.text.isEmpty { Array(certificate.text.utf8).withView { add(.subject, $0) } }
  }

  /// Adds who sent a datagram, or made a connection, on the same host.
  public mutating func add(processID: UInt32, userID: UInt32, groupID: UInt32) {
    buffer.append(Tag.credentials.rawValue)
    buffer.append(12)
    buffer.append(littleEndian: processID)
    buffer.append(littleEndian: userID)
    buffer.append(littleEndian: groupID)
  }

  /// What is known of lines of a followed file, up to `position`.
  init(_ position: FilePosition) {
    self.init(.file)
    let path = Array(position.path.utf8)
    path.withView { add(.path, $0.dropFirst(max(0, $0.count - 255))) }
    buffer.append(FilePosition.tag)
    buffer.append(UInt8(FilePosition.byteCount))
    position.append(to: &buffer)
  }

  init(_ transport: Transport, _ peer: Datagram.Peer) {
    self.init(transport)
    if let address = peer.address { add(peer: address, port: peer.port) }
    if peer.hasCredentials {
      add(processID: peer.processID, userID: peer.userID, groupID: peer.groupID)
    }
  }
}
