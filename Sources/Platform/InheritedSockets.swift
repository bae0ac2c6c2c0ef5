import Glibc
import Synchronization

/// Sockets that the service manager opened before it started this process, and that stay open when it ends
/// (socket activation, sd_listen_fds(3)): what arrives while a daemon is restarted waits in them.
///
/// They are kept open to the end of the process and lent as duplicates, so that a source that goes and comes back
/// finds its socket again.
public final class InheritedSockets: Sendable {
  fileprivate struct Entry: Sendable {
    let number: Int32
    /// Of the socket's unit (`FileDescriptorName=`).
    let name: String
    let kind: Socket.Kind
    /// Nil where it has none that a source could name.
    let address: SocketAddress?
  }

  private let entries: [Entry]
  private let lent = Mutex<Set<Int32>>([])

  /// Those of this process, as `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` tell, which are removed from the
  /// environment: they do not concern the programs that this one starts.
  public static let ofProcess = InheritedSockets(taken: Process.takeListenVariables())

  private convenience init(taken variables: (process: String?, count: String?, names: String?)) {
    let count =
      variables.process.flatMap(Int32.init) == getpid() ? variables.count.flatMap(Int32.init) ?? 0 : 0
    let names = (variables.names ?? "").split(separator: ":", omittingEmptySubsequences: false).map(
      String.init)
    // SD_LISTEN_FDS_START.
    self.init(Array(3..<(3 + max(0, min(count, 1024)))), names: names)
  }

  /// Takes over these descriptors; `names` in the same order. What is not a socket is left alone.
  public init(_ numbers: [Int32], names: [String] = []) {
    entries = numbers.enumerated().compactMap { index, number in
      Entry(number, name: index < names.count ? names[index] : "")
    }
  }

  deinit {
    for entry in entries { _ = close(entry.number) }
  }

  /// The socket at `address`, or that has the source's name; where several are, the one of that number (from 0);
  /// where there is none, what `make` makes. It never blocks, as all sockets here.
  public func socket(
    _ kind: Socket.Kind, at address: SocketAddress, named name: String, number: Int = 0,
    orElse make: () throws(SystemError) -> Socket
  ) throws(SystemError) -> Socket {
    let those = entries.filter { $0.kind == kind && ($0.address == address || $0.name == name) }
    if number >= those.count { return try make() }
    let entry = those[number]
    let copy = try checked("take over", "\(address)") { fcntl(entry.number, F_DUPFD_CLOEXEC, 3) }
    lent.withLock { _ = $0.insert(entry.number) }
    return Socket(copy, "\(entry.address ?? address)", isInherited: true)
  }

  /// What nobody has asked for so far: senders that use these sockets talk to nobody.
  public var unclaimed: [String] {
    let lent = lent.withLock { $0 }
    return entries.filter { !lent.contains($0.number) }.map { entry in
      let kind = entry.kind == .datagram ? "datagram" : "stream"
      return "\(kind) socket \(entry.address.map { "\($0)" } ?? "without an address") (\(entry.name))"
    }
  }
}

extension InheritedSockets.Entry {
  fileprivate init?(_ number: Int32, name: String) {
    var type: Int32 = 0
    var isListening: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &size) == 0 else { return nil }
    _ = unsafe getsockopt(number, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size)
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
    self.number = number
    self.name = name
    switch UInt32(type) {
    case SOCK_DGRAM.rawValue: kind = .datagram
    case SOCK_STREAM.rawValue where isListening != 0: kind = .stream
    default: return nil
    }
    address = unsafe Socket.address { unsafe getsockname(number, $0, $1) }
  }
}
