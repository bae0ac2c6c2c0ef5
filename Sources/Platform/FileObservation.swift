import Bytes
import Glibc
import Synchronization

/// One change to the file system, as the kernel is asked for it. Everything of this program that changes a
/// file goes through `FileDescriptor` and `Directory`, and so comes by here.
public enum FileChange: Sendable {
  /// A file is made, or one that exists is emptied. The call's result is its descriptor.
  case create(path: String)
  case makeDirectory(path: String)
  case rename(path: String, to: String)
  case remove(path: String)
  case removeDirectory(path: String)
  case setMode(path: String)
  /// The call's result is the number of bytes written. Without an offset, at the descriptor's position. The
  /// bytes are borrowed for the call.
  case write(path: String, descriptor: Int32, bytes: ByteView, offset: Int?)
  case truncate(path: String, descriptor: Int32, size: Int)
  /// Blocks are reserved.
  case allocate(path: String, descriptor: Int32)
  /// `fdatasync(2)`.
  case synchronizeData(path: String, descriptor: Int32)
  /// `fsync(2)` of a file or a directory.
  case synchronize(path: String, descriptor: Int32)

  /// What is changed; of a rename, the old name.
  public var path: String {
    switch self {
    case .create(let path), .makeDirectory(let path), .rename(let path, _), .remove(let path),
      .removeDirectory(let path), .setMode(let path), .write(let path, _, _, _), .truncate(let path, _, _),
      .allocate(let path, _), .synchronizeData(let path, _), .synchronize(let path, _):
      path
    }
  }
}

extension Errno: Error {}

/// Is told of changes, and decides what becomes of them: a simulated disk. Called on the thread that makes
/// the change, which waits.
public protocol FileObserver: AnyObject, Sendable {
  /// Stands for the system call. `call` makes it; not calling it, or throwing, is how a disk fails.
  func perform(_ change: FileChange, _ call: () throws(Errno) -> Int) throws(Errno) -> Int
}

/// Where tests put observers. While there is none, a change costs one relaxed load more.
public enum FileObservation {
  static let isOn = Atomic(false)
  private static let observers = Mutex<[(root: String, observer: any FileObserver)]>([])

  /// From now on `observer` stands for every change below the directory `root`.
  public static func begin(below root: String, _ observer: any FileObserver) {
    observers.withLock { $0.append((root + "/", observer)) }
    isOn.store(true, ordering: .relaxed)
  }

  public static func end(below root: String) {
    observers.withLock { list in
      list.removeAll { $0.root == root + "/" }
      isOn.store(!list.isEmpty, ordering: .relaxed)
    }
  }

  fileprivate static func perform<T: SignedInteger>(_ change: FileChange, _ call: () -> T) -> T {
    let path = change.path
    let found = observers.withLock { list in list.first { (path + "/").hasPrefix($0.root) }?.observer }
    guard let found else { return call() }
    do throws(Errno) {
      return T(
        try found.perform(change) { () throws(Errno) -> Int in
          let result = uninterrupted(call)
          if result == -1 { throw lastErrno }
          return Int(result)
        })
    } catch {
      Glibc.errno = error.rawValue
      return -1
    }
  }
}

/// Makes a system call that changes a file; as the call itself, unless a test observes the file.
@inline(__always) func changing<T: SignedInteger>(
  _ change: @autoclosure () -> FileChange, _ call: () -> T
) -> T {
  if FileObservation.isOn.load(ordering: .relaxed) { return FileObservation.perform(change(), call) }
  return call()
}
