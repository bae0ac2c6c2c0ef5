import Bytes
import CLinux
import Glibc

/// Waits until one of many descriptors can be read (`epoll(7)`, level-triggered). May be used from several
/// threads.
public struct EventPoll: ~Copyable, Sendable {
  private let descriptor: FileDescriptor

  public init() throws(SystemError) {
    let number = try checked("make an event poll", "") { linux_epoll_create() }
    descriptor = FileDescriptor(owning: number, path: "event poll")
  }

  /// Watches a descriptor; `token` is what `wait` gives when it can be read, or has ended or failed, or, with
  /// `writable`, can be written. The kernel forgets it when it is closed.
  public func add(
    _ watched: borrowing FileDescriptor, token: UInt64, writable: Bool = false
  ) throws(SystemError) {
    try checked("watch", watched.path) {
      linux_epoll_add(descriptor.number, watched.number, token, writable ? 1 : 0)
    }
  }

  /// Changes token and interest of a watched descriptor.
  public func change(
    _ watched: borrowing FileDescriptor, token: UInt64, writable: Bool
  ) throws(SystemError) {
    try checked("watch", watched.path) {
      linux_epoll_change(descriptor.number, watched.number, token, writable ? 1 : 0)
    }
  }

  /// Stops watching a descriptor.
  public func remove(_ watched: borrowing FileDescriptor) throws(SystemError) {
    try checked("stop watching", watched.path) { linux_epoll_remove(descriptor.number, watched.number) }
  }

  /// Waits for at most `timeout` nanoseconds (rounded up to milliseconds; negative: for ever), puts the
  /// tokens of ready descriptors into `tokens`, at most its count and 256, and returns how many. A signal
  /// ends the wait.
  public func wait(into tokens: inout HeapArray<UInt64>, timeout: Int64) throws(SystemError) -> Int {
    let count = unsafe linux_epoll_wait(
      descriptor.number, &tokens[0], Int32(clamping: tokens.count), timeout)
    if count >= 0 { return Int(count) }
    if lastErrno == .interrupted { return 0 }
    throw SystemError(operation: "wait for", path: "events", errno: lastErrno)
  }
}

/// A flag that one thread raises and another can wait for with `EventPoll`.
public struct EventFlag: ~Copyable, Sendable {
  public let descriptor: FileDescriptor

  public init() throws(SystemError) {
    let number = try checked("make an event flag", "") { linux_eventfd() }
    descriptor = FileDescriptor(owning: number, path: "event flag")
  }

  /// Raises the flag: it can be read until lowered.
  public func raise() {
    var one: UInt64 = 1
    _ = uninterrupted { unsafe write(descriptor.number, &one, 8) }
  }

  /// Lowers the flag.
  public func lower() {
    var value: UInt64 = 0
    _ = uninterrupted { unsafe read(descriptor.number, &value, 8) }
  }
}
