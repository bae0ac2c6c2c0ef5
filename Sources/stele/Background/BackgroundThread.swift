import Platform
import Synchronization

/// Work on a thread of its own beside a running daemon, from after its start until before its end.
final class BackgroundThread: Sendable {
  private let name: String
  private let work: @Sendable (StopSignal) -> Void
  private let interrupt: @Sendable () -> Void
  private let signal = StopSignal()
  private let thread = Mutex<Thread?>(nil)

  /// - Parameters:
  ///   - interrupt: ends what the work may be waiting for, other than the signal.
  ///   - work: returns soon when the signal is set.
  init(
    _ name: String, interrupt: @escaping @Sendable () -> Void = {},
    work: @escaping @Sendable (StopSignal) -> Void
  ) {
    self.name = name
    self.interrupt = interrupt
    self.work = work
  }

  func start() throws(SystemError) {
    let started = try Thread(name: name, stackSize: 1 << 20) { [work, signal] in work(signal) }
    thread.withLock { $0 = started }
  }

  /// Ends the work and waits for its end.
  func stop() {
    signal.set()
    interrupt()
    thread.withLock { $0 }?.join()
  }
}
