import Bytes
import Platform
import SegmentWriter
import Segments

/// The erasure of all messages of an encrypted segment, by order: its key is destroyed.
public struct ShredAct: Sendable {
  /// The log's directory.
  public var path: String
  /// Any entry of the segment.
  public var index: UInt64
  /// By whose order, why, and who approved it: for the log, and for good.
  public var authority: String
  public var reason: String
  public var approver: String

  public init(_ path: String, index: UInt64, authority: String, reason: String, approver: String) {
    self.path = path
    self.index = index
    self.authority = authority
    self.reason = reason
    self.approver = approver
  }

  /// Destroys the key, once a checkpoint covers the order, and returns the segment's entries; empty when that
  /// was done before. A hold on any of them stops it. With `isDryRun` nothing is changed, and the entries are
  /// those that the segment has now.
  public func run(_ session: any LogSession, isDryRun: Bool = false) throws(ActError) -> Range<UInt64> {
    var table = HoldTable()
    try writing { () throws(WriteError) in try table.update(path) }
    try table.refuse(index..<index + 1)
    var place = try segment()
    if !place.isSealed {
      if isDryRun { return place.first..<index + 1 }
      try writing { () throws(WriteError) in try session.finishSegment() }
      place = try segment()
      guard place.isSealed else { throw .refused("the segment with entry \(index) could not be finished") }
    }
    let first = place.first
    guard let target = try writing({ () throws(WriteError) in try Shredding.target(path, first: first) })
    else {
      throw .refused(
        "the segment with entry \(index) is not encrypted: it has no key to destroy; erase its entries by "
          + "their indexes")
    }
    guard target.entries.contains(index) else { throw .refused("there is no entry \(index)") }
    try table.refuse(target.entries)
    if target.record == nil, !target.isHere {
      throw .refused(
        "the key of the segment with entry \(index) is missing, and nothing was recorded: restore "
          + "\(FileNames.name(first, .cms)), or ask why")
    }
    if isDryRun || target.record != nil && !target.isHere {
      return target.isHere ? target.entries : first..<first
    }
    try destroy(session, target)
    return target.entries
  }

  private func destroy(_ session: any LogSession, _ target: Shredding.Target) throws(ActError) {
    let first = target.entries.lowerBound
    let record: JSONValue = [
      "type": "shredded", "segment": .text("\(target.segment)"), "first": .number(first),
      "end": .number(target.entries.upperBound), "authority": .text(authority), "reason": .text(reason),
      "approver": .text(approver),
    ]
    // When this throws, the record may be in the log all the same: the next start looks, and does the rest.
    try writing { () throws(WriteError) in
      try Shredding.prepare(path, first: first)
      if target.record == nil { try session.record([record.text]) }
      try Shredding.carryOut(path, first: first)
    }
  }

  /// The segment that the entry is in, or would be in.
  private func segment() throws(ActError) -> (first: UInt64, isSealed: Bool) {
    var found: (first: UInt64, isSealed: Bool)?
    do throws(SystemError) {
      for name in try Directory(path).names() {
        guard let (first, kind) = FileNames.parse(name), kind == .segment || kind == .open, first <= index,
          first >= found?.first ?? 0
        else { continue }
        found = (first, kind == .segment || found.map { $0.first == first && $0.isSealed } ?? false)
      }
    } catch { throw .write(.system(error)) }
    guard let found else { throw .refused("entry \(index) is not in the log any more; nothing was changed") }
    return found
  }
}
