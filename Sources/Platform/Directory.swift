import Bytes
import CLinux
import Glibc

/// An open directory, and the durable operations on the files in it.
///
/// Names are relative to it (they may contain `/` to reach a subdirectory that exists), so a directory that
/// is renamed or replaced while the program runs is never half seen. Creating, renaming and removing become
/// durable with `synchronize()` alone; `replaceFile` does everything itself.
public struct Directory: ~Copyable, Sendable {
  public let descriptor: FileDescriptor
  public var path: String { descriptor.path }

  /// How a file is opened.
  public enum Access: Sendable {
    case read, readWrite
    /// Every write goes to the end.
    case append
  }

  /// Opens the directory at `path`.
  public init(_ path: String) throws(SystemError) {
    let number = try checked("open", path) { unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    descriptor = FileDescriptor(owning: number, path: path)
  }

  /// Makes the directory at `path` (its parent must exist; it may itself exist already) and opens it.
  public init(making path: String, mode: UInt32 = 0o750) throws(SystemError) {
    if changing(.makeDirectory(path: path), { unsafe mkdir(path, mode) }) != 0, lastErrno != .exists {
      throw SystemError(operation: "make directory", path: path, errno: lastErrno)
    }
    try self.init(path)
  }

  /// Gives its lock back at once, if it has one. Closing alone would leave that to the last copy of the
  /// descriptor, and a child between fork and exec has one.
  deinit { descriptor.unlock() }

  func full(_ name: String) -> String { name.isEmpty ? path : path + "/" + name }

  /// Opens an existing file.
  public func openFile(_ name: String, _ access: Access = .read) throws(SystemError) -> FileDescriptor {
    let mode =
      switch access {
      case .read: O_RDONLY
      case .readWrite: O_RDWR
      case .append: O_WRONLY | O_APPEND
      }
    let full = full(name)
    let number = try checked("open", full) { unsafe openat(descriptor.number, name, mode | O_CLOEXEC) }
    return FileDescriptor(owning: number, path: full)
  }

  /// Makes a new file, open for reading and writing; fails with `.exists` when there is one by that name.
  public func createFile(_ name: String, mode: UInt32 = 0o640) throws(SystemError) -> FileDescriptor {
    let full = full(name)
    let number = try checked("create", full) {
      changing(.create(path: full)) {
        unsafe openat(descriptor.number, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)
      }
    }
    return FileDescriptor(owning: number, path: full)
  }

  /// Opens a directory in this one.
  public func openDirectory(_ name: String) throws(SystemError) -> Directory { try Directory(full(name)) }

  /// Makes a directory in this one; nothing happens when it exists.
  public func makeDirectory(_ name: String, mode: UInt32 = 0o750) throws(SystemError) {
    let result = changing(.makeDirectory(path: full(name))) { unsafe mkdirat(descriptor.number, name, mode) }
    if result != 0, lastErrno != .exists {
      throw SystemError(operation: "make directory", path: full(name), errno: lastErrno)
    }
  }

  /// The directory of a path, with the `/` at its end, and what stands behind that.
  public static func split(_ path: String) -> (parent: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("./", path) }
    return (String(path[...slash]), String(path[path.index(after: slash)...]))
  }

  /// Gives a file another name, replacing what has it.
  public func rename(_ name: String, to newName: String) throws(SystemError) {
    try checked("rename", full(name)) {
      changing(.rename(path: full(name), to: full(newName))) {
        unsafe renameat(descriptor.number, name, descriptor.number, newName)
      }
    }
  }

  /// Removes a file; false when there is none.
  @discardableResult public func remove(_ name: String) throws(SystemError) -> Bool {
    let result = uninterrupted {
      changing(.remove(path: full(name))) { unsafe unlinkat(descriptor.number, name, 0) }
    }
    if result == 0 { return true }
    if lastErrno == .noSuchFile { return false }
    throw SystemError(operation: "remove", path: full(name), errno: lastErrno)
  }

  /// Removes an empty directory; false when there is none.
  @discardableResult public func removeDirectory(_ name: String) throws(SystemError) -> Bool {
    let result = uninterrupted {
      changing(.removeDirectory(path: full(name))) { unsafe unlinkat(descriptor.number, name, AT_REMOVEDIR) }
    }
    if result == 0 { return true }
    if lastErrno == .noSuchFile { return false }
    throw SystemError(operation: "remove", path: full(name), errno: lastErrno)
  }

  /// Sets a file's permission bits.
  public func setMode(_ mode: UInt32, of name: String) throws(SystemError) {
    try checked("change the mode of", full(name)) {
      changing(.setMode(path: full(name))) { unsafe fchmodat(descriptor.number, name, mode, 0) }
    }
  }

  /// What the file system knows of `name`; nil when there is none. Symbolic links are followed only when asked.
  public func status(
    of name: String, followingLinks: Bool = false
  ) throws(SystemError) -> FileStatus? {
    var status = stat()
    let flags = followingLinks ? 0 : AT_SYMLINK_NOFOLLOW
    if uninterrupted({ unsafe fstatat(descriptor.number, name, &status, flags) }) == 0 {
      return FileStatus(status)
    }
    if lastErrno == .noSuchFile { return nil }
    throw SystemError(operation: "examine", path: full(name), errno: lastErrno)
  }

  /// The names in the directory, sorted by bytes, without `.` and `..`.
  public func names() throws(SystemError) -> [String] {
    let number = try checked("list", path) {
      unsafe openat(descriptor.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
    guard let stream = unsafe fdopendir(number) else {
      let error = lastErrno
      _ = close(number)
      throw SystemError(operation: "list", path: path, errno: error)
    }
    defer { _ = unsafe closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else { break }
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    if lastErrno.rawValue != 0 { throw SystemError(operation: "list", path: path, errno: lastErrno) }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Makes created, renamed and removed names durable.
  public func synchronize() throws(SystemError) { try descriptor.synchronize() }

  /// Makes everything on the directory's file system durable: for many new files at once.
  public func synchronizeFileSystem() throws(SystemError) {
    try checked("sync", path) { linux_sync_file_system(descriptor.number) }
  }

  /// Takes the exclusive lock on the directory without waiting; false when another process has it.
  public func tryLock() throws(SystemError) -> Bool { try descriptor.tryLock() }

  /// Gives the lock back.
  public func unlock() { descriptor.unlock() }

  /// Appends the whole of a file to `buffer`. A file over `limit` bytes fails with `.tooBig` and appends
  /// nothing.
  public func readFile(_ name: String, limit: Int, into buffer: inout ByteBuffer) throws(SystemError) {
    let file = try openFile(name)
    try file.readAll(limit: limit, into: &buffer)
  }

  /// The whole of a file, at most `limit` bytes.
  public func readFile(_ name: String, limit: Int) throws(SystemError) -> ByteBuffer {
    var buffer = ByteBuffer()
    try readFile(name, limit: limit, into: &buffer)
    return buffer
  }

  /// Gives the file `name` new contents, whole and durable, or leaves it as it was. A crash at any point
  /// leaves the old or the new contents, and at worst a file `name.new`, which the next call removes. (It does
  /// not empty it: without a journal, a crash may leave both names of the one file.)
  ///
  ///     unlinkat(name.new)   openat(name.new, O_RDWR|O_CREAT|O_EXCL)   pwrite…   fchmod   fsync   close
  ///     renameat(name.new, name)
  ///     fsync(directory)
  public func replaceFile(
    _ name: String, with contents: ByteView, mode: UInt32 = 0o640
  ) throws(SystemError) {
    let temporary = name + ".new"
    try remove(temporary)
    let file = try createFile(temporary, mode: mode)
    try file.write(contents, at: 0)
    try file.setMode(mode)
    try file.synchronize()
    try file.close()
    try rename(temporary, to: name)
    // The name lives in the directory that holds the file, which need not be this one.
    if let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) {
      try openDirectory(String(name[..<slash])).synchronize()
    } else {
      try synchronize()
    }
  }
}

extension Directory {
  /// Makes the name of what is at `path` survive a power loss, unless its directory may not be read.
  public static func synchronizeParent(of path: String) throws(SystemError) {
    var name = path[...]
    while name.utf8.count > 1, name.hasSuffix("/") { name.removeLast() }
    let parent = name.lastIndex(of: "/").map { $0 == name.startIndex ? "/" : String(name[..<$0]) } ?? "."
    if let directory = try? Directory(parent) { try directory.synchronize() }
  }
}

extension FileDescriptor {
  /// Opens the existing file at `path` for reading. Without `waiting`, a named pipe does not keep it until somebody
  /// writes there.
  public init(reading path: String, waiting: Bool = true) throws(SystemError) {
    let flags = O_RDONLY | O_CLOEXEC | (waiting ? 0 : O_NONBLOCK)
    let number = try checked("open", path) { unsafe open(path, flags) }
    self.init(owning: number, path: path)
  }

  /// Opens the existing file at `path` for reading and writing in place.
  public init(updating path: String) throws(SystemError) {
    let number = try checked("open", path) { unsafe open(path, O_RDWR | O_CLOEXEC) }
    self.init(owning: number, path: path)
  }

  /// Opens the file at `path` for writing, made when it is not there and emptied when it is.
  public init(writing path: String, mode: UInt32 = 0o640) throws(SystemError) {
    let number = try checked("open", path) {
      changing(.create(path: path)) { unsafe open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, mode) }
    }
    self.init(owning: number, path: path)
  }

  /// Makes a new file at `path`; fails with `.exists` when there is one.
  public init(creating path: String, mode: UInt32 = 0o640) throws(SystemError) {
    let number = try checked("create", path) {
      changing(.create(path: path)) { unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode) }
    }
    self.init(owning: number, path: path)
  }

  /// Appends everything from the start of the file (or, for a pipe, all that comes) to `buffer`. More than
  /// `limit` bytes fail with `.tooBig`, and then `buffer` is as it was.
  public func readAll(limit: Int, into buffer: inout ByteBuffer) throws(SystemError) {
    let start = buffer.count
    let expected = try status()
    let seekable = expected.kind == .file
    // One byte more than the file is said to hold, so that the end is seen without a second growth.
    var step = seekable ? min(expected.size, limit) + 1 : 65_536
    while true {
      let before = buffer.count
      try unsafe buffer.append(minimum: step) { (room) throws(SystemError) -> Int in
        seekable
          ? try unsafe read(into: UnsafeMutableRawBufferPointer(rebasing: room[..<step]), at: before - start)
          : try unsafe read(into: UnsafeMutableRawBufferPointer(rebasing: room[..<step]))
      }
      let got = buffer.count - before
      if buffer.count - start > limit {
        buffer.truncate(to: start)
        throw SystemError(operation: "read", path: path, errno: .tooBig)
      }
      if got == 0 || (seekable && got < step) { return }
      step = 65_536
    }
  }
}
