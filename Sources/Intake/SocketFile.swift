import Platform

/// The file by which senders find a unix socket.
struct SocketFile: Sendable {
  let path: String
  private let status: FileStatus?

  /// Notes which file is at `path` now.
  private init(_ path: String) throws(SystemError) {
    let (directory, name) = Self.split(path)
    self.path = path
    status = try Directory(directory).status(of: name)
  }

  /// Binds a socket to `path`, in place of a socket file that a dead process has left there; any
  /// other file is left alone, and so is a socket that somebody reads. Fills in `file`.
  static func bind(
    _ kind: Socket.Kind, _ path: String, mode: UInt32, file: inout SocketFile?
  ) throws(SystemError) -> Socket {
    let (directoryPath, name) = split(path)
    let directory = try Directory(directoryPath)
    if let existing = try directory.status(of: name) {
      guard existing.kind == .socket else {
        throw SystemError(operation: "bind", path: path, errno: .exists)
      }
      guard !isRead(path) else { throw SystemError(operation: "bind", path: path, errno: .addressInUse) }
      try directory.remove(name)
    }
    let socket = try Socket(kind, boundTo: .unix(path: path))
    try directory.setMode(mode, of: name)
    file = try SocketFile(path)
    return socket
  }

  /// Removes the file, unless another one has taken its place.
  func remove() {
    let (directoryPath, name) = Self.split(path)
    guard let directory = try? Directory(directoryPath), let status,
      let now = try? directory.status(of: name), now.inode == status.inode, now.device == status.device
    else { return }
    _ = try? directory.remove(name)
  }

  /// Whether a process has the socket open. A datagram socket asks, for it disturbs a listening one as little: the
  /// kernel says that the types differ, and no connection is made.
  private static func isRead(_ path: String) -> Bool {
    do throws(SystemError) {
      _ = try Socket(.datagram, connectedTo: .unix(path: path))
      return true
    } catch {
      // Nobody has it open; or it is of another type, and then somebody has.
      return error.errno != .connectionRefused
    }
  }

  private static func split(_ path: String) -> (directory: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return (".", path) }
    let directory = slash == path.startIndex ? "/" : String(path[..<slash])
    return (directory, String(path[path.index(after: slash)...]))
  }
}
