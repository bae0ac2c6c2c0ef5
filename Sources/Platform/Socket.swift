import Bytes
import CLinux
import Glibc

/// A socket, never blocking in its data calls, never raising SIGPIPE.
public struct Socket: ~Copyable, Sendable {
  public let descriptor: FileDescriptor
  /// What it is bound or connected to, for messages.
  public var path: String { descriptor.path }
  /// Whether somebody else opened it and keeps it open (`InheritedSockets`): nothing that outlives this process
  /// may be done to it.
  public let isInherited: Bool

  public enum Kind: Sendable { case datagram, stream }

  /// What a receiving call found.
  public enum Received: Equatable, Sendable {
    case bytes(Int)
    /// The peer has ended the stream.
    case end
    /// Nothing is there now.
    case nothing
  }

  init(_ number: Int32, _ path: String, isInherited: Bool = false) {
    descriptor = FileDescriptor(owning: number, path: path)
    self.isInherited = isInherited
  }

  /// An unbound, unconnected socket for addresses of the family of `address`.
  public init(_ kind: Kind, for address: SocketAddress) throws(SystemError) {
    let type = kind == .datagram ? SOCK_DGRAM : SOCK_STREAM
    let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = try checked("make a socket for", "\(address)") {
      socket(address.family, Int32(type.rawValue) | flags, 0)
    }
    self.init(number, "\(address)")
  }

  /// A socket bound to `address`. A stream socket still has to `listen`. With `reusePort`, several sockets of
  /// this user may be bound to one address, and the kernel spreads the senders over them.
  public init(
    _ kind: Kind, boundTo address: SocketAddress, reusePort: Bool = false
  ) throws(SystemError) {
    let made = try Socket(kind, for: address)
    // A restarted daemon must get its port back while old connections are in TIME_WAIT. For datagram sockets
    // the option would let any process of this user take the port as well.
    if case .ip = address, kind == .stream { try made.set(SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR") }
    if reusePort { try made.set(SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT") }
    try unsafe made.call("bind", address) { number, address, size in unsafe bind(number, address, size) }
    self = made
  }

  /// A socket connected to `address`. A stream connection is waited for, at most `patience` nanoseconds; by
  /// default as long as the system does.
  public init(
    _ kind: Kind, connectedTo address: SocketAddress, patience: Int64? = nil
  ) throws(SystemError) {
    let made = try Socket(kind, for: address)
    if let patience { try made.setSendTimeout(nanoseconds: patience) }
    let number = made.descriptor.number
    let flags = fcntl(number, F_GETFL)
    _ = fcntl(number, F_SETFL, flags & ~O_NONBLOCK)
    try unsafe made.call("connect to", address) { number, address, size in
      unsafe connect(number, address, size)
    }
    _ = fcntl(number, F_SETFL, flags)
    self = made
  }

  private func call(
    _ operation: String, _ address: SocketAddress,
    _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws(SystemError) {
    let number = descriptor.number
    let result = unsafe address.withSockaddr { address, size in
      uninterrupted { unsafe body(number, address, size) }
    }
    guard let result else {
      throw SystemError(operation: operation, path: "\(address)", errno: Errno(rawValue: ENAMETOOLONG))
    }
    if result != 0 { throw SystemError(operation: operation, path: "\(address)", errno: lastErrno) }
  }

  /// For how long connecting and sending may block (SO_SNDTIMEO, socket(7)).
  private func setSendTimeout(nanoseconds: Int64) throws(SystemError) {
    var time = timeval(
      tv_sec: Int(nanoseconds / 1_000_000_000), tv_usec: Int(nanoseconds % 1_000_000_000 / 1000))
    try checked("set SO_SNDTIMEO on", path) {
      unsafe setsockopt(
        descriptor.number, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  private func set(_ level: Int32, _ option: Int32, _ value: Int32, _ name: String) throws(SystemError) {
    var value = value
    try checked("set \(name) on", path) {
      unsafe setsockopt(descriptor.number, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
  }

  /// Closes the socket; it is closed in any case when the value ends.
  public consuming func close() {}

  // MARK: Settings

  /// Starts to accept connections; up to `backlog` of them wait to be accepted.
  public func listen(backlog: Int32 = 1024) throws(SystemError) {
    try checked("listen on", path) { Glibc.listen(descriptor.number, backlog) }
  }

  /// Asks for a receive buffer of `bytes`, over the system's limit (`net.core.rmem_max`) where this process
  /// may (CAP_NET_ADMIN). Returns what the kernel gave; it counts its own overhead, about 900 bytes for a
  /// short datagram, against this. An inherited socket's is never made smaller: who opened it may have been
  /// allowed more.
  @discardableResult public func setReceiveBuffer(_ bytes: Int) -> Int {
    if isInherited, receiveBuffer >= bytes { return receiveBuffer }
    var value = Int32(clamping: bytes)
    let size = socklen_t(MemoryLayout<Int32>.size)
    if unsafe setsockopt(descriptor.number, SOL_SOCKET, SO_RCVBUFFORCE, &value, size) != 0, !isInherited {
      _ = unsafe setsockopt(descriptor.number, SOL_SOCKET, SO_RCVBUF, &value, size)
    }
    return receiveBuffer
  }

  /// The receive buffer's size in bytes, as the kernel counts it (twice what was asked for).
  public var receiveBuffer: Int {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    _ = unsafe getsockopt(descriptor.number, SOL_SOCKET, SO_RCVBUF, &value, &size)
    return Int(value)
  }

  /// Lets the kernel note when each datagram arrived, and how many it had dropped before (SO_TIMESTAMPNS,
  /// SO_RXQ_OVFL).
  public func enableReceiveTimesAndDropCounts() throws(SystemError) {
    try set(SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS")
    try set(SOL_SOCKET, SO_RXQ_OVFL, 1, "SO_RXQ_OVFL")
  }

  /// Lets the kernel note which process sent each datagram (SO_PASSCRED; unix sockets).
  public func enableCredentials() throws(SystemError) {
    try set(SOL_SOCKET, SO_PASSCRED, 1, "SO_PASSCRED")
  }

  /// Sends what is written at once instead of waiting for more (TCP_NODELAY).
  public func disableDelay() { try? set(Int32(IPPROTO_TCP), TCP_NODELAY, 1, "TCP_NODELAY") }

  /// Finds out in the end that a silent peer is gone (SO_KEEPALIVE): after 60 s, then 6 times 10 s.
  public func enableKeepAlive() {
    try? set(SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE")
    try? set(Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60, "TCP_KEEPIDLE")
    try? set(Int32(IPPROTO_TCP), TCP_KEEPINTVL, 10, "TCP_KEEPINTVL")
    try? set(Int32(IPPROTO_TCP), TCP_KEEPCNT, 6, "TCP_KEEPCNT")
  }

  // MARK: Addresses

  /// Where the socket is bound: tells the port that the kernel chose for port 0.
  public func localAddress() -> SocketAddress? {
    unsafe Self.address { unsafe getsockname(descriptor.number, $0, $1) }
  }

  /// Whom the socket is connected to.
  public func peerAddress() -> SocketAddress? {
    unsafe Self.address { unsafe getpeername(descriptor.number, $0, $1) }
  }

  /// Which process made the connection, and as whom, at that time (SO_PEERCRED, unix(7)); nil for what is no
  /// connected unix socket.
  public var peerCredentials: (process: UInt32, user: UInt32, group: UInt32)? {
    // struct ucred: pid_t, uid_t, gid_t.
    var who: [UInt32] = [0, 0, 0]
    var size = socklen_t(12)
    let result = unsafe getsockopt(descriptor.number, SOL_SOCKET, SO_PEERCRED, &who, &size)
    return result == 0 && size == 12 ? (who[0], who[1], who[2]) : nil
  }

  static func address(
    _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) -> SocketAddress? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe call(address, &size) == 0 ? SocketAddress(address) : nil
      }
    }
  }

  // MARK: Data

  /// The next waiting connection; nil when there is none. Fails with `.tooManyOpenFiles` at the process's
  /// limit.
  public func accept() throws(SystemError) -> Socket? {
    let number = uninterrupted { linux_accept(descriptor.number) }
    if number >= 0 { return Socket(number, path) }
    switch lastErrno.rawValue {
    // The peer gave up before it was accepted, which is no fault of the listening socket (accept(2), "Error
    // handling"); the next one is found when the caller comes again.
    case EAGAIN, ECONNABORTED, EPROTO, ENETDOWN, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH, ENONET: return nil
    default: throw SystemError(operation: "accept a connection on", path: path, errno: lastErrno)
    }
  }

  /// As `receive`, but what is found stays there and is found again.
  public func peek(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Received {
    try unsafe receive(into: buffer, flags: Int32(MSG_PEEK))
  }

  /// Receives from a stream what is there, up to `buffer.count` bytes.
  public func receive(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Received {
    try unsafe receive(into: buffer, flags: 0)
  }

  private func receive(
    into buffer: UnsafeMutableRawBufferPointer, flags: Int32
  ) throws(SystemError) -> Received {
    let got = uninterrupted { unsafe recv(descriptor.number, buffer.baseAddress, buffer.count, flags) }
    if got > 0 { return .bytes(got) }
    if got == 0 { return .end }
    if lastErrno == .wouldBlock { return .nothing }
    throw SystemError(operation: "receive from", path: path, errno: lastErrno)
  }

  /// Sends what the kernel takes now; returns how many bytes that were (for a datagram: all or none).
  public func send(_ bytes: ByteView) throws(SystemError) -> Int {
    let sent = unsafe bytes.withUnsafeBytes { buffer in
      uninterrupted {
        unsafe Glibc.send(descriptor.number, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
      }
    }
    if sent >= 0 { return sent }
    if lastErrno == .wouldBlock { return 0 }
    throw SystemError(operation: "send to", path: path, errno: lastErrno)
  }

  /// Bytes that a stream's receive queue holds now.
  public var waitingBytes: Int { max(0, Int(linux_bytes_waiting(descriptor.number))) }

  /// Bytes sent on a stream that the peer's kernel has not acknowledged yet.
  public var unacknowledgedBytes: Int { max(0, Int(linux_bytes_unacknowledged(descriptor.number))) }

  /// Ends the receiving side: what has arrived can still be read, senders are told that nobody listens any
  /// more.
  public func shutdownReceiving() { _ = shutdown(descriptor.number, Int32(SHUT_RD)) }

  /// Ends the sending side.
  public func shutdownSending() { _ = shutdown(descriptor.number, Int32(SHUT_WR)) }

  // MARK: Drops

  /// A socket's receive queue, as the kernel counts it (SO_MEMINFO).
  public struct ReceiveQueue: Sendable {
    /// Bytes of kernel memory in use, and how many may be: a short datagram takes about 1,280.
    public var bytes: UInt32
    public var limit: UInt32
    /// Datagrams that the kernel has dropped, modulo 2^32: there was no room, or they were damaged.
    public var drops: UInt32
  }

  public func receiveQueue() throws(SystemError) -> ReceiveQueue {
    var queue = ReceiveQueue(bytes: 0, limit: 0, drops: 0)
    try checked("read the drop counter of", path) {
      unsafe linux_socket_memory(descriptor.number, &queue.bytes, &queue.limit, &queue.drops)
    }
    return queue
  }

  /// How many of these drops have been accounted for already, by whichever process: the socket itself remembers
  /// it, since an inherited one, and its counter, outlive the process. The kernel has no field for such a note;
  /// this is the limit of the sending rate (SO_MAX_PACING_RATE), which no socket needs that only receives.
  public var accountedDrops: UInt32 {
    get {
      var value = UInt64.max
      var size = socklen_t(MemoryLayout<UInt64>.size)
      let result = unsafe getsockopt(descriptor.number, SOL_SOCKET, SO_MAX_PACING_RATE, &value, &size)
      return result == 0 && value <= UInt32.max ? UInt32(value) : 0
    }
    nonmutating set {
      var value = UInt64(newValue)
      let size = socklen_t(MemoryLayout<UInt64>.size)
      _ = unsafe setsockopt(descriptor.number, SOL_SOCKET, SO_MAX_PACING_RATE, &value, size)
    }
  }

  /// Lets the kernel drop, and count, every datagram that arrives from now on. What has arrived can still be
  /// read: so a socket can be emptied and its last drop counter be exact.
  public func refuseDatagrams() throws(SystemError) {
    try checked("close to datagrams", path) { linux_refuse_datagrams(descriptor.number) }
  }
}
