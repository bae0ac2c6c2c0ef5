import Bytes
import CLinux
import Glibc

/// An open file, socket or kernel object, owned by one value and closed with it.
public struct FileDescriptor: ~Copyable, Sendable {
  /// The kernel's number. Borrowed: valid while this value lives.
  public private(set) var number: Int32
  /// What was opened, for error messages: a path, or a socket's address.
  public let path: String

  /// Takes over `number`, which nobody else may close.
  public init(owning number: Int32, path: String) {
    self.number = number
    self.path = path
  }

  deinit {
    if number >= 0 { _ = Glibc.close(number) }
  }

  /// Closes, and reports what the kernel found while doing so (for a file on a network, lost writes). The
  /// number is gone in either case: Linux frees it even when `close(2)` fails.
  public consuming func close() throws(SystemError) {
    let number = self.number
    let path = self.path
    self.number = -1
    if Glibc.close(number) != 0 {
      throw SystemError(operation: "close", path: path, errno: lastErrno)
    }
  }
}

extension FileDescriptor {
  /// Reads up to `buffer.count` bytes from the present position; 0 at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
    try checked("read", path) { unsafe Glibc.read(number, buffer.baseAddress, buffer.count) }
  }

  /// Whether a read would return at once, now or within so many nanoseconds (rounded down to milliseconds):
  /// data, the end, or an error. Always true of regular files.
  public func isReadable(within nanoseconds: Int64) throws(SystemError) -> Bool {
    var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    return try checked("poll", path) { unsafe poll(&entry, 1, Int32(clamping: nanoseconds / 1_000_000)) } > 0
  }

  /// Reads from `offset` until `buffer` is full or the file ends. Returns the bytes read.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int
  ) throws(SystemError) -> Int {
    var done = 0
    while done < buffer.count {
      let got = try checked("read", path) {
        unsafe pread(number, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done, offset + done)
      }
      if got == 0 { break }
      done += got
    }
    return done
  }

  /// Appends up to `count` bytes from `offset` to `buffer`; fewer only where the file ends. Returns the bytes
  /// read.
  @discardableResult public func read(
    _ count: Int, at offset: Int, appendingTo buffer: inout ByteBuffer
  ) throws(SystemError) -> Int {
    let before = buffer.count
    try unsafe buffer.append(minimum: count) { (room) throws(SystemError) -> Int in
      try unsafe read(into: UnsafeMutableRawBufferPointer(rebasing: room[..<count]), at: offset)
    }
    return buffer.count - before
  }

  /// Writes all of `bytes` at the present position (for a pipe, or a file opened for appending: at its end).
  public func write(_ bytes: ByteView) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      let rest = bytes.dropFirst(done)
      done += try checked("write", path) {
        changing(.write(path: path, descriptor: number, bytes: rest, offset: nil)) {
          unsafe rest.withUnsafeBytes { unsafe Glibc.write(number, $0.baseAddress, $0.count) }
        }
      }
    }
  }

  /// Writes all of `bytes` from `offset`. When it throws, any part of them may have been written.
  public func write(_ bytes: ByteView, at offset: Int) throws(SystemError) {
    var done = 0
    while done < bytes.count {
      let rest = bytes.dropFirst(done)
      done += try checked("write", path) {
        changing(.write(path: path, descriptor: number, bytes: rest, offset: offset + done)) {
          unsafe rest.withUnsafeBytes { unsafe pwrite(number, $0.baseAddress, $0.count, offset + done) }
        }
      }
    }
  }

  /// What `fstat(2)` says of the open file.
  public func status() throws(SystemError) -> FileStatus {
    var status = stat()
    try checked("examine", path) { unsafe fstat(number, &status) }
    return FileStatus(status)
  }

  /// The file's size in bytes.
  public func size() throws(SystemError) -> Int { try status().size }

  /// Cuts the file off, or extends it with zeros, to `size` bytes.
  public func truncate(to size: Int) throws(SystemError) {
    try checked("truncate", path) {
      changing(.truncate(path: path, descriptor: number, size: size)) { ftruncate(number, size) }
    }
  }

  /// Reserves blocks for `[offset, offset + count)` without changing the file's size; false where the file
  /// system cannot.
  public func allocate(_ count: Int, at offset: Int) throws(SystemError) -> Bool {
    let result = uninterrupted {
      changing(.allocate(path: path, descriptor: number)) {
        linux_reserve_blocks(number, Int64(offset), Int64(count))
      }
    }
    if result == 0 { return true }
    if lastErrno == .unsupported { return false }
    throw SystemError(operation: "allocate", path: path, errno: lastErrno)
  }

  /// Waits until the file's data, and the size needed to read it, is on stable storage. A failure is final:
  /// the kernel may have dropped the pages, so calling again on this file and seeing success proves nothing.
  public func synchronizeData() throws(SystemError) {
    try checked("sync", path) {
      changing(.synchronizeData(path: path, descriptor: number)) { fdatasync(number) }
    }
  }

  /// As `synchronizeData`, with all metadata; for a directory, its entries.
  public func synchronize() throws(SystemError) {
    try checked("sync", path) {
      changing(.synchronize(path: path, descriptor: number)) { fsync(number) }
    }
  }

  /// Sets the permission bits.
  public func setMode(_ mode: UInt32) throws(SystemError) {
    try checked("change the mode of", path) { changing(.setMode(path: path)) { fchmod(number, mode) } }
  }

  /// Takes the exclusive advisory lock (`flock(2)`) without waiting; false when another open file holds it.
  /// The lock goes with the descriptor, so a killed process leaves none behind.
  public func tryLock() throws(SystemError) -> Bool {
    if uninterrupted({ flock(number, LOCK_EX | LOCK_NB) }) == 0 { return true }
    if lastErrno == .wouldBlock { return false }
    throw SystemError(operation: "lock", path: path, errno: lastErrno)
  }

  /// Gives the lock back. (Closing the last descriptor of the open file does too.)
  public func unlock() { _ = flock(number, LOCK_UN) }

  /// Advises the kernel that the file will be read once from front to back.
  public func adviseSequential() { _ = posix_fadvise(number, 0, 0, POSIX_FADV_SEQUENTIAL) }

  /// Tells the kernel that these bytes need not stay in memory; the next read asks the disk.
  public func adviseUnneeded(_ count: Int, at offset: Int) {
    _ = posix_fadvise(number, offset, count, POSIX_FADV_DONTNEED)
  }
}

/// What the file system knows about one file.
public struct FileStatus: Equatable, Sendable {
  public enum Kind: Sendable { case file, directory, symbolicLink, socket, other }
  public var kind: Kind
  /// Bytes.
  public var size: Int
  /// Permission bits.
  public var mode: UInt32
  /// Identifies the file within `device`.
  public var inode: UInt64
  public var device: UInt64
  /// Last change of the contents, nanoseconds since 1970 UTC.
  public var modified: Int64
  /// Names that lead to it; 0 once it was removed while it is open.
  public var linkCount: Int

  init(_ status: stat) {
    size = status.st_size
    mode = status.st_mode & 0o7777
    inode = UInt64(status.st_ino)
    device = UInt64(status.st_dev)
    linkCount = Int(status.st_nlink)
    modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    switch status.st_mode & S_IFMT {
    case S_IFREG: kind = .file
    case S_IFDIR: kind = .directory
    case S_IFLNK: kind = .symbolicLink
    case S_IFSOCK: kind = .socket
    default: kind = .other
    }
  }
}
