import Bytes
import Collector
import Platform

/// When a daemon counts as unhealthy.
struct HealthLimits: Equatable, Sendable {
  /// Longest time that an entry may wait until it is durable, nanoseconds.
  var lag: Int64 = 10_000_000_000
  /// Greatest age of the newest checkpoint, nanoseconds. One is written every minute at least.
  var checkpointAge: Int64 = 180_000_000_000
  /// Least room that must be left on the log's file system, bytes.
  var free = 1 << 30
}

/// Whether a daemon does what it is there for.
struct Health: Equatable, Sendable {
  struct Reason: Equatable, Sendable {
    enum Check: String, Sendable {
      case writing
      case lag = "durable_lag"
      case checkpoint = "checkpoint_age"
      case disk = "disk_free"
    }

    var check: Check
    /// What is wrong, and the mend.
    var text: String
  }

  var reasons: [Reason] = []

  var isGood: Bool { reasons.isEmpty }

  init(_ snapshot: DaemonSnapshot, _ limits: HealthLimits) {
    let writing = snapshot.status.writing
    if writing.hasFailed {
      add(
        .writing, "writing has failed and nothing is stored any more: see the daemon's log, then restart it")
    }
    if writing.lag > limits.lag {
      add(
        .lag,
        "the oldest entry has waited \(Self.text(writing.lag)) for its fdatasync (limit "
          + "\(Self.text(limits.lag))): the disk or the processor is too slow for what is sent")
    }
    if writing.checkpointAge > limits.checkpointAge {
      add(
        .checkpoint,
        "the newest checkpoint is \(Self.text(writing.checkpointAge)) old (limit "
          + "\(Self.text(limits.checkpointAge))): the writer hangs")
    }
    if let space = snapshot.space, space.free < limits.free {
      add(
        .disk,
        "\(Quantity.text(size: space.free)) are free on the log's file system (limit "
          + "\(Quantity.text(size: Int64(limits.free)))): make room, or set retention")
    }
  }

  private mutating func add(_ check: Reason.Check, _ text: String) {
    reasons.append(Reason(check: check, text: text))
  }

  /// Whole seconds.
  private static func text(_ nanoseconds: Int64) -> String { "\(nanoseconds / 1_000_000_000) s" }

  var json: JSONValue {
    [
      "status": isGood ? "ok" : "failing",
      "reasons": .list(reasons.map { ["check": .text($0.check.rawValue), "text": .text($0.text)] }),
    ]
  }
}
