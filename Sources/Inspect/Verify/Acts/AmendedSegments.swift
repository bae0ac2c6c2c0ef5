import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import Segments

/// What of a segment's file the seal, or the amendment in its place, vouches for.
struct StoredFile {
  var byteCount: Int
  var fileHash: Digest
  var chain: Digest
}

extension RunningSegment {
  /// Nil without a seal, and for an amended file without its amendment.
  var stored: StoredFile? {
    guard let seal = seal?.seal else { return nil }
    if !isAmended {
      return StoredFile(byteCount: seal.byteCount, fileHash: seal.fileHash, chain: seal.chain)
    }
    return amendment.map { StoredFile(byteCount: $0.byteCount, fileHash: $0.fileHash, chain: $0.chain) }
  }
}

extension LogCheck {
  private static var attempts: Int { 4 }

  /// Reads the amendment of a finished segment, where there is one, and returns the file that it speaks of:
  /// between two renames that is `NNN.rewrite`.
  mutating func settle(_ running: inout RunningSegment, _ source: SegmentSource) -> SegmentSource {
    let first = running.firstIndex
    var source = source
    for attempt in 1...Self.attempts {
      guard let amendment = readAmendment(&running) else { return source }
      running.amendment = amendment
      if source.size == amendment.byteCount { return source }
      let rewrite = FileNames.name(first, .rewrite)
      if hash(of: rewrite) == amendment.fileHash, let other = try? SegmentSource(log, rewrite) {
        return other
      }
      // Before its first amendment is in force, a segment is what the seal says.
      if source.size == running.seal?.seal.byteCount || attempt == Self.attempts { return source }
      if let again = try? SegmentSource(log, FileNames.name(first, .segment)) { source = again }
    }
    return source
  }

  /// The SHA-256 of a file; nil when there is none, or none that can be read.
  func hash(of name: String) -> Digest? {
    guard let source = try? SegmentSource(log, name) else { return nil }
    var buffer = ByteBuffer()
    return try? source.hash(&buffer)
  }

  private mutating func readAmendment(_ running: inout RunningSegment) -> Amendment? {
    let name = FileNames.name(running.firstIndex, .amendment)
    func refuse(_ kind: Finding.Kind, _ text: String) {
      let finding = Finding(kind, file: name, text)
      if !running.findings.contains(finding) { running.findings.append(finding) }
    }
    do throws(LogError) {
      guard let bytes = try log.read(name, limit: SignedNote.maximumSize) else { return nil }
      guard let signed = try? bytes.withView({ try SignedNote($0) }) else {
        refuse(.badSignature, "the amendment is no signed note")
        return nil
      }
      let signers = report.logKeys.map { keys in (try? signed.verify(with: keys.origins)) ?? [] }
      if signers?.isEmpty ?? false {
        refuse(.badSignature, "the amendment is refused: the log's key did not sign it")
        return nil
      }
      guard let amendment = signed.text.withView({ Amendment($0) }) else {
        refuse(.corruption, "the signed text is no amendment")
        return nil
      }
      guard let seal = running.seal?.seal, amendment.seal == seal.textHash,
        amendment.segment == seal.segment, amendment.origin == seal.origin
      else {
        refuse(.break, "the amendment is not one of the segment that was sealed here")
        return nil
      }
      acts.amendmentSigners[amendment.textHash.base64] = signers
      return amendment
    } catch {
      running.findings.append(unreadable(name, error))
      return nil
    }
  }

  /// The salts of the segment's entries, and how many bytes stand before the first block; nil when the table
  /// cannot be read.
  mutating func readSalts(
    _ source: SegmentSource, _ header: SegmentHeader, _ size: Int, _ running: inout RunningSegment
  ) throws(SystemError) -> (salts: SaltSource, blocksStart: Int)? {
    guard header.isAmended else { return (.seed(header.seed), size) }
    running.isAmended = true
    if running.amendment == nil {
      let name = FileNames.name(running.firstIndex, .amendment)
      let text =
        "entries of the segment were erased, but no amendment says so; restore it, or the segment, from a copy"
      running.findings.append(Finding(.missingFile, file: name, text))
      running.isFileDamaged = true
    }
    var bytes = ByteBuffer()
    try source.read(SaltTable.frontSize, at: size, into: &bytes)
    let byteCount = (try? SaltTable.byteCount(bytes.view)) ?? 0
    try source.read(byteCount, at: size, into: &bytes)
    do throws(DecodeError) {
      let table = try SaltTable(bytes.view)
      return (.table(table), size + table.byteCount)
    } catch {
      refuseTable(error, at: size, source, &running)
      return nil
    }
  }

  private mutating func refuseTable(
    _ error: DecodeError, at size: Int, _ source: SegmentSource, _ running: inout RunningSegment
  ) {
    let first = running.firstIndex
    let end = running.seal?.seal.endIndex ?? running.nextIndex ?? running.committed
    running.endIndex = max(first, end)
    running.isFileDamaged = true
    let offset = size + error.offset
    let text =
      "the salt table does not give its hash, or is none; the entries cannot be checked; "
      + "restore the file from a copy"
    running.findings.append(
      Finding(.corruption, file: source.name, offset: offset, entries: first..<running.endIndex, text))
  }

  /// Keeps what was found erased until the whole log is known, and checks that the table is that of the
  /// segment's entries.
  mutating func noteErased(_ running: inout RunningSegment) {
    guard let job = running.job, case .table(let table) = job.context.salts, !running.isForeign else {
      return
    }
    if !running.isFileDamaged, !table.covers(running.firstIndex..<running.endIndex) {
      running.findings.append(
        Finding(
          .break, file: running.name, offset: job.tableOffset,
          "the salt table is not that of the segment's entries"))
      running.isFileDamaged = true
    }
    acts.amended[job.header.id] = AmendedSegment(
      name: running.name, erased: table.erased.map(\.index), amendment: running.amendment?.textHash)
  }

  /// Whether another file has taken the segment's name since it was opened: an erasure, which overwrites the
  /// old one.
  func isReplaced(_ running: RunningSegment) -> Bool {
    let name = FileNames.name(running.firstIndex, .segment)
    guard running.inode != 0, running.name == name, let status = try? log.directory.status(of: name)
    else { return false }
    return status.inode != running.inode
  }
}
