import Bytes
import MerkleLog
import Platform
import SegmentWriter
import Segments

/// Entries that must not be taken away, for a lawsuit or an investigation.
public struct Hold: Sendable {
  public var name: String
  public var first: UInt64
  /// Index behind the last; nil: and all that come.
  public var end: UInt64?
  public var reason: String
  public var authority: String
  /// Index of the control entry that says so.
  public var index: UInt64

  public var entries: Range<UInt64> { first..<max(first, end ?? .max) }

  var record: JSONValue {
    [
      "type": "hold", "id": .text(name), "first": .number(first), "end": .optional(end),
      "reason": .text(reason), "authority": .text(authority),
    ]
  }
}

/// The holds in force, as the log's own entries say, and what else must outlive the segment it stands in.
public struct HoldTable: Sendable {
  /// In the order in which they were placed.
  public private(set) var holds: [Hold] = []
  /// The latest record of each source, with its index: its name and time zone are needed to read messages.
  private(set) var sources: [String: (index: UInt64, record: JSONValue)] = [:]
  /// The latest record of a timestamp token over a checkpoint, whose file outlives segments.
  private var timestamp: (index: UInt64, record: JSONValue)?
  /// The rotations of the origin key, by the index that each has or had, with that of the latest entry about it.
  private var rotations: [UInt64: (index: UInt64, record: JSONValue)] = [:]
  private var scanned: UInt64 = 0

  public init() {}

  /// Reads what was recorded since the last time.
  public mutating func update(_ path: String) throws(WriteError) {
    let directory: Directory
    do throws(SystemError) { directory = try Directory(path) } catch { throw .system(error) }
    var entries: [WrittenControlEntry] = []
    try ControlEntries.read(directory, from: scanned) { entry in
      entries.append(entry)
      return true
    }
    for entry in entries {
      take(entry)
      guard entry.type == "timestamp", let size = TimestampRecord(in: entry.json)?.size else { continue }
      let file = TimestampName.checkpoint(size: size).file
      do throws(SystemError) {
        if try directory.status(of: file) != nil { timestamp = (entry.index, entry.json) }
      } catch { throw .system(error) }
    }
  }

  private mutating func take(_ entry: WrittenControlEntry) {
    scanned = max(scanned, entry.index + 1)
    func text(_ name: String) -> String { entry.json[name]?.string ?? "" }
    switch entry.type {
    case "hold":
      guard let first = entry.json["first"]?.integer(UInt64.self) else { return }
      let hold = Hold(
        name: text("id"), first: first, end: entry.json["end"]?.integer(), reason: text("reason"),
        authority: text("authority"), index: entry.index)
      holds.removeAll { $0.name == hold.name }
      holds.append(hold)
    case "release": holds.removeAll { $0.name == text("id") }
    case KeyRotationRecord.type:
      guard let rotation = KeyRotationRecord(entry.json)?.rotation else { return }
      rotations[rotation.index] = (entry.index, entry.json)
    case "source": sources[text("name")] = (entry.index, entry.json)
    default: break
    }
  }

  /// Throws when one of those entries is held.
  func refuse(_ entries: Range<UInt64>) throws(ActError) {
    for hold in holds where hold.entries.overlaps(entries) {
      throw .held(hold, entries: hold.entries.clamped(to: entries))
    }
  }

  /// Records, oldest first, that stand before `index` and still count.
  func carried(before index: UInt64) -> [JSONValue] {
    let records =
      holds.filter { $0.index < index }.map { (index: $0.index, record: $0.record) }
      + (Array(sources.values) + Array(rotations.values) + [timestamp].compactMap(\.self)).filter {
        $0.index < index
      }
    return records.sorted { $0.index < $1.index }.map(\.record)
  }
}

/// Placing and lifting holds.
public enum HoldAct {
  /// Holds entries from `first` to `end`, or all that come. Returns when a checkpoint covers it.
  public static func hold(
    _ session: any LogSession, _ path: String, name: String, first: UInt64, end: UInt64?, reason: String,
    authority: String
  ) throws(ActError) {
    var table = HoldTable()
    try writing { () throws(WriteError) in try table.update(path) }
    if table.holds.contains(where: { $0.name == name }) {
      throw .refused("there is a hold '\(name)' already; release it first, or take another name")
    }
    if let end, end <= first { throw .refused("the hold '\(name)' would hold nothing") }
    let hold = Hold(name: name, first: first, end: end, reason: reason, authority: authority, index: 0)
    _ = try writing { () throws(WriteError) in try session.record([hold.record.text]) }
  }

  /// Lifts a hold.
  public static func release(
    _ session: any LogSession, _ path: String, name: String, reason: String, authority: String
  ) throws(ActError) {
    var table = HoldTable()
    try writing { () throws(WriteError) in try table.update(path) }
    guard table.holds.contains(where: { $0.name == name }) else {
      throw .refused("there is no hold '\(name)' in force")
    }
    let record: JSONValue = [
      "type": "release", "id": .text(name), "reason": .text(reason), "authority": .text(authority),
    ]
    _ = try writing { () throws(WriteError) in try session.record([record.text]) }
  }
}
