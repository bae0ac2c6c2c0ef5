import Bytes
import MerkleLog
import SegmentWriter

/// A witness says that the log is not what it was.
struct WitnessAlarm: Hashable, Sendable {
  enum Kind: String, Sendable {
    /// It has cosigned a larger tree than there is now.
    case rollback
    /// What it has cosigned is not what this log begins with.
    case fork
  }

  var kind: Kind
  /// The witness's name, as its key has it.
  var witness: String
  /// Size of the tree that the witness knows.
  var size: UInt64
  /// Size of the tree that was sent.
  var ours: UInt64

  /// A control entry of the log.
  var record: String {
    #"{"type":"alarm","kind":"\#(kind.rawValue)","witness":\#(JSON.quote(witness)),"size":\#(size),"#
      + #""ours":\#(ours)}"#
  }
}

extension WitnessAlarm: CustomStringConvertible {
  var description: String {
    switch kind {
    case .rollback:
      "ROLLBACK: the witness \(witness) has cosigned \(size) entries, and this log has \(ours): it was "
        + "set back to an earlier state; stop writing, keep this directory, and find the newer one"
    case .fork:
      "FORK: the witness \(witness) has cosigned \(size) entries that are not those this log of \(ours) "
        + "begins with: there are two histories; stop writing, keep this directory, and find which is true"
    }
  }
}

/// What witnesses said last that must not be.
struct RaisedAlarms: Sendable {
  private var last: [String: WitnessAlarm] = [:]

  init() {}

  /// One for each witness at most.
  var alarms: [WitnessAlarm] { last.values.sorted { $0.witness < $1.witness } }

  /// Takes what a round gave, and returns the alarms that are news. The sizes alone are none: an alarm that is
  /// written down makes the log grow, and so the next round's would always be another.
  mutating func takeNews(_ outcome: WitnessCircle.Outcome) -> [WitnessAlarm] {
    for witness in outcome.cosigners { last[witness] = nil }
    return outcome.alarms.filter { last.updateValue($0, forKey: $0.witness)?.kind != $0.kind }
  }
}
