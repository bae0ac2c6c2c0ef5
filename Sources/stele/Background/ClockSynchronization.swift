import Logging
import Platform

/// Says, in the daemon's log and in the log itself, when nothing keeps the system's clock to the right time any more,
/// and when something does again: an auditor then knows which stretch of times to trust. Where the kernel does not
/// tell, as in many containers, nothing is said.
struct ClockSynchronization: Sendable {
  /// How often the kernel is asked, nanoseconds.
  private static let interval: Int64 = 60_000_000_000

  /// What was said last; what the log's `started` entry says, at first.
  private var isSynchronized: Bool?
  private let logger: Logger
  private let record: @Sendable (String) -> Void

  /// - Parameter record: puts one object of JSON into the log.
  init(_ isSynchronized: Bool?, _ logger: Logger, record: @escaping @Sendable (String) -> Void) {
    self.isSynchronized = isSynchronized
    self.logger = logger
    self.record = record
  }

  var thread: BackgroundThread {
    BackgroundThread("stele-clock") { [self] stop in
      var clock = self
      if isSynchronized == false { warn() }
      while !stop.wait(until: Clock.monotonic() + Self.interval) { clock.look(Clock.isSynchronized) }
    }
  }

  mutating func look(_ now: Bool?) {
    guard let now, now != isSynchronized else { return }
    isSynchronized = now
    record(#"{"type":"clock_synchronized","synchronized":\#(now)}"#)
    if now {
      logger.notice("the system's clock is synchronized now", metadata: NotableMessage.clock.metadata)
    } else {
      warn()
    }
  }

  private func warn() {
    logger.warning(
      """
      the system's clock is not synchronized: nothing vouches for the times in the log; install chrony or \
      systemd-timesyncd, or see why it does not get on (timedatectl)
      """, metadata: NotableMessage.clock.metadata)
  }
}
