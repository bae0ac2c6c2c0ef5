import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import Segments

/// One verification: the state of the thread that runs it.
struct LogCheck: ~Copyable {
  /// A root that a signature vouches for.
  struct Anchor {
    var checkpoint: Checkpoint
    var note: SignedNote?
    /// The file that it stands in; nil for the one given.
    var file: String?
    /// What it is called in a text.
    var name: String
  }

  let log: LogDirectory
  let options: Verifier
  let pool: WorkPool
  var report = VerifyReport()
  var checker = BlockChecker()
  var anchors: [Anchor] = []
  /// Roots of the tree that were computed, by size.
  var roots: [UInt64: Digest] = [0: SHA256.emptyRoot]
  /// Segments whose blocks are being checked, in order.
  var running: [RunningSegment] = []
  var previous = PreviousSegment()
  var done = 0
  var total = 0
  var keys = KeyChain()
  var rotations = RotationTrace()
  let signatures = SignatureChecks()
  /// The seal that was read last.
  var lastSeal: Seal?
  /// Seals that the key did not sign, when nothing in the log is signed by it.
  var foreignSeals = 0
  var sidecars = SidecarLedger()
  var timestamps = TimestampCheck()
  /// What was done to the log by authority.
  var acts = Acts()
  /// First index of the oldest segment whose entries are here; only seals stand before it.
  var firstKept: UInt64 = 0

  init(_ log: LogDirectory, _ options: Verifier) {
    self.log = log
    self.options = options
    pool = WorkPool(threads: options.threads)
    report.isQuick = options.isQuick
  }

  deinit { pool.stop() }

  mutating func add(_ finding: Finding) { report.findings.append(finding) }

  mutating func run() throws(LogError) -> VerifyReport {
    if let segment = options.segment { return try runSegment(segment) }
    // Before the checkpoint, which then is not older.
    let cosigned = readNote(FileNames.cosigned)
    // Before the listing and the keys: what the checkpoint covers, and is signed by, is then there.
    let published = readNote(FileNames.checkpoint)
    let files = try log.files()
    readKey(files)
    readCosigned(cosigned)
    readCheckpoint(published)
    readGivenCheckpoint()
    readSinceCheckpoint()
    report.isBeingWritten = WriterLock.isHeld(log.directory)
    noteStrangers(files)
    noteStraySidecars(files)
    readTimestamps(files.timestamps)
    let segments = files.segments.filter(\.holdsEntries)
    firstKept = files.kept.first?.firstIndex ?? 0
    report.entries = firstKept..<firstKept
    total = segments.reduce(0) { $0 + size($1) }
    for place in segments.indices {
      start(segments, place)
      while let first = running.first, running.count > 4 || first.job?.isDone ?? true {
        finishFirst(segments)
      }
    }
    while !running.isEmpty { finishFirst(segments) }
    judgeSidecars()
    judgeActs()
    judgeRotations(files)
    checkRoots()
    finishKeys()
    judgeTimestamps()
    return report
  }

  private func size(_ segment: LogFiles.Segment) -> Int {
    for kind in [FileNames.Kind.segment, .open, .rewrite] where segment.kinds.contains(kind) {
      if let status = try? log.directory.status(of: FileNames.name(segment.firstIndex, kind)) {
        return status.size
      }
    }
    return 0
  }

  // MARK: Key and checkpoints

  mutating func readKey(_ files: LogFiles) {
    let name = FileNames.verifierKey
    var own: LogKeys?
    do throws(LogError) {
      if let bytes = try log.read(name, limit: LogKeys.sizeLimit) {
        own = readKey(bytes)
      } else {
        let mend = options.key == nil ? "give the log's key with --key" : "write the key you gave into it"
        add(Finding(.missingFile, file: name, "the log's verifier key is missing; \(mend)"))
      }
    } catch { add(unreadable(name, error)) }
    report.key = options.key ?? own?.origin
    report.keySource = options.key != nil ? .given : own != nil ? .directory : .none
    report.origin = report.key.map { "\($0.name)" } ?? ""
    traceRotations(files, own)
    if let key = options.key, let own, !(report.logKeys?.origins.contains(own.origin) ?? false) {
      compare("the key", own.origin, key)
    }
    compare("the first one-time key", own?.first, options.firstKey)
    let isOwn = own.map { report.logKeys?.origins.contains($0.origin) ?? false } ?? false
    report.firstKey = options.firstKey ?? (isOwn ? own?.first : nil)
    report.firstKeySource = options.firstKey != nil ? .given : report.firstKey != nil ? .directory : .none
    keys.named = report.firstKey?.publicKey.map { NamedKey(number: 0, key: $0, epoch: 0) }
  }

  private mutating func compare(_ what: String, _ own: VerifierKey?, _ given: VerifierKey?) {
    guard let given, let own, given != own else { return }
    let text =
      "\(what) in the directory (\(own.name)+\(hex(own.id))) is not the one given "
      + "(\(given.name)+\(hex(given.id)))"
    add(Finding(.badKey, file: FileNames.verifierKey, text))
  }

  private func hex(_ id: UInt32) -> String {
    let digits = String(id, radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }

  /// Reads the file with the keys; every spelling but the one that is written is refused.
  private mutating func readKey(_ bytes: [UInt8]) -> LogKeys? {
    let name = FileNames.verifierKey
    do throws(KeyError) {
      let keys = try bytes.withView { (text) throws(KeyError) in try LogKeys(text) }
      guard keys.origin.isSupported else {
        add(Finding(.badKey, file: name, "the key is of a type that is not known here"))
        return nil
      }
      if keys.first != nil, Array(keys.text.utf8) == bytes { return keys }
      add(
        Finding(
          .badKey, file: name, offset: 0,
          "the file is not a line for each of the log's keys, as it was written"))
      return keys
    } catch {
      add(Finding(.badKey, file: name, offset: error.offset, "the verifier key cannot be read: \(error)"))
      return nil
    }
  }

  private func readNote(_ name: String) -> Result<[UInt8]?, LogError> {
    do throws(LogError) { return .success(try log.read(name, limit: SignedNote.maximumSize)) } catch {
      return .failure(error)
    }
  }

  private mutating func readCheckpoint(_ published: Result<[UInt8]?, LogError>) {
    let name = FileNames.checkpoint
    do throws(LogError) {
      guard let bytes = try published.get() else {
        let text =
          "the log's checkpoint is missing; restore it from a copy, or, if the log was never finished "
          + "being made, make it anew"
        return add(Finding(.missingFile, file: name, text))
      }
      guard let signed = readCheckpoint(bytes, name) else { return }
      report.checkpoint = signed.checkpoint
      anchors.append(
        Anchor(checkpoint: signed.checkpoint, note: signed.note, file: name, name: "the checkpoint"))
    } catch { add(unreadable(name, error)) }
  }

  private mutating func readGivenCheckpoint() {
    guard let bytes = options.checkpoint, let signed = readCheckpoint(bytes, nil) else { return }
    report.givenCheckpoint = signed.checkpoint
    anchors.append(
      Anchor(checkpoint: signed.checkpoint, note: signed.note, name: "the checkpoint that was given"))
  }

  private mutating func readSinceCheckpoint() {
    guard let bytes = options.since, let signed = readCheckpoint(bytes, nil) else { return }
    report.sinceCheckpoint = signed.checkpoint
    anchors.append(
      Anchor(checkpoint: signed.checkpoint, note: signed.note, name: "the checkpoint that is trusted"))
  }

  private mutating func readCheckpoint(_ bytes: [UInt8], _ file: String?) -> SignedCheckpoint? {
    guard let keys = report.logKeys else { return nil }
    do throws(NoteError) {
      return try bytes.withView { (note) throws(NoteError) in try SignedCheckpoint(note, keys: keys) }
    } catch {
      let which = file == nil ? "the checkpoint that was given" : "the checkpoint"
      add(Finding(.badSignature, file: file, "\(which) is refused: \(error)"))
      return nil
    }
  }

  func unreadable(_ file: String, _ error: LogError) -> Finding {
    Finding(.unreadable, file: file, "the file cannot be read: \(error)")
  }

  func unreadable(_ file: String, offset: Int? = nil, _ error: SystemError) -> Finding {
    Finding(.unreadable, file: file, offset: offset, "the file cannot be read: \(error)")
  }

  // MARK: Names

  private mutating func noteStrangers(_ files: LogFiles) {
    for name in files.unknown {
      add(
        Finding(
          .unknownFile, .note, file: name, "the file does not belong to a log; nothing was read from it"))
    }
    // A writer at work replaces its files just so.
    for name in files.temporary where !report.isBeingWritten {
      add(Finding(.leftOver, .note, file: name, "left when the writer died; the next one overwrites it"))
    }
    for segment in files.segments where segment.kinds.contains(.torn) {
      let name = FileNames.name(segment.firstIndex, .torn)
      add(Finding(.leftOver, .note, file: name, "torn bytes that recovery cut off and kept"))
    }
  }

  // MARK: Roots

  /// Compares the signed roots with those of the entries.
  private mutating func checkRoots() {
    let end = report.entries.upperBound
    for anchor in anchors {
      let size = anchor.checkpoint.size
      if size > end {
        addMissing(anchor, end)
      } else if let root = roots[size] {
        if root != anchor.checkpoint.root {
          let text =
            "\(anchor.name) of size \(size) signs root \(anchor.checkpoint.root), but the entries lead to "
            + "\(root): entries before \(size) are not those that were signed"
          add(Finding(.break, file: anchor.file, entries: min(firstKept, size)..<size, text))
        }
      } else if isClosed(size) {
        let text =
          "\(anchor.name) of size \(size) ends among encrypted entries: only who can decrypt them can "
          + "compare it"
        add(Finding(.closed, .note, file: anchor.file, text))
      } else if size < firstKept, report.isIntact {
        let text =
          "\(anchor.name) of size \(size) cannot be compared: the entries up to there were removed, "
          + "and it is no seal's"
        add(Finding(.retention, .note, file: anchor.file, text))
      } else if report.isIntact {
        let text = "the root of the tree of size \(size), which \(anchor.name) signs, could not be computed"
        add(Finding(.break, file: anchor.file, entries: report.entries.lowerBound..<size, text))
      }
    }
    noteOlderCheckpoint()
    judgeCheckpointBySeals()
    judgeWitnesses()
    if foreignSeals > 0 {
      let text =
        "\(foreignSeals) seals are not signed by the key given either: this is another log, or all of it "
        + "was signed anew with another key"
      add(Finding(.badSignature, entries: report.entries, text))
    }
  }

  private mutating func addMissing(_ anchor: Anchor, _ end: UInt64) {
    let size = anchor.checkpoint.size
    let range = end..<size
    if anchor.file != FileNames.checkpoint, size > report.checkpoint?.size ?? 0 {
      let text =
        "\(anchor.name) covers \(size) entries, but the log ends at \(end): it was cut off or rolled back to "
        + "an earlier state; restore the files from a copy"
      return add(Finding(.rollback, entries: range, text))
    }
    let isReported = report.findings.contains { $0.severity == .damage && $0.entries?.contains(end) ?? false }
    if isReported { return }
    let text =
      "\(anchor.name) covers \(size) entries, but the log ends at \(end): the segments after it are missing; "
      + "restore them from a copy"
    add(Finding(.missingSegment, file: FileNames.name(end, .segment), entries: range, text))
  }

  private mutating func noteOlderCheckpoint() {
    guard let given = report.givenCheckpoint, let own = report.checkpoint, own.size < given.size,
      given.size <= report.entries.upperBound
    else { return }
    let text =
      "the checkpoint of size \(own.size) in the directory is older than the one given, of \(given.size); "
      + "the entries up to there are all here"
    add(Finding(.rollback, .note, file: FileNames.checkpoint, text))
  }

  /// A checkpoint is written before what it covers is sealed, so one that is older than a seal was put back.
  private mutating func judgeCheckpointBySeals() {
    guard let own = report.checkpoint, own.size < report.sealedEnd else { return }
    if publishedSize() >= report.sealedEnd { return }
    let text =
      "the checkpoint covers \(own.size) entries, but \(report.sealedEnd) are sealed, and a checkpoint over them "
      + "was written before the seal: an older one was put in its place, and entries behind the last seal may be "
      + "missing; restore it, and what stood behind, from a copy"
    add(
      Finding(.rollback, file: FileNames.checkpoint, offset: 0, entries: own.size..<report.sealedEnd, text))
  }

  /// What the checkpoint in the directory covers at this moment: a writer at work may have replaced it since it
  /// was read.
  func publishedSize() -> UInt64 {
    let present = (try? log.read(FileNames.checkpoint, limit: SignedNote.maximumSize)) ?? nil
    let checkpoint = present.flatMap { bytes in
      bytes.withView { try? SignedNote($0).text.withView { try Checkpoint($0) } }
    }
    return checkpoint?.size ?? 0
  }
}
