import Bytes
import Cryptography
import Events
import MerkleLog
import Platform
import SegmentReader
import Segments

extension LogCheck {
  /// Compares what is missing with what the log itself says was taken away.
  mutating func judgeActs() {
    // Only what a checkpoint covers was ordered; a file is touched after that.
    let committed = max(newestCheckpointSize(), report.sealedEnd)
    acts.erased.removeAll { $0.index >= committed }
    acts.retention.removeAll { $0.index >= committed }
    judgeErasures()
    judgeRetention()
    for (index, hold, entries) in acts.violations where index < committed {
      add(
        Finding(
          .held, entries: entries,
          "entry \(index) orders that these entries be taken away, though the hold '\(hold)' was in force"))
    }
  }

  /// A writer at work may have replaced the checkpoint since it was read.
  private func newestCheckpointSize() -> UInt64 {
    let size = report.checkpoint?.size ?? 0
    guard let keys = report.logKeys, let newer = try? log.checkpoint(keys).signed else { return size }
    return max(size, newer.checkpoint.size)
  }

  // MARK: Erasures

  private mutating func judgeErasures() {
    var records: [String: [Acts.Erased]] = [:]
    for record in acts.erased { records[record.segment, default: []].append(record) }
    for (id, segment) in acts.amended.sorted(by: { $0.value.name < $1.value.name }) {
      judge(segment, records["\(id)"] ?? [])
    }
    for (id, first) in acts.present.sorted(by: { $0.value < $1.value }) where acts.amended[id] == nil {
      let orders = records["\(id)"] ?? []
      for record in orders { judgeUndone(record, first) }
      // It takes its name only when a checkpoint covers the order.
      if orders.isEmpty, acts.announced.contains(id) {
        let text =
          "it speaks of an erasure that no control entry orders: the log was put back to a time before; "
          + "restore the newer copy"
        add(Finding(.break, file: FileNames.name(first, .amendment), text))
      }
    }
  }

  private mutating func judge(_ segment: AmendedSegment, _ records: [Acts.Erased]) {
    let allowed = records.flatMap(\.entries)
    let wrong = segment.erased.filter { index in !allowed.contains { $0.contains(index) } }
    for range in [Range<UInt64>](joining: wrong) {
      let text = "erased without authority: no control entry under a checkpoint orders it"
      add(Finding(.erased, .damage, file: segment.name, entries: range, text))
    }
    guard let last = records.last else { return }
    judgeSigner(of: segment, last)
    let erased = Set(segment.erased)
    for record in records where !record.entries.joined().allSatisfy(erased.contains) {
      judgeUndone(record, record.first)
    }
    if segment.amendment?.base64 != last.amendment, last.entries.joined().allSatisfy(erased.contains) {
      let text = "the amendment is not the one that entry \(last.index) orders"
      let name = FileNames.name(last.first, .amendment)
      add(Finding(.break, file: name, entries: last.first..<last.end, text))
    }
    for record in records where record.entries.joined().allSatisfy(erased.contains) {
      // Between two renames, the file without the entries has not taken its place yet.
      let isWaiting = record.index == last.index && segment.name.hasSuffix(FileNames.Kind.rewrite.rawValue)
      let text = isWaiting ? waiting(record) : text(record)
      for range in record.entries {
        add(Finding(.erased, .note, file: segment.name, entries: range, text))
      }
    }
  }

  /// The amendment must be signed by the key that was in force when the erasure was ordered.
  private mutating func judgeSigner(of segment: AmendedSegment, _ last: Acts.Erased) {
    guard let keys = report.logKeys, segment.amendment?.base64 == last.amendment,
      let signers = acts.amendmentSigners[last.amendment], !signers.contains(keys.origin(at: last.index))
    else { return }
    let text =
      "the amendment is not signed by the log's key that was in force at entry \(last.index), which orders it"
    add(Finding(.badSignature, file: FileNames.name(last.first, .amendment), text))
  }

  private func waiting(_ record: Acts.Erased) -> String {
    "to be " + text(record) + "; authorised, not carried out yet: the next writer does it"
  }

  private func text(_ record: Acts.Erased) -> String {
    "erased on the authority of \(record.authority), for \(record.reason), approved by \(record.approver) "
      + "(entry \(record.index), \(Timestamp.text(record.time, digits: 0)))"
  }

  /// An erasure whose entries are still there: not carried out yet, or undone.
  private mutating func judgeUndone(_ record: Acts.Erased, _ first: UInt64) {
    let name = FileNames.name(first, .segment)
    let isUnderway = isUnderway(record, first)
    for range in record.entries {
      let text =
        isUnderway
        ? waiting(record)
        : "to be " + text(record) + ", but they are here: a copy from before was put back; erase them again"
      add(
        Finding(isUnderway ? .erased : .break, isUnderway ? .note : .damage, file: name, entries: range, text)
      )
    }
  }

  /// Whether the files that carry it out are there, or have taken their place since.
  private func isUnderway(_ record: Acts.Erased, _ first: UInt64) -> Bool {
    for name in [Amendment.pendingName(first), FileNames.name(first, .amendment)] {
      guard let bytes = (try? log.read(name, limit: SignedNote.maximumSize)) ?? nil,
        let note = try? bytes.withView({ try SignedNote($0) }),
        let amendment = note.text.withView({ Amendment($0) }), amendment.textHash.base64 == record.amendment
      else { continue }
      for kind in [FileNames.Kind.rewrite, .segment] {
        if hash(of: FileNames.name(first, kind)) == amendment.fileHash { return true }
      }
    }
    return false
  }

  // MARK: Retention

  private mutating func judgeRetention() {
    guard let first = acts.removed.first, let last = acts.removed.last else { return }
    let newest = acts.retention.last
    var isAllowed = true
    for segment in acts.removed {
      let listed = acts.retention.compactMap { $0.seals[segment.seal.firstIndex] }
      if let newest, segment.seal.endIndex <= newest.before,
        listed.allSatisfy({ $0 == segment.seal.textHash.base64 })
      {
        continue
      }
      isAllowed = false
      let name = FileNames.name(segment.seal.firstIndex, .segment)
      let text =
        "the segment's file is missing, though its seal is here, and no control entry orders its removal; "
        + "restore it from a copy"
      // Where nothing was ever removed by rule, it is a file that is missing, as any other would be.
      let kind: Finding.Kind = newest == nil ? .missingFile : .missingSegment
      add(Finding(kind, file: name, entries: segment.entries, text))
    }
    guard isAllowed, let newest else { return }
    let text =
      "removed by the policy '\(newest.policy)' (entry \(newest.index), "
      + "\(Timestamp.text(newest.time, digits: 0))); their seals are here"
    add(
      Finding(.retention, .note, entries: first.entries.lowerBound..<last.entries.upperBound, text))
  }
}
