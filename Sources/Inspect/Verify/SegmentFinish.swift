import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import Segments
import Synchronization

/// What a segment must continue.
struct PreviousSegment {
  var exists = false
  /// Index behind its last entry, as well as that is known.
  var endIndex: UInt64 = 0
  /// Nil when its header could not be read.
  var id: SegmentID?
  /// The tree behind it; nil when its file is damaged.
  var tree: CompactRange?
  /// Hash of its seal's text, and the root that the seal signs.
  var sealHash: Digest?
  var sealRoot: Digest?
}

extension LogCheck {
  /// Waits for the oldest segment's work and judges what it gave.
  mutating func finishFirst(_ segments: [LogFiles.Segment]) {
    var running = running.removeFirst()
    var results = wait(for: running)
    if isReplaced(running) {
      running = restart(segments, running)
      results = wait(for: running)
    }
    report.control.add(results.control)
    judgePlace(&running)
    judgeHeader(&running)
    if running.job != nil, !running.isForeign {
      judgeBlocks(&running, results)
      judgeLength(&running)
    }
    judgeSeal(&running, results)
    noteErased(&running)
    if !running.isForeign {
      if let id = running.job?.header.id {
        acts.present[id] = running.firstIndex
        if running.amendment != nil { acts.announced.insert(id) }
      }
      keepRoots(running, results)
      keepClosed(running)
      takeControl(results.items.sorted { $0.index < $1.index }, running)
    }
    if running.isFileDamaged, let end = running.seal?.seal.endIndex {
      running.endIndex = max(end, running.firstIndex)
    }
    report.blocks += running.blocks.count
    report.decodedEntries += results.decodedEntries
    for block in running.blocks {
      report.rawBytes += block.rawByteCount
      guard block.firstTime <= block.lastTime else { continue }
      let times = report.receiveTimes ?? block.firstTime...block.lastTime
      report.receiveTimes = min(times.lowerBound, block.firstTime)...max(times.upperBound, block.lastTime)
    }
    report.findings.append(contentsOf: running.findings)
    report.entries = report.entries.lowerBound..<max(report.entries.upperBound, running.endIndex)
    if let seal = running.seal?.seal { report.sealedEnd = max(report.sealedEnd, seal.endIndex) }
    remember(running)
  }

  private func wait(for running: RunningSegment) -> SegmentJob.Results {
    guard let job = running.job else { return SegmentJob.Results() }
    pool.wait(for: job)
    return job.results.withLock { $0 }
  }

  /// Begins again with a segment whose file was replaced, by an erasure, while it was being read.
  private mutating func restart(_ segments: [LogFiles.Segment], _ old: RunningSegment) -> RunningSegment {
    report.segments -= 1
    report.storedBytes -= old.fileSize
    if old.seal != nil { report.sealedSegments -= 1 }
    start(segments, old.place)
    return running.removeLast()
  }

  private mutating func keepRoots(_ running: RunningSegment, _ results: SegmentJob.Results) {
    for size in results.roots.keys where roots[size] == nil { roots[size] = results.root(at: size) }
    // What only a seal is left of, the seal stands for.
    if running.firstIndex < firstKept, let seal = running.seal?.seal { roots[seal.endIndex] = seal.root }
    if let header = running.job?.header, roots[header.firstIndex] == nil {
      roots[header.firstIndex] = header.tree.root
    }
  }

  private mutating func remember(_ running: RunningSegment) {
    previous = PreviousSegment(
      exists: true, endIndex: running.endIndex,
      id: running.seal?.seal.segment ?? (running.isForeign ? nil : running.job?.header.id),
      tree: running.isFileDamaged ? nil : running.tree, sealHash: running.seal?.seal.textHash,
      sealRoot: running.seal?.seal.root)
  }

  // MARK: Place in the log

  /// Whether the segment begins where the one before it ends.
  private func judgePlace(_ running: inout RunningSegment) {
    let first = running.firstIndex
    let end = previous.endIndex
    if first > end {
      if !previous.exists || end < running.committed || running.job?.kind == .segment {
        let text =
          "entries \(end) to \(first - 1) are missing: no segment holds them; restore its file from a copy"
        running.findings.append(
          Finding(.missingSegment, file: FileNames.name(end, .segment), entries: end..<first, text))
      } else {
        let text = "entries \(end) to \(first - 1) were lost in a crash; nothing signed covers them"
        running.findings.append(Finding(.tornTail, .note, entries: end..<first, text))
      }
    } else if first < end {
      let text =
        "the segment begins at \(first), but the one before it ends at \(end): one of them is not of this log"
      running.findings.append(Finding(.break, file: running.name, entries: first..<end, text))
      running.isFileDamaged = true
    }
  }

  // MARK: Blocks

  private mutating func judgeBlocks(_ running: inout RunningSegment, _ results: SegmentJob.Results) {
    guard let job = running.job else { return }
    let isOpen = job.kind != .segment && !running.hasSealFile
    var holes = running.holes[...]
    var footerFault: UInt64?
    for ordinal in 0...running.blocks.count {
      while let hole = holes.first, hole.ordinal == ordinal {
        holes.removeFirst()
        let reachesEnd = hole.bytes.upperBound == job.source.size
        if isOpen, hole.firstIndex >= min(running.committed, reachesEnd ? running.nextIndex ?? .max : .max) {
          return tear(&running, offset: hole.bytes.lowerBound, index: hole.firstIndex, ordinal)
        }
        judge(hole, &running)
      }
      guard ordinal < running.blocks.count, let outcome = results.outcomes[ordinal] else { continue }
      let block = running.blocks[ordinal]
      if isOpen, !outcome.isIntact, block.firstIndex >= running.committed {
        return tear(&running, offset: block.offset, index: block.firstIndex, ordinal)
      }
      let before = results.outcomes[ordinal - 1]
      if let finding = finding(outcome, isAfterDamage: !(before?.isIntact ?? true), block, running.name) {
        running.findings.append(finding)
        running.isFileDamaged = true
      } else if outcome.problems.contains(where: { $0 == .footerBlock || $0 == .footerGroup }) {
        footerFault = footerFault ?? block.firstIndex
      }
    }
    if let footerFault, !running.isFileDamaged {
      let text =
        "the footer does not describe the blocks, from the one with entry \(footerFault) on: it was made anew"
      running.findings.append(Finding(.break, file: running.name, offset: running.footerOffset, text))
      running.isFileDamaged = true
    }
  }

  /// The rest of an open segment, from the first block that is not whole, is what a crash tore.
  private mutating func tear(_ running: inout RunningSegment, offset: Int, index: UInt64, _ ordinal: Int) {
    let bytes = (running.job?.source.size ?? offset) - offset
    report.tornBytes += bytes
    running.endIndex = index
    running.blocksEnd = offset
    if ordinal < running.blocks.count { running.tree = nil }
    running.blocks.removeSubrange(ordinal...)
    let text =
      report.isBeingWritten
      ? "\(bytes) bytes behind the last whole block: the writer is adding them, or a crash left them"
      : "\(bytes) bytes behind the last whole block, which a crash left; nothing signed is among them, "
        + "and the next writer moves them aside"
    running.findings.append(Finding(.tornTail, .note, file: running.name, offset: offset, text))
  }

  private func judge(_ hole: Hole, _ running: inout RunningSegment) {
    let reachesEnd = hole.bytes.upperBound == running.footerOffset ?? running.job?.source.size
    var end = hole.endIndex
    if reachesEnd {
      end = running.seal?.seal.endIndex ?? end ?? running.nextIndex ?? running.committed
      if let sealed = running.stored, let size = running.job?.source.size {
        // Reported by its length.
        if size != sealed.byteCount {
          running.endIndex = hole.firstIndex
          return
        }
        // The footer, which is reported by itself.
        if running.footerOffset == nil, hole.firstIndex >= running.seal?.seal.endIndex ?? .max { return }
      }
      running.endIndex = max(hole.firstIndex, end ?? 0)
    }
    let count = hole.bytes.count
    running.findings.append(
      Finding(
        .corruption, file: running.name, offset: hole.bytes.lowerBound,
        entries: hole.firstIndex..<max(hole.firstIndex, end ?? 0),
        "no block can be read in these \(count) bytes; restore the file from a copy"))
    running.isFileDamaged = true
  }

  /// What a block's problems come to; nil when they only follow from damage reported elsewhere.
  private func finding(
    _ outcome: BlockOutcome, isAfterDamage: Bool, _ block: BlockSummary, _ file: String
  ) -> Finding? {
    let whole = block.firstIndex..<max(block.endIndex, block.firstIndex)
    func make(_ kind: Finding.Kind, _ text: String, _ entries: Range<UInt64>? = nil) -> Finding {
      Finding(kind, file: file, offset: block.offset, entries: entries ?? whole, text)
    }
    // The first in this order is the cause of those behind it.
    for problem in outcome.problems {
      switch problem {
      case .unreadable(let error): return make(.unreadable, "the block cannot be read: \(error)")
      case .crypto(let error): return make(.unreadable, "the block cannot be checked: \(error)")
      case .notIntact:
        let text = "the block's bytes do not give its chain value; restore the file from a copy"
        return make(.corruption, text, outcome.differing)
      case .sequence where !isAfterDamage:
        return make(.break, "the block's number or first index does not follow the block before")
      case .link where !isAfterDamage:
        return make(
          .break,
          "the block does not continue the chain: the blocks before it are not those it was written after")
      case .undecodable(let error):
        return make(
          .corruption, "the block gives its chain value, but cannot be decoded at byte \(error.offset) of it")
      case .undecryptable:
        let text =
          "the block gives its chain value, but is not what was encrypted with the segment's key: it was made anew"
        return make(.corruption, text)
      case .contents: return make(.break, "totals in the block's header are not those of its entries")
      case .tree where !isAfterDamage:
        return make(.break, "the block's entries do not lead to the tree in its header", outcome.differing)
      case .sequence, .link, .tree, .footerBlock, .footerGroup: continue
      }
    }
    return nil
  }

  // MARK: The file as a whole

  /// Whether the file ends where it should.
  private func judgeLength(_ running: inout RunningSegment) {
    guard let job = running.job else { return }
    let size = job.source.size
    if let seal = running.seal?.seal, let stored = running.stored {
      if size == stored.byteCount { return }
      let end = max(seal.endIndex, running.firstIndex)
      let lost = min(running.endIndex, end)..<end
      defer {
        running.endIndex = end
        running.isFileDamaged = true
      }
      if job.kind == .segment, job.context.footer != nil, !running.isFileDamaged {
        running.findings.append(madeAnew(running))
        return
      }
      let place = running.holes.last?.bytes.lowerBound ?? running.blocksEnd
      if job.kind != .segment {
        let text =
          "a seal is here, but no file has the sealed contents; \(job.source.name) holds other blocks"
        let name = FileNames.name(running.firstIndex, .segment)
        return running.findings.append(Finding(.missingFile, file: name, entries: lost, text))
      }
      let text =
        size < stored.byteCount
        ? "the file was cut off: it ends at byte \(size) of \(stored.byteCount); restore it from a copy"
        : "the file has \(size) bytes, \(size - stored.byteCount) more than were sealed"
      let offset = size < stored.byteCount ? min(place, size) : stored.byteCount
      return running.findings.append(
        Finding(.corruption, file: running.name, offset: offset, entries: lost, text))
    }
    // Behind the blocks of an open segment there may be a footer, whole or not; entries that are signed may
    // not lack.
    let wanted = min(running.committed, running.nextIndex ?? .max)
    if job.kind != .segment, running.endIndex < wanted, !running.isFileDamaged {
      let text = "the file ends before entry \(wanted - 1), which a signature covers; restore it from a copy"
      running.findings.append(
        Finding(
          .corruption, file: running.name, offset: running.blocksEnd, entries: running.endIndex..<wanted, text
        ))
      running.endIndex = wanted
      running.isFileDamaged = true
    }
  }

  /// Whether the segment is one of this log, belongs in this place, and continues the one before it.
  private func judgeHeader(_ running: inout RunningSegment) {
    guard let header = running.job?.header else { return }
    let follows = previous.exists && previous.endIndex == running.firstIndex
    var text: String?
    if header.firstIndex != running.firstIndex {
      text = "the file's header says that it begins with entry \(header.firstIndex): it was renamed"
      running.isForeign = true
    } else if !report.origin.isEmpty, header.origin != report.origin {
      text = "the segment is one of the log \(header.origin), not of \(report.origin)"
      running.isForeign = true
    } else if let seal = running.seal?.seal, seal.segment != header.id {
      text = "the file is not the segment that was sealed, but another with the same first entry"
      running.isForeign = true
    } else if running.firstIndex == 0, header.previous != SegmentID(high: 0, low: 0) {
      text = "the first segment names one before it"
    } else if follows, let id = previous.id, header.previous != id {
      text = "the segment was not written after the one that stands before it"
    } else if follows, let tree = previous.tree, header.tree != tree {
      text = "the segment does not continue the tree of the one before it"
    } else if follows, let root = previous.sealRoot, header.tree.root != root {
      text = "the segment does not continue the tree whose root the seal before it signs"
    }
    guard let text else { return }
    if running.isForeign {
      running.endIndex = max(running.firstIndex, running.nextIndex ?? running.committed)
    }
    running.findings.append(
      Finding(
        .break, file: running.name, offset: 0,
        entries: running
          .firstIndex..<max(running.seal?.seal.endIndex ?? running.endIndex, running.firstIndex), text))
    running.isFileDamaged = true
  }

  // MARK: Seal

  private func judgeSeal(_ running: inout RunningSegment, _ results: SegmentJob.Results) {
    let name = FileNames.name(running.firstIndex, .seal)
    guard let seal = running.seal?.seal else {
      let isFinished =
        running.job?.kind == .segment || running.name.hasSuffix(FileNames.Kind.segment.rawValue)
      if isFinished, !running.hasSealFile {
        running.findings.append(
          Finding(
            .missingFile, file: name, "the seal of a finished segment is missing; restore it from a copy"))
      } else if !isFinished, running.isBeforeSealed, !running.hasSealFile {
        running.findings.append(
          Finding(
            .unsealed, file: name, "the segment has no seal, though one behind it has; restore it from a copy"
          ))
      }
      return
    }
    if let error = results.hashFailure, !running.isFileDamaged {
      running.findings.append(unreadable(running.name, error))
      running.isFileDamaged = true
    }
    if let text = contradiction(seal, running) {
      return running.findings.append(Finding(.break, file: name, text))
    }
    guard !running.isFileDamaged, running.job != nil, let stored = running.stored else { return }
    let entries = running.firstIndex..<max(running.endIndex, running.firstIndex)
    if results.fileHash != stored.fileHash {
      running.findings.append(madeAnew(running))
      running.isFileDamaged = true
    } else if seal.endIndex != running.endIndex || stored.chain != running.chain {
      running.findings.append(
        Finding(
          .break, file: name, entries: entries, "the seal is not that of the segment whose file it signs"))
    } else if let root = results.root(at: seal.endIndex), root != seal.root {
      let text = "the seal signs root \(seal.root), but the entries lead to \(root)"
      running.findings.append(Finding(.break, file: running.name, entries: 0..<seal.endIndex, text))
    }
  }

  private func madeAnew(_ running: RunningSegment) -> Finding {
    let end = max(running.seal?.seal.endIndex ?? running.endIndex, running.firstIndex)
    let text =
      "the file is not the one that was sealed, though it is consistent in itself: it was made anew; "
      + "restore it from a copy"
    return Finding(.break, file: running.name, entries: running.firstIndex..<end, text)
  }

  /// What in a seal contradicts the one before it, whatever its file holds.
  private func contradiction(_ seal: Seal, _ running: RunningSegment) -> String? {
    if running.firstIndex == 0 {
      return seal.previous == nil ? nil : "the first seal names one before it"
    }
    guard previous.exists, previous.endIndex == running.firstIndex, let hash = previous.sealHash else {
      return nil
    }
    return seal.previous == hash ? nil : "the seal was not made after the seal that stands before it"
  }
}
