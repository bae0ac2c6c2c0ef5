import Bytes
import Events
import MerkleLog
import Platform
import SegmentReader
import Segments

/// What a log holds, by its structure.
struct LogDescription {
  private struct Row {
    var name: String
    var first: UInt64
    var end: UInt64
    var blocks: Int
    var rawBytes: Int
    var storedBytes: Int
    var times: ClosedRange<Int64>?
    var isSealed: Bool
    var isUnreadable = false
    var isEncrypted = false
  }

  private let path: String
  private let key: VerifierKey?
  private let checkpoint: Checkpoint?
  private var rows: [Row] = []

  init(_ path: String) throws(LogError) {
    self.path = path
    let log = try LogDirectory(path)
    key = (try? log.keys())?.origin
    checkpoint = try? log.checkpoint().signed?.checkpoint
    for segment in try log.files().kept {
      rows.append(Self.row(log, segment, committed: checkpoint?.size ?? 0))
    }
  }

  private static func row(_ log: LogDirectory, _ segment: LogFiles.Segment, committed: UInt64) -> Row {
    let first = segment.firstIndex
    let kinds: [FileNames.Kind] = [.segment, .open, .rewrite]
    let kind = kinds.first { segment.kinds.contains($0) } ?? .segment
    var row = Row(
      name: FileNames.name(first, kind), first: first, end: first, blocks: 0, rawBytes: 0, storedBytes: 0,
      isSealed: segment.kinds.contains(.seal))
    guard let file = try? SegmentFile(log, first, kind, committed: committed) else {
      row.isUnreadable = true
      return row
    }
    row.end = file.endIndex
    row.blocks = file.blocks.count
    row.rawBytes = file.blocks.reduce(0) { $0 + $1.contents.rawByteCount }
    row.storedBytes = file.byteCount
    row.isEncrypted = file.header.isEncrypted
    let start = file.blocks.map(\.contents.firstTime).min()
    let last = file.blocks.map(\.contents.lastTime).max()
    if let start, let last, start <= last { row.times = start...last }
    return row
  }

  var description: Description {
    let entries = rows.reduce(0) { $0 + Int($1.end - $1.first) }
    let raw = rows.reduce(0) { $0 + $1.rawBytes }
    let stored = rows.reduce(0) { $0 + $1.storedBytes }
    var lines = [
      Description.line("Log", key.map { "\($0.name)" } ?? "(no readable key)"),
      Description.line("Entries", "\(entries) in \(Quantities.plural(rows.count, "segment"))"),
      Description.line("Checkpoint", checkpoint.map { "size \($0.size)" } ?? "none that the key signed"),
      Description.line("Stored", Compactness(entries, raw, stored).text), "",
    ]
    for row in rows {
      let state = row.isUnreadable ? "unreadable" : row.isSealed ? "sealed" : "open"
      lines.append("\(row.name)  \(state)" + (row.isEncrypted ? ", encrypted" : ""))
      if row.isUnreadable { continue }
      let count = Int(row.end - row.first)
      lines.append(
        "  \(Quantities.entries(row.first..<row.end)) in \(Quantities.plural(row.blocks, "block")), "
          + Compactness(count, row.rawBytes, row.storedBytes).text)
      if let times = row.times {
        lines.append(
          "  received \(Timestamp.text(times.lowerBound, digits: 3)) to "
            + Timestamp.text(times.upperBound, digits: 3)
        )
      }
    }
    return Description(
      lines,
      [
        "type": "log", "path": .text(path), "origin": .optional(key.map { "\($0.name)" }),
        "entries": .number(entries),
        "checkpoint_size": .optional(checkpoint?.size), "raw_bytes": .number(raw),
        "stored_bytes": .number(stored),
        "segments": .list(rows.map(Self.json)),
      ])
  }

  private static func json(_ row: Row) -> JSONValue {
    [
      "file": .text(row.name), "first": .number(row.first), "end": .number(row.end),
      "blocks": .number(row.blocks),
      "raw_bytes": .number(row.rawBytes), "stored_bytes": .number(row.storedBytes),
      "sealed": .flag(row.isSealed),
      "readable": .flag(!row.isUnreadable), "encrypted": .flag(row.isEncrypted),
      "first_time": .optional(row.times.map { Timestamp.text($0.lowerBound) }),
      "last_time": .optional(row.times.map { Timestamp.text($0.upperBound) }),
    ]
  }
}

/// How small entries are stored.
struct Compactness {
  private let entries: Int
  private let raw: Int
  private let stored: Int

  init(_ entries: Int, _ raw: Int, _ stored: Int) {
    self.entries = entries
    self.raw = raw
    self.stored = stored
  }

  var text: String {
    guard entries > 0, stored > 0 else { return Quantities.bytes(stored) }
    let each = JSONValue.fixed(Double(stored) / Double(entries), 1)
    let ratio = JSONValue.fixed(Double(raw) / Double(stored), 1)
    return "\(Quantities.bytes(stored)) for \(Quantities.bytes(raw)): \(each) B an entry, ratio \(ratio)"
  }
}
