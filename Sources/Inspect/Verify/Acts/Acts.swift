import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import Segments

/// A segment from which entries were erased.
struct AmendedSegment {
  var name: String
  /// Indexes, rising.
  var erased: [UInt64]
  /// Hash of the text of the amendment beside it.
  var amendment: Digest?
}

/// A segment of which only the seal is there.
struct RemovedSegment {
  var seal: Seal
  var entries: Range<UInt64> { seal.firstIndex..<seal.endIndex }
}

/// What was done to the log by authority, as its own control entries say, and what was found of it.
struct Acts {
  /// An erasure that the log records.
  struct Erased {
    var index: UInt64
    var time: Int64
    var segment: String
    var first: UInt64
    var end: UInt64
    var entries: [Range<UInt64>]
    var amendment: String
    var authority: String
    var reason: String
    var approver: String
  }

  struct Retention {
    var index: UInt64
    var time: Int64
    var before: UInt64
    var seals: [UInt64: String]
    var policy: String
  }

  var erased: [Erased] = []
  var retention: [Retention] = []
  var holds: [(name: String, entries: Range<UInt64>)] = []
  /// Acts against a hold that was in force.
  var violations: [(index: UInt64, hold: String, entries: Range<UInt64>)] = []

  var amended: [SegmentID: AmendedSegment] = [:]
  var removed: [RemovedSegment] = []
  /// Ids of segments whose files are there.
  var present: [SegmentID: UInt64] = [:]
  /// Ids of segments that an amendment in force speaks of.
  var announced: Set<SegmentID> = []
  /// The log's keys that signed an amendment, by the hash of its text; nil without keys.
  var amendmentSigners: [String: [VerifierKey]] = [:]

  mutating func take(_ item: ControlItem) {
    let json = item.json
    switch item.type {
    case "erased":
      guard let record = Erased(item, json) else { return }
      for range in record.entries { judgeHolds(range, item.index) }
      erased.append(record)
    case "shredded":
      guard let first = json["first"]?.integer(UInt64.self), let end = json["end"]?.integer(UInt64.self)
      else { return }
      judgeHolds(first..<max(first, end), item.index)
    case "retention":
      guard let before = json["before"]?.integer(UInt64.self) else { return }
      var seals: [UInt64: String] = [:]
      for segment in json["segments"]?.items ?? [] {
        guard let first = segment["first"]?.integer(UInt64.self), let seal = segment["seal"]?.string
        else { continue }
        seals[first] = seal
        judgeHolds(first..<max(first, segment["end"]?.integer(UInt64.self) ?? first), item.index)
      }
      retention.append(
        Retention(
          index: item.index, time: item.time, before: before, seals: seals,
          policy: json["policy"]?.string ?? ""))
    case "hold":
      guard let name = json["id"]?.string, let first = json["first"]?.integer(UInt64.self) else { return }
      let end = json["end"]?.integer(UInt64.self) ?? .max
      holds.removeAll { $0.name == name }
      holds.append((name, first..<max(first, end)))
    case "release": if let name = json["id"]?.string { holds.removeAll { $0.name == name } }
    default: break
    }
  }

  private mutating func judgeHolds(_ range: Range<UInt64>, _ index: UInt64) {
    for hold in holds where hold.entries.overlaps(range) {
      violations.append((index, hold.name, hold.entries.clamped(to: range)))
    }
  }
}

extension Acts.Erased {
  fileprivate init?(_ item: ControlItem, _ json: JSONValue) {
    guard let segment = json["segment"]?.string, let first = json["first"]?.integer(UInt64.self),
      let end = json["end"]?.integer(UInt64.self), let amendment = json["amendment"]?.string
    else { return nil }
    var entries: [Range<UInt64>] = []
    for pair in json["entries"]?.items ?? [] {
      let bounds = pair.items ?? []
      guard bounds.count == 2, let a = bounds[0].integer(UInt64.self), let b = bounds[1].integer(UInt64.self),
        first <= a, a < b, b <= end
      else { return nil }
      entries.append(a..<b)
    }
    func text(_ name: String) -> String { json[name]?.string ?? "" }
    self.init(
      index: item.index, time: item.time, segment: segment, first: first, end: end, entries: entries,
      amendment: amendment, authority: text("authority"), reason: text("reason"), approver: text("approver"))
  }
}
