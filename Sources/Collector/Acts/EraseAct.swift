import Bytes
import MerkleLog
import Platform
import SegmentWriter
import Segments

/// The erasure of the content of entries, by order.
public struct EraseAct: Sendable {
  /// The log's directory.
  public var path: String
  /// Indexes of the entries, rising, each once.
  public var entries: [UInt64]
  /// By whose order, why, and who approved it: for the log, and for good.
  public var authority: String
  public var reason: String
  public var approver: String

  public init(
    _ path: String, entries: [UInt64], authority: String, reason: String, approver: String
  ) {
    self.path = path
    self.entries = Set(entries).sorted()
    self.authority = authority
    self.reason = reason
    self.approver = approver
  }

  /// What an erasure comes to.
  public struct Outcome: Sendable {
    /// Entries whose content is gone, without those that were erased before.
    public var entries = 0
    /// Segments that were written anew.
    public var segments = 0

    public init() {}
  }

  /// Erases. Everything is looked at before anything is changed: a hold, an entry of Stele itself or one that
  /// is not there stops it. Segments follow one after the other; each is recorded under a checkpoint before its
  /// file is replaced. With `isDryRun` nothing is changed, and the open segment not finished.
  public func run(
    _ session: any LogSession, key: borrowing SignerKey, isDryRun: Bool = false
  ) throws(ActError) -> Outcome {
    var table = HoldTable()
    try writing { () throws(WriteError) in try table.update(path) }
    for range in [Range<UInt64>](joining: entries) { try table.refuse(range) }
    var parts = try parts()
    if parts.contains(where: { !$0.isSealed }), !isDryRun {
      try writing { () throws(WriteError) in try session.finishSegment() }
      parts = try self.parts()
    }
    var outcome = Outcome()
    var wanted: [(first: UInt64, ranges: [Range<UInt64>])] = []
    for part in parts {
      if !isDryRun {
        try writing { () throws(WriteError) in try Erasure.settle(path, first: part.first) }
      }
      let new = try writing { () throws(WriteError) in
        try Erasure.readable(
          path, first: part.first, isSealed: part.isSealed, [Range<UInt64>](joining: part.entries))
      }
      if new.isEmpty { continue }
      outcome.entries += new.reduce(0) { $0 + $1.count }
      outcome.segments += 1
      wanted.append((part.first, new))
    }
    if isDryRun { return outcome }
    for (first, ranges) in wanted { try erase(session, first, ranges, key) }
    return outcome
  }

  private func erase(
    _ session: any LogSession, _ first: UInt64, _ ranges: [Range<UInt64>], _ key: borrowing SignerKey
  ) throws(ActError) {
    let prepared: Erasure.Prepared
    do throws(WriteError) {
      prepared = try Erasure.prepare(path, first: first, erasing: ranges, key: key)
    } catch { throw .write(error) }
    let record: JSONValue = [
      "type": "erased", "segment": .text("\(prepared.amendment.segment)"),
      "first": .number(prepared.segment.lowerBound), "end": .number(prepared.segment.upperBound),
      "entries": .list(ranges.map { .list([.number($0.lowerBound), .number($0.upperBound)]) }),
      "authority": .text(authority), "reason": .text(reason), "approver": .text(approver),
      "amendment": .text(prepared.amendment.textHash.base64),
    ]
    guard record.text.utf8.count <= Limits.messageBytes else {
      try writing { () throws(WriteError) in try Erasure.rollBack(path, first: first) }
      throw .refused("the entries to be erased lie too far apart for one record; erase fewer at a time")
    }
    // When this throws, the record may be in the log all the same: the next start looks, and does the rest.
    try writing { () throws(WriteError) in
      _ = try session.record([record.text])
      try Erasure.carryOut(path, first: first)
    }
  }

  // MARK: Segments

  private struct Part {
    var first: UInt64
    var isSealed: Bool
    var entries: [UInt64]
  }

  /// The entries by segment.
  private func parts() throws(ActError) -> [Part] {
    var firsts: [UInt64: Bool] = [:]
    do throws(SystemError) {
      for name in try Directory(path).names() {
        guard let (first, kind) = FileNames.parse(name) else { continue }
        if kind == .segment { firsts[first] = true }
        if kind == .open, firsts[first] == nil { firsts[first] = false }
      }
    } catch { throw .write(.system(error)) }
    let starts = firsts.keys.sorted()
    var parts: [Part] = []
    for index in entries {
      guard let first = starts.last(where: { $0 <= index }) else {
        throw .refused("entry \(index) is not in the log any more; nothing was changed")
      }
      if parts.last?.first != first {
        parts.append(Part(first: first, isSealed: firsts[first] ?? false, entries: []))
      }
      parts[parts.count - 1].entries.append(index)
    }
    return parts
  }
}
