import Glibc

/// An error number of the operating system, as `errno(3)` lists them.
public struct Errno: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  public var rawValue: Int32

  public init(rawValue: Int32) { self.rawValue = rawValue }

  public static let interrupted = Errno(rawValue: EINTR)
  public static let noSuchFile = Errno(rawValue: ENOENT)
  public static let exists = Errno(rawValue: EEXIST)
  public static let notPermitted = Errno(rawValue: EPERM)
  public static let accessDenied = Errno(rawValue: EACCES)
  public static let readOnly = Errno(rawValue: EROFS)
  public static let wouldBlock = Errno(rawValue: EAGAIN)
  public static let inputOutput = Errno(rawValue: EIO)
  public static let noSpace = Errno(rawValue: ENOSPC)
  public static let tooBig = Errno(rawValue: EFBIG)
  public static let invalid = Errno(rawValue: EINVAL)
  public static let notDirectory = Errno(rawValue: ENOTDIR)
  public static let isDirectory = Errno(rawValue: EISDIR)
  public static let notEmpty = Errno(rawValue: ENOTEMPTY)
  public static let unsupported = Errno(rawValue: EOPNOTSUPP)
  public static let addressInUse = Errno(rawValue: EADDRINUSE)
  public static let addressNotAvailable = Errno(rawValue: EADDRNOTAVAIL)
  public static let connectionRefused = Errno(rawValue: ECONNREFUSED)
  public static let connectionReset = Errno(rawValue: ECONNRESET)
  public static let brokenPipe = Errno(rawValue: EPIPE)
  public static let tooManyOpenFiles = Errno(rawValue: EMFILE)
  public static let tooManyOpenFilesInSystem = Errno(rawValue: ENFILE)

  /// The system's own words (`strerror(3)`): "No such file or directory".
  public var description: String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      guard let base = buffer.baseAddress, unsafe strerror_r(rawValue, base, 256) == 0 else {
        return "error \(rawValue)"
      }
      return unsafe String(cString: base)
    }
  }
}

/// A system call that failed: which one, on what, and why.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was tried, as a verb phrase: "open", "sync", "bind".
  public var operation: String
  /// The file's path, or the socket's address; empty when there is neither.
  public var path: String
  public var errno: Errno

  public init(operation: String, path: String, errno: Errno) {
    self.operation = operation
    self.path = path
    self.errno = errno
  }

  public var description: String {
    path.isEmpty ? "cannot \(operation): \(errno)" : "cannot \(operation) \(path): \(errno)"
  }
}

/// The error number of the calling thread's last failed call.
var lastErrno: Errno { Errno(rawValue: Glibc.errno) }

/// Runs a system call, again for as long as a signal interrupts it: the one place that knows of EINTR. The
/// result is the call's own, -1 with `lastErrno` set when it failed. Not for `close`, which must never be
/// repeated.
@inline(__always) func uninterrupted<T: SignedInteger>(_ call: () -> T) -> T {
  while true {
    let result = call()
    if result != -1 || lastErrno != .interrupted { return result }
  }
}

/// Runs a system call to its end and turns failure into a `SystemError`.
@inline(__always) @discardableResult func checked<T: SignedInteger>(
  _ operation: String, _ path: String, _ call: () -> T
) throws(SystemError) -> T {
  let result = uninterrupted(call)
  if result == -1 { throw SystemError(operation: operation, path: path, errno: lastErrno) }
  return result
}
