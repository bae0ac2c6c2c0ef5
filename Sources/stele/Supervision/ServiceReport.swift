import Collector
import Platform

/// Tells the service manager what the daemon does (`systemctl status`), and that it gets on (its watchdog).
struct ServiceReport: Sendable {
  let manager: ServiceManager
  let daemon: Daemon

  var thread: BackgroundThread {
    BackgroundThread("stele-report") { [self] signal in run(signal) }
  }

  /// Time between two lines of status, nanoseconds.
  private static let interval: Int64 = 5_000_000_000

  private func run(_ signal: StopSignal) {
    let watchdog = manager.watchdog
    // Three looks in each period: one that comes late, or finds a disk that is slow for a moment, does no harm.
    let interval = min(Self.interval, (watchdog ?? .max) / 3)
    var watch = ProgressWatch()
    var last = daemon.status.durableIndex
    var due = Clock.monotonic()
    while true {
      let status = daemon.status
      let waiting = status.writing.waiting
      let isProgress = watch.isProgress(durable: status.durableIndex, waiting: waiting)
      if watchdog != nil, isProgress { manager.notify("WATCHDOG=1") }
      let rate = Double(status.durableIndex - last) * 1e9 / Double(interval)
      last = status.durableIndex
      manager.notify("STATUS=" + Self.text(status, rate: rate, isProgress: isProgress))
      due = max(due + interval, Clock.monotonic())
      if signal.wait(until: due) { return }
    }
  }

  /// `3 sources, 1,204,331 entries durable, 12,000/s`.
  static func text(_ status: DaemonStatus, rate: Double, isProgress: Bool) -> String {
    let count = status.inputs.count
    var text =
      "\(count) \(count == 1 ? "source" : "sources"), \(grouped(status.durableIndex)) entries durable, "
    text += "\(grouped(UInt64(rate.rounded())))/s"
    if !isProgress { text += "; \(grouped(status.writing.waiting)) entries wait for the disk" }
    return text
  }

  /// Digits in groups of three.
  static func grouped(_ number: UInt64) -> String {
    var text = ""
    for (place, digit) in "\(number)".reversed().enumerated() {
      if place > 0, place % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return String(text.reversed())
  }
}

extension ServiceManager {
  /// Runs what may take longer than the manager would wait for a start or a stop, and asks it every few seconds to
  /// wait on (`EXTEND_TIMEOUT_USEC`). Without a manager, just runs it.
  static func patiently<R>(_ what: String, _ body: () throws -> R) rethrows -> R {
    guard let manager = ServiceManager() else { return try body() }
    let start = Clock.monotonic()
    let thread = BackgroundThread("stele-patience") { signal in
      while !signal.wait(until: Clock.monotonic() + 5_000_000_000) {
        let elapsed = Clock.monotonic() - start
        if elapsed > mostPatience { return }
        manager.notify("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=\(what), for \(elapsed / 1_000_000_000) s")
      }
    }
    // Without it, the manager waits as long as its unit says.
    try? thread.start()
    defer { thread.stop() }
    return try body()
  }

  /// Whatever takes longer hangs, nanoseconds.
  private static var mostPatience: Int64 { 1_800_000_000_000 }
}
