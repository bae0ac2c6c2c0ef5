import CLinux
import Glibc
import Synchronization

/// A thread of the operating system, for the data path: it is not one of the concurrency runtime's and may
/// block.
///
/// All signals are blocked in it. Process signals therefore go to the threads that wait for them, and a write
/// to a closed pipe or socket from a data path thread is an error (EPIPE), never the end of the process.
@safe public final class Thread: Sendable {
  private let handle: pthread_t
  private let joined = Once()

  /// Starts `body` on a new thread. `name` (the first 15 bytes count) is what `top -H` and `perf` show.
  public init(
    name: String, stackSize: Int = 512 << 10, _ body: @escaping @Sendable () -> Void
  ) throws(SystemError) {
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setstacksize(&attributes, stackSize)
    var handle = pthread_t()
    var all = sigset_t()
    var before = sigset_t()
    unsafe sigfillset(&all)
    // A new thread inherits the mask, so no signal can slip in before it has set its own.
    unsafe pthread_sigmask(SIG_BLOCK, &all, &before)
    let result = unsafe pthread_create(
      &handle, &attributes,
      { argument in
        guard let argument = unsafe argument else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        unsafe linux_name_thread(String(decoding: start.name.utf8.prefix(15), as: UTF8.self))
        start.body()
        return nil
      }, start.toOpaque())
    unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
    if result != 0 {
      unsafe start.release()
      throw SystemError(operation: "start thread", path: name, errno: Errno(rawValue: result))
    }
    self.handle = handle
  }

  deinit {
    if joined.first() { pthread_detach(handle) }
  }

  /// How late the calling thread's sleeps may end, nanoseconds (50,000 unless set).
  public static func setTimerSlack(nanoseconds: UInt64) { linux_set_timer_slack(nanoseconds) }

  /// Lets the calling thread run before others (`nice(1)`, -20 first to 19 last). False where this process
  /// may not (CAP_SYS_NICE).
  @discardableResult public static func setNiceness(_ niceness: Int32) -> Bool {
    linux_set_niceness(niceness) == 0
  }

  /// Waits until the thread has ended. Later calls return at once.
  public func join() {
    if joined.first() { _ = pthread_join(handle, nil) }
  }
}

private final class Start: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

/// True once.
private final class Once: Sendable {
  private let done = Atomic(false)

  func first() -> Bool { !done.exchange(true, ordering: .acquiringAndReleasing) }
}
