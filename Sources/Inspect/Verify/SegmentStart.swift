import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import Segments

/// A segment whose work was handed out, or that could not be read at all.
struct RunningSegment {
  var firstIndex: UInt64
  /// First index of the segment behind it; nil for the last.
  var nextIndex: UInt64?
  /// Entries below this index are covered by a signature.
  var committed: UInt64
  /// A segment behind it is sealed.
  var isBeforeSealed = false
  /// Nil when there is no file, or its header cannot be read.
  var job: SegmentJob?
  /// Name of the file that holds the entries.
  var name: String
  var seal: SignedSeal?
  /// Place among the log's segments.
  var place = 0
  /// Of the file that was opened.
  var inode: UInt64 = 0
  var fileSize = 0
  /// Entries of the segment were erased, as its header says.
  var isAmended = false
  var amendment: Amendment?
  /// There is a file for the seal, be it readable or not.
  var hasSealFile = false
  /// Findings about the segment that are certain before its blocks are checked.
  var findings: [Finding] = []
  /// What of `findings` is damage of the file with the entries.
  var isFileDamaged = false
  /// The file is not the segment that belongs here; what its blocks are does not matter.
  var isForeign = false
  var holes: [Hole] = []
  var blocks: [BlockSummary] = []
  var footerOffset: Int?
  /// Where the blocks end.
  var blocksEnd = 0
  var endIndex: UInt64 = 0
  var chain: Digest?
  /// The tree behind the last block; nil when that is unknown.
  var tree: CompactRange?
}

/// What is kept of a block until its segment is done.
struct BlockSummary {
  var offset: Int
  var firstIndex: UInt64
  var endIndex: UInt64
  var rawByteCount: Int
  var firstTime: Int64
  var lastTime: Int64
  /// It is encrypted, and there is no key.
  var isClosed = false
}

extension LogCheck {
  /// Opens a segment, walks its blocks and hands them out.
  mutating func start(_ segments: [LogFiles.Segment], _ place: Int) {
    let segment = segments[place]
    let sealed = segments.dropFirst(place + 1).last { !$0.kinds.isDisjoint(with: [.segment, .seal]) }
    var running = RunningSegment(
      firstIndex: segment.firstIndex,
      nextIndex: place + 1 < segments.count ? segments[place + 1].firstIndex : nil,
      committed: max(report.checkpoint?.size ?? 0, sealed?.firstIndex ?? 0), isBeforeSealed: sealed != nil,
      name: "", endIndex: segment.firstIndex)
    running.place = place
    readSeal(&running)
    if segment.firstIndex < firstKept, let seal = running.seal?.seal {
      running.endIndex = seal.endIndex
      report.removedSegments += 1
      report.sealedSegments -= 1
      acts.removed.append(RemovedSegment(seal: seal))
      return self.running.append(running)
    }
    if let seal = running.seal { running.committed = max(running.committed, seal.seal.endIndex) }
    if let (opened, kind) = openSource(&running, segment) {
      let source = kind == .open ? opened : settle(&running, opened)
      running.name = source.name
      running.inode = source.inode
      running.fileSize = source.size
      do throws(SystemError) { try hand(out: source, kind, &running) } catch {
        running.findings.append(unreadable(source.name, error))
        running.isFileDamaged = true
      }
      report.storedBytes += source.size
    }
    report.segments += 1
    self.running.append(running)
  }

  private mutating func readSeal(_ running: inout RunningSegment) {
    let name = FileNames.name(running.firstIndex, .seal)
    do throws(LogError) {
      guard let bytes = try log.read(name, limit: SignedNote.maximumSize) else { return }
      running.hasSealFile = true
      let signed = try readSeal(bytes, name)
      if let text = contradiction(signed.seal, running.firstIndex) {
        return running.findings.append(Finding(.break, file: name, text))
      }
      if let finding = followSeal(signed, name) { return running.findings.append(finding) }
      running.seal = signed
      report.sealedSegments += 1
    } catch {
      switch error {
      case .note(_, let error) where error.reason == .noKnownSignature && isForeign: foreignSeals += 1
      case .note(_, let error):
        running.findings.append(Finding(.badSignature, file: name, "the seal is refused: \(error)"))
      case .system(let error):
        // Also reached when a segment's file appears and its seal is looked for again.
        if !running.hasSealFile { running.findings.append(unreadable(name, error)) }
        running.hasSealFile = true
      default: running.findings.append(Finding(.corruption, file: name, "the signed text is no seal"))
      }
    }
  }

  private mutating func readSeal(_ bytes: [UInt8], _ name: String) throws(LogError) -> SignedSeal {
    do throws(LogError) {
      return try bytes.withView { (note) throws(LogError) in
        try SignedSeal(note, file: name, keys: report.logKeys)
      }
    } catch {
      // A writer at work may have replaced its key meanwhile.
      guard followNewRotations() else { throw error }
      return try bytes.withView { (note) throws(LogError) in
        try SignedSeal(note, file: name, keys: report.logKeys)
      }
    }
  }

  /// Why a seal cannot be that of the segment with that first index.
  private func contradiction(_ seal: Seal, _ firstIndex: UInt64) -> String? {
    if !report.origin.isEmpty, seal.origin != report.origin {
      return "the seal is one of the log \(seal.origin)"
    }
    if seal.firstIndex != firstIndex {
      return "the seal is that of the segment from entry \(seal.firstIndex) on: it was renamed"
    }
    return seal.endIndex > firstIndex ? nil : "the seal is that of a segment without entries"
  }

  /// Nothing in the log seems to be signed by the key that was given.
  private var isForeign: Bool { report.checkpoint == nil && report.findings.contains { $0.kind == .badKey } }

  private static var attempts: Int { 4 }

  /// Opens the file that holds the entries. A writer may be renaming it at this moment, so a few attempts are
  /// made.
  private mutating func openSource(
    _ running: inout RunningSegment, _ segment: LogFiles.Segment
  ) -> (SegmentSource, FileNames.Kind)? {
    let firstIndex = running.firstIndex
    do throws(SystemError) {
      for attempt in 1...Self.attempts {
        if let source = try source(firstIndex, .segment) {
          noteLeftOvers(&running)
          if !running.hasSealFile { readSeal(&running) }
          return (source, .segment)
        }
        let rewrite = try source(firstIndex, .rewrite)
        let open = try source(firstIndex, .open)
        if let seal = running.seal?.seal {
          // Both may be there: the one that was sealed has the sealed size.
          if let rewrite, rewrite.size == seal.byteCount { return (rewrite, .rewrite) }
          if let open, open.size == seal.byteCount { return (open, .open) }
        }
        // Between a seal and the rename, the file that was sealed can go from one name to the other unseen.
        if running.seal != nil, attempt < Self.attempts { continue }
        if let open { return (open, .open) }
        if let rewrite { return (rewrite, .rewrite) }
      }
    } catch {
      let name = error.path.split(separator: "/").last.map(String.init) ?? error.path
      running.findings.append(unreadable(name, error))
      running.endIndex = max(
        firstIndex, running.seal?.seal.endIndex ?? running.nextIndex ?? running.committed)
      running.isFileDamaged = true
      return nil
    }
    running.name = FileNames.name(firstIndex, .segment)
    let end = running.seal?.seal.endIndex
    running.findings.append(
      Finding(
        .missingFile, file: running.name, entries: end.map { firstIndex..<max($0, firstIndex) },
        "the segment's file is missing\(running.hasSealFile ? ", though its seal is here" : ""); restore it from a copy"
      ))
    running.isFileDamaged = true
    if let end { running.endIndex = max(end, firstIndex) }
    return nil
  }

  private func source(_ firstIndex: UInt64, _ kind: FileNames.Kind) throws(SystemError) -> SegmentSource? {
    do throws(SystemError) { return try SegmentSource(log, FileNames.name(firstIndex, kind)) } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
  }

  private func noteLeftOvers(_ running: inout RunningSegment) {
    if report.isBeingWritten { return }
    for kind in [FileNames.Kind.open, .rewrite] {
      let name = FileNames.name(running.firstIndex, kind)
      guard (try? log.directory.status(of: name)) != nil else { continue }
      // Part of an erasure, which is judged when the whole log is known.
      if kind == .rewrite, isBeingAmended(running.firstIndex) { continue }
      running.findings.append(
        Finding(.leftOver, .note, file: name, "the segment is finished; the next writer removes this"))
    }
  }

  private func isBeingAmended(_ firstIndex: UInt64) -> Bool {
    [Amendment.pendingName(firstIndex), FileNames.name(firstIndex, .amendment)].contains { name in
      ((try? log.directory.status(of: name)) ?? nil) != nil
    }
  }

  /// Walks the file and hands out its blocks.
  private mutating func hand(
    out source: SegmentSource, _ kind: FileNames.Kind, _ running: inout RunningSegment
  ) throws(SystemError) {
    var bytes = ByteBuffer()
    try source.read(SegmentHeader.sizeLimit, at: 0, into: &bytes)
    let decoded: (header: SegmentHeader, size: Int, chainStart: Digest)
    do throws(DecodeError) { decoded = try SegmentHeader.decode(bytes.view) } catch {
      return refuseHeader(error, source, &running)
    }
    guard let front = try readSalts(source, decoded.header, decoded.size, &running) else { return }
    let footer = try readFooter(source, kind, &running)
    let limit = footer?.offset ?? source.size
    var sizes = Set(anchors.map(\.checkpoint.size) + (running.seal.map { [$0.seal.endIndex] } ?? []))
    let last = running.seal?.seal.endIndex ?? running.nextIndex ?? .max
    if last > running.firstIndex { sizes.formUnion(timestamps.sizes(in: running.firstIndex + 1...last)) }
    let context = BlockContext(
      source: source, salts: front.salts, key: openSidecar(decoded.header, &running), footer: footer?.footer,
      // Without a seal nothing signed covers the stored bytes: only the entries themselves can be compared.
      decodedFrom: running.seal == nil ? 0 : options.isQuick ? .max : report.sinceCheckpoint?.size ?? 0,
      sizes: Array(sizes))
    let job = SegmentJob(
      firstIndex: running.firstIndex, source: source, kind: kind, seal: running.seal, header: decoded.header,
      context: context, tableOffset: decoded.size)
    running.job = job
    running.footerOffset = footer?.offset
    if running.seal != nil {
      job.begin()
      pool.add(.file(job), &checker)
    }
    var walk = SegmentWalk(
      source, decoded.header, headerByteCount: front.blocksStart, chainStart: decoded.chainStart,
      footer: footer?.footer,
      limit: limit)
    try hand(out: &walk, job, &running)
  }

  private mutating func hand(
    out walk: inout SegmentWalk, _ job: SegmentJob, _ running: inout RunningSegment
  ) throws(SystemError) {
    walking: while true {
      switch try walk.next() {
      case .block(let block):
        running.blocks.append(
          BlockSummary(
            offset: block.offset, firstIndex: block.entries.lowerBound, endIndex: block.entries.upperBound,
            rawByteCount: block.header.contents.rawByteCount, firstTime: block.header.contents.firstTime,
            lastTime: block.header.contents.lastTime,
            isClosed: block.header.isEncrypted && job.context.key == nil))
        job.begin()
        pool.add(.block(job, block), &checker)
        done += block.header.blockByteCount
        options.progress?(VerifyProgress(done: done, total: max(done, total)))
      case .hole(let hole): running.holes.append(hole)
      case .end(let offset):
        running.blocksEnd = offset
        break walking
      }
    }
    running.endIndex = walk.endIndex
    running.chain = walk.lastChain
    running.tree = walk.tree
  }
}

extension LogCheck {
  /// The footer and its offset. A finished segment without one is damaged; in an open one it may be partly
  /// written.
  private func readFooter(
    _ source: SegmentSource, _ kind: FileNames.Kind, _ running: inout RunningSegment
  ) throws(SystemError) -> (footer: SegmentFooter, offset: Int)? {
    var bytes = ByteBuffer()
    var offset = max(0, source.size - SegmentFooter.smallestSize)
    try source.read(SegmentFooter.smallestSize, at: offset, into: &bytes)
    if bytes.count >= 8 {
      // The footer says its size in the last eight bytes but four.
      let size = Int(bytes.view.load32(at: bytes.count - 8))
      if size <= min(source.size, SegmentFooter.sizeLimit) {
        offset = source.size - size
        try source.read(size, at: offset, into: &bytes)
      }
    }
    do throws(DecodeError) { return (try SegmentFooter.decode(bytes.view).footer, offset) } catch {
      let sealed = running.stored?.byteCount
      // A file that is cut off has no footer, and is reported as what it is.
      guard kind == .segment, sealed == nil || sealed == source.size else { return nil }
      running.findings.append(
        Finding(
          .corruption, file: source.name, offset: offset + error.offset,
          "the footer's bytes do not give its hash, or are no footer; the blocks are checked without it"))
      running.isFileDamaged = true
      return nil
    }
  }

  private mutating func refuseHeader(
    _ error: DecodeError, _ source: SegmentSource, _ running: inout RunningSegment
  ) {
    let first = running.firstIndex
    if !running.hasSealFile, !source.name.hasSuffix(FileNames.Kind.segment.rawValue),
      first >= running.committed
    {
      running.findings.append(
        Finding(
          .tornTail, .note, file: source.name, offset: 0,
          "\(source.size) bytes of a segment that a crash left without a whole header; "
            + "nothing signed is among them"
        ))
      report.tornBytes += source.size
      return
    }
    let end = running.seal?.seal.endIndex ?? running.nextIndex ?? running.committed
    running.endIndex = max(first, end)
    running.isFileDamaged = true
    let text =
      source.size == 0
      ? "the file is empty"
      : "the segment's header does not give its hash, or is no header; its entries cannot be read"
    running.findings.append(
      Finding(
        .corruption, file: source.name, offset: error.offset, entries: first..<running.endIndex,
        text + "; restore the file from a copy"))
  }
}
