import MerkleLog
import Bytes
import Cryptography
import Platform
import SegmentReader
import Segments

/// What one round of a scrub read.
public struct ScrubRound: Equatable, Sendable {
  /// Sealed segments.
  public var segments = 0
  /// Bytes of their files.
  public var bytes = 0
  public var findings = 0
  /// Indexes of their entries, from the first segment's to the last's.
  public var entries: Range<UInt64> = 0..<0

  public init() {}

  /// The control entry that tells of the round.
  public var entry: JSONValue {
    [
      "type": "scrub", "segments": .number(segments), "bytes": .number(bytes), "findings": .number(findings),
      "first": .number(entries.lowerBound), "end": .number(entries.upperBound),
    ]
  }
}

/// Reads sealed segments again, slowly, to find out early what became of them on the disk: the signatures of
/// each seal, and the hash of each file. Where that is another, the segment is verified for the place.
///
/// Holds one buffer, and drops what it reads from the page cache: it is the disk that is asked.
public struct Scrubber: Sendable {
  /// Path of the log's directory.
  public var directory: String
  /// Most bytes to read in a second.
  public var rate: Int
  /// The time, and a wait until a time that is true when the scrub should end. Nanoseconds, of one clock.
  public var clock: @Sendable () -> Int64
  public var wait: @Sendable (Int64) -> Bool

  private static let chunk = 256 << 10
  /// Most findings about one segment.
  private static let findingLimit = 8

  /// Scrubs the log in the directory at that path.
  public init(
    _ directory: String, rate: Int, clock: @escaping @Sendable () -> Int64 = Clock.monotonic,
    wait: @escaping @Sendable (Int64) -> Bool
  ) {
    self.directory = directory
    self.rate = max(1, rate)
    self.clock = clock
    self.wait = wait
  }

  /// One round over all segments that are sealed at its begin, beginning with any of them: rounds that
  /// restarts cut short then do not leave the same ones unread. Nil when it was ended.
  public func round(_ report: (Finding) -> Void) throws(LogError) -> ScrubRound? {
    let log = try LogDirectory(directory)
    let files = try log.files().segments
    // Removing the oldest leaves their seals; behind the first file, each seal must have its own.
    let kept = files.firstIndex { $0.kinds.contains(.segment) } ?? files.endIndex
    let sealed = files[kept...].filter {
      $0.kinds.contains(.seal)
        && ($0.kinds.contains(.segment) || $0.kinds.isDisjoint(with: [.open, .rewrite]))
    }
    guard !sealed.isEmpty else { return ScrubRound() }
    var round = ScrubRound()
    var (first, end) = (UInt64.max, UInt64(0))
    let start = Int.random(in: sealed.indices)
    for segment in sealed[start...] + sealed[..<start] {
      let before = files.last { $0.firstIndex < segment.firstIndex && $0.kinds.contains(.seal) }
      let seal = log.trustedSeal(segment.firstIndex, after: before?.firstIndex)
      guard let isGood = isGood(log, segment, seal, &round.bytes) else { return nil }
      if !isGood {
        // Removed by age meanwhile: what is left says so, as `verify` finds out.
        if let oldest = try log.files().kept.first, oldest.firstIndex > segment.firstIndex { continue }
        round.findings += verify(segment.firstIndex, report)
      }
      round.segments += 1
      first = min(first, segment.firstIndex)
      end = max(end, seal?.endIndex ?? segment.firstIndex)
    }
    round.entries = first..<max(first, end)
    return round
  }

  /// Whether a segment's file is the one that was sealed; nil when the scrub should end.
  private func isGood(
    _ log: LogDirectory, _ segment: LogFiles.Segment, _ seal: Seal?, _ total: inout Int
  ) -> Bool? {
    guard segment.kinds.contains(.segment), let seal, isSidecarGood(log, segment),
      let stored = stored(log, segment, seal)
    else { return false }
    do throws(SystemError) {
      let file = try log.openFile(FileNames.name(segment.firstIndex, .segment))
      let size = try file.size()
      guard size == stored.byteCount else { return false }
      var hash = SHA256()
      var buffer = ByteBuffer(capacity: Self.chunk)
      var offset = 0
      while offset < size {
        let count = min(Self.chunk, size - offset)
        let begin = clock()
        file.adviseUnneeded(count, at: offset)
        buffer.removeAll()
        guard try file.read(count, at: offset, appendingTo: &buffer) == count else { return false }
        hash.update(buffer.view)
        file.adviseUnneeded(count, at: offset)
        offset += count
        total += count
        if wait(begin + Int64(Double(count) / Double(rate) * 1e9)) { return nil }
      }
      return hash.finish() == stored.fileHash
    } catch { return false }
  }

  /// What the segment's file must be: what the seal says, or what the amendment says from which entries were
  /// erased. Nil when the amendment is none that the log's key signed for this seal.
  private func stored(_ log: LogDirectory, _ segment: LogFiles.Segment, _ seal: Seal) -> StoredFile? {
    guard segment.kinds.contains(.amendment) else {
      return StoredFile(byteCount: seal.byteCount, fileHash: seal.fileHash, chain: seal.chain)
    }
    let name = FileNames.name(segment.firstIndex, .amendment)
    guard let bytes = (try? log.read(name, limit: SignedNote.maximumSize)) ?? nil,
      let note = try? bytes.withView({ try SignedNote($0) }), let keys = try? log.keys(),
      (try? note.verify(with: keys.origins)) != nil, let amendment = note.text.withView({ Amendment($0) }),
      amendment.seal == seal.textHash
    else { return nil }
    return StoredFile(byteCount: amendment.byteCount, fileHash: amendment.fileHash, chain: amendment.chain)
  }

  /// Whether the key of a segment's encrypted entries is the one that was written. Where it is not here, it
  /// may have been destroyed by order: that is for `verify`, which knows the orders.
  private func isSidecarGood(_ log: LogDirectory, _ segment: LogFiles.Segment) -> Bool {
    guard segment.kinds.contains(.cms) else { return true }
    let name = FileNames.name(segment.firstIndex, .segment)
    var head = ByteBuffer()
    guard (try? log.openFile(name).read(SegmentHeader.sizeLimit, at: 0, appendingTo: &head)) != nil,
      let header = try? SegmentHeader.decode(head.view).header, let digest = header.keyDigest,
      let sidecar = try? log.read(FileNames.name(segment.firstIndex, .cms), limit: LogDirectory.sidecarLimit)
    else { return false }
    return sidecar.allSatisfy { $0 == 0 } || sidecar.withView { SHA256.hash($0) } == digest
  }

  /// Finds what is wrong with a segment; returns how much.
  private func verify(_ firstIndex: UInt64, _ report: (Finding) -> Void) -> Int {
    var verifier = Verifier(directory)
    verifier.isQuick = true
    verifier.threads = 1
    verifier.segment = firstIndex
    guard let findings = try? verifier.run().findings.filter({ $0.severity == .damage }) else { return 0 }
    for finding in findings.prefix(Self.findingLimit) { report(finding) }
    return findings.count
  }
}

extension LogCheck {
  /// Checks one segment by itself: its seal, its file, the chain of its blocks.
  mutating func runSegment(_ firstIndex: UInt64) throws(LogError) -> VerifyReport {
    let listed = try log.files()
    readKey(listed)
    report.isBeingWritten = true
    previous.endIndex = firstIndex
    let files = listed.segments
    let before = files.last { $0.firstIndex < firstIndex && $0.kinds.contains(.seal) }?.firstIndex
    lastSeal = before.flatMap { try? log.seal($0, report.logKeys)?.seal }
    let segments = files.filter { $0.firstIndex == firstIndex && $0.holdsEntries }
    for place in segments.indices { start(segments, place) }
    while !running.isEmpty { finishFirst(segments) }
    return report
  }
}
