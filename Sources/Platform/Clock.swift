import CLinux
import Glibc

/// The system's clocks.
public enum Clock {
  /// Nanoseconds since 1970 UTC. May step backwards when the clock is set.
  public static func realtime() -> Int64 { read(CLOCK_REALTIME) }

  /// Nanoseconds since some fixed point; never steps. For intervals and deadlines.
  public static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

  /// Nanoseconds since the host was started, its sleep too; never steps.
  public static func sinceBoot() -> Int64 { read(CLOCK_BOOTTIME) }

  /// Processor time that this process has used, nanoseconds.
  public static func processorTime() -> Int64 { read(CLOCK_PROCESS_CPUTIME_ID) }

  /// Whether something keeps the system's clock to the right time; nil where nobody tells, as in many containers.
  ///
  /// The kernel's bound of the error counts, as for `timedatectl`, not its flag `STA_UNSYNC`, which also says who sets
  /// the clock of the hardware: chrony without `rtcsync` never clears it. The bound grows by 0.5 ms a second while
  /// nothing corrects the clock, and ends at 16 s (adjtimex(2)). Where the kernel may not be asked (`ProtectClock=` of
  /// the service), systemd-timesyncd's word counts, if it runs.
  public static var isSynchronized: Bool? {
    isSynchronized(error: linux_clock_error(), timesync: "/run/systemd/timesync")
  }

  /// - Parameters:
  ///   - error: the kernel's bound, microseconds; negative where it may not be asked.
  ///   - timesync: the directory of systemd-timesyncd, which is there while it runs, and holds the file `synchronized`
  ///     once it has set the clock (systemd-timesyncd.service(8), "Files").
  static func isSynchronized(error: Int64, timesync: String) -> Bool? {
    if error >= 0 { return error < 16_000_000 }
    guard let directory = try? Directory(timesync) else { return nil }
    return ((try? directory.status(of: "synchronized")) ?? nil) != nil
  }

  /// Sleeps for `nanoseconds`, or less when a signal arrives.
  public static func sleep(nanoseconds: Int64) {
    var time = timespec(nanoseconds: max(nanoseconds, 0))
    _ = unsafe nanosleep(&time, nil)
  }

  private static func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}

extension timespec {
  init(nanoseconds: Int64) {
    self.init(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
  }
}
