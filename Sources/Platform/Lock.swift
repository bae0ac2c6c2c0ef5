import Glibc

/// A mutual exclusion lock that a `Condition` can wait on, which `Synchronization.Mutex` cannot. It guards
/// nothing by itself: whoever uses it says what it guards.
@safe public struct Lock: ~Copyable, @unchecked Sendable {
  fileprivate let mutex: UnsafeMutablePointer<pthread_mutex_t>

  public init() {
    unsafe mutex = .allocate(capacity: 1)
    let result = unsafe pthread_mutex_init(mutex, nil)
    precondition(result == 0)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Waits for the lock. Not recursive.
  public func lock() {
    let result = unsafe pthread_mutex_lock(mutex)
    precondition(result == 0)
  }

  /// Gives the lock back; the calling thread must hold it.
  public func unlock() {
    let result = unsafe pthread_mutex_unlock(mutex)
    precondition(result == 0)
  }

  /// Runs `body` while holding the lock.
  @inline(__always) public func withLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    lock()
    defer { unlock() }
    return try body()
  }
}

/// A place where threads wait until another says that something they look at under a lock has changed. Waking
/// may be spurious: always wait in a loop that looks again.
@safe public struct Condition: ~Copyable, @unchecked Sendable {
  private let condition: UnsafeMutablePointer<pthread_cond_t>

  public init() {
    unsafe condition = .allocate(capacity: 1)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    // Deadlines must not move when the wall clock is set.
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    let result = unsafe pthread_cond_init(condition, &attributes)
    precondition(result == 0)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe condition.deallocate()
  }

  /// Releases `lock`, waits for a signal, and takes `lock` again.
  public func wait(_ lock: borrowing Lock) {
    let result = unsafe pthread_cond_wait(condition, lock.mutex)
    precondition(result == 0)
  }

  /// As `wait`, but no longer than until `deadline` (`Clock.monotonic()`). False when that has passed.
  @discardableResult public func wait(_ lock: borrowing Lock, until deadline: Int64) -> Bool {
    var time = timespec(nanoseconds: max(deadline, 0))
    let result = unsafe pthread_cond_timedwait(condition, lock.mutex, &time)
    precondition(result == 0 || result == ETIMEDOUT)
    return result == 0
  }

  /// Wakes one waiting thread.
  public func signal() { unsafe pthread_cond_signal(condition) }

  /// Wakes all waiting threads.
  public func broadcast() { unsafe pthread_cond_broadcast(condition) }
}
