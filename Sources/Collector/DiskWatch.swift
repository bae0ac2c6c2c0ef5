import Bytes
import Events
import Platform
import SegmentWriter

/// What a daemon does about a disk without room. While there is less than the reserve, the writer finishes what
/// has its place in the log, signs a checkpoint, and waits: workers take nothing, slabs fill up, streams are not
/// read, and what the kernel drops of datagrams it counts. It goes on when there is room again, and says in the
/// log from when to when it stood still.
struct DiskWatch {
  enum Change {
    case full(text: String)
    case room(text: String, record: String)
  }

  /// How often the file system is asked, nanoseconds.
  static let interval: Int64 = 100_000_000

  /// As it was looked at last.
  private var reserve: Int
  private var next: Int64 = 0
  /// Since when the writer stands still, nanoseconds since 1970 UTC.
  private(set) var fullSince: Int64?

  init(reserve: Int) { self.reserve = reserve }

  var isFull: Bool { fullSince != nil }

  /// Longest time until somebody should look again, nanoseconds; nil for no limit.
  var patience: Int64? { reserve == 0 ? nil : isFull ? Self.interval : 1_000_000_000 }

  /// Looks at the file system, when it is time, and tells what has changed.
  mutating func look(_ writer: borrowing LogWriter) throws(WriteError) -> Change? {
    let now = Clock.monotonic()
    if reserve != writer.reserve.byteCount {
      reserve = writer.reserve.byteCount
      try writer.releaseReserve()
      if !isFull { try writer.keepReserve() }
    }
    guard reserve > 0, now >= next else { return nil }
    next = now + Self.interval
    let available = try writer.availableBytes
    guard let since = fullSince else {
      guard available < reserve else { return nil }
      fullSince = Clock.realtime()
      return .full(text: full(available, writer.path))
    }
    // A little more than the reserve, or each block would find it full again.
    guard available >= reserve + reserve / 4 else { return nil }
    fullSince = nil
    try writer.keepReserve()
    return .room(
      text: "there is room on the disk again; what was waiting is being stored",
      record:
        #"{"type":"disk_full","from":"\#(Timestamp.text(since))","to":"\#(Timestamp.text(Clock.realtime()))"}"#
    )
  }

  private func full(_ available: Int, _ path: String) -> String {
    "disk full: \(available >> 20) MiB are free for \(path), less than the reserve of \(reserve >> 20) MiB. Nothing "
      + "more is stored until there is room: streams wait, and datagrams that are dropped are counted. Make room "
      + "(`stele prune`, or a smaller `retention:`), and it goes on by itself"
  }
}

/// Notices when the system's clock is set.
struct ClockWatch {
  /// Smaller changes are those of a clock that is being disciplined, nanoseconds.
  static let tolerance: Int64 = 500_000_000
  private var offset: Int64

  init() { offset = Clock.realtime() - Clock.monotonic() }

  /// How far the clock was set since the last call, nanoseconds; nil when it was not.
  mutating func step(realtime: Int64 = Clock.realtime(), monotonic: Int64 = Clock.monotonic()) -> Int64? {
    let step = realtime - monotonic - offset
    guard abs(step) > Self.tolerance else {
      // What accumulates slowly is no step.
      offset += step
      return nil
    }
    offset += step
    return step
  }

  /// What to say of a step that was not just a correction; nil of a smaller one.
  static func text(_ step: Int64) -> String? {
    let seconds = abs(step) / 1_000_000_000
    guard seconds >= 60 else { return nil }
    return
      "the system's clock was set \(step > 0 ? "forward" : "back") by \(seconds) s. Times of entries are by the "
      + "new clock from here on, and the log says so; their order, and what proves it, does not depend on the clock. If "
      + "nobody set it, look at the host's time service"
  }

  /// The entry that says so. Times of entries behind it are by the new clock.
  static func record(_ step: Int64) -> String {
    #"{"type":"clock_step","seconds":\#(JSONValue.decimal(Double(step) / 1e9, digits: 3).text)}"#
  }
}
