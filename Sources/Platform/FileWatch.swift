import CLinux
import Glibc

/// Something that happened to a file in a watched directory.
public struct FileNotice: Equatable, Sendable {
  public enum Change: Equatable, Sendable {
    /// Its contents, and nothing else.
    case contents
    /// Files came, went, or changed their attributes.
    case names
    /// It was renamed, away from this name or to it; both halves have the same number.
    case movedFrom(String, UInt32)
    case movedTo(String, UInt32)
    /// More than the kernel could keep.
    case lost
  }

  /// What `FileWatch.watch` returned for the directory.
  public var watch: Int32
  public var change: Change
}

/// Tells what happens in directories (`inotify(7)`). Where a file system is changed by another host it tells
/// nothing, so whoever uses it still has to look now and then; and where the kernel has no room for it, this tells
/// nothing at all.
public struct FileWatch: ~Copyable, Sendable {
  /// The kernel's number is -1 where there is none.
  private let descriptor: FileDescriptor
  /// Why nothing can be watched.
  public let problem: SystemError?

  public init() {
    let number = linux_inotify()
    problem = number < 0 ? SystemError(operation: "make", path: "a file watch", errno: lastErrno) : nil
    descriptor = FileDescriptor(owning: number, path: "file watch")
  }

  /// Watches a directory. Asking again for the same one gives the same number.
  public func watch(_ directory: String) throws(SystemError) -> Int32 {
    if let problem { throw problem }
    return try checked("watch", directory) { unsafe linux_inotify_watch(descriptor.number, directory) }
  }

  /// Ends a watch.
  public func unwatch(_ number: Int32) { _ = linux_inotify_unwatch(descriptor.number, number) }

  /// Has `poll` tell when there is something to read.
  public func add(to poll: borrowing EventPoll, token: UInt64) throws(SystemError) {
    if problem == nil { try poll.add(descriptor, token: token) }
  }

  /// Calls `body` for everything that has happened since the last call.
  public func read(_ body: (FileNotice) -> Void) {
    let capacity = 256
    unsafe withUnsafeTemporaryAllocation(of: linux_file_notice.self, capacity: capacity) { notices in
      guard let base = notices.baseAddress else { return }
      while true {
        let count = uninterrupted { unsafe linux_inotify_read(descriptor.number, base, Int32(capacity)) }
        if count <= 0 { return }
        for index in 0..<Int(count) { body(unsafe FileNotice(base + index)) }
      }
    }
  }
}

extension FileNotice {
  fileprivate init(_ notice: UnsafePointer<linux_file_notice>) {
    unsafe watch = notice.pointee.watch
    if unsafe notice.pointee.overflow != 0 {
      change = .lost
    } else if unsafe notice.pointee.moved != 0 {
      let name = unsafe withUnsafePointer(to: notice.pointee.name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      let cookie = unsafe notice.pointee.cookie
      change = unsafe notice.pointee.moved == 1 ? .movedFrom(name, cookie) : .movedTo(name, cookie)
    } else {
      change = unsafe notice.pointee.changes_names != 0 ? .names : .contents
    }
  }
}
