import Bytes
import Cryptography
import Segments

/// A control entry that verification depends on.
struct ControlItem: Sendable {
  /// The types that are looked at. Of the others `verify` only counts how many there are.
  private static let types: Set<String> = [
    "created", "key", "key_epoch", "key_rotation", "timestamp", "erased", "shredded", "retention", "hold",
    "release",
  ]

  var type: String
  var index: UInt64
  /// Receive time, nanoseconds since 1970 UTC.
  var time: Int64
  /// One object of JSON.
  var text: [UInt8]
  /// Root of the tree of `rootSize` entries, where it is wanted and what stands before it is known.
  var root: Digest?

  /// Size of the tree that this entry's own signature, or the next one's, is over.
  var rootSize: UInt64? {
    switch type {
    case KeyRecord.type: index + 1
    case KeyEpochRecord.type: index
    default: nil
    }
  }

  /// Nil when the entry is of no such type.
  init?(_ statement: ControlStatement, _ index: UInt64, _ time: Int64, _ raw: ByteView) {
    guard let type = statement.type, Self.types.contains(type) else { return nil }
    self.type = type
    self.index = index
    self.time = time
    text = raw.array
  }

  /// The entry's object; null when it is none.
  var json: JSONValue { text.withView { try? JSONValue(parsing: $0) } ?? .null }
}

extension LogCheck {
  /// Takes in what the control entries of a segment say, in the order of the log.
  mutating func takeControl(_ items: [ControlItem], _ running: RunningSegment) {
    followKeys(items, running)
    keepShredded(items)
    takeTimestamps(items)
    followRotations(items, running)
    for item in items { acts.take(item) }
  }
}
