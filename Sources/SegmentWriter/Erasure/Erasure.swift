import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// The erasure of entries of one sealed segment, on its way through the files.
///
///     prepare    NNN.rewrite, NNN.amendment.new: durable
///     (record)   a control entry names the amendment, and a checkpoint covers it
///     carry out  rename NNN.amendment.new to NNN.amendment   fsync(directory)
///                rename NNN.rewrite to NNN.segment           fsync(directory)
///                overwrite the old file's bytes              fsync
///
/// A crash before the control entry is durable leaves nothing but two files to remove; after it, the next start
/// carries out what is left.
public enum Erasure {
  /// What is ready to be recorded.
  public struct Prepared: Sendable {
    public var amendment: Amendment
    /// Entries of the whole segment.
    public var segment: Range<UInt64>
  }

  /// Writes the segment that begins with entry `first` without the content of `entries`, and its amendment.
  /// Nothing is in force yet.
  public static func prepare(
    _ path: String, first: UInt64, erasing entries: [Range<UInt64>], key: borrowing SignerKey,
    threads: Int = Parallel.processors
  ) throws(WriteError) -> Prepared {
    let directory = try system { () throws(SystemError) in try Directory(path) }
    let keys = try Recovery.keys(directory)
    if let fault = keys.fault(of: key.verifier, path) { throw fault }
    let seal = try Recovery.readSeal(directory, first, keys)
    let before = try amendment(directory, FileNames.name(first, .amendment), keys)
    let written = try SegmentAmender(directory, FileNames.name(first, .segment))
      .write(directory, to: FileNames.name(first, .rewrite), erasing: entries, threads: threads)
    let amendment = Amendment(
      origin: seal.origin, segment: seal.segment, seal: seal.textHash, number: (before?.number ?? 0) + 1,
      chain: written.chain, byteCount: written.byteCount, fileHash: written.fileHash)
    try write(directory, amendment, first, key)
    return Prepared(amendment: amendment, segment: first..<seal.endIndex)
  }

  /// Those of `entries`, of the segment that begins with entry `first`, whose content is still there. Throws
  /// when one cannot be erased.
  public static func readable(
    _ path: String, first: UInt64, isSealed: Bool, _ entries: [Range<UInt64>]
  ) throws(WriteError) -> [Range<UInt64>] {
    let directory = try system { () throws(SystemError) in try Directory(path) }
    return try SegmentAmender(directory, FileNames.name(first, isSealed ? .segment : .open)).readable(entries)
  }

  /// The seal of a segment, whoever signed it; nil when there is none that can be read.
  public static func seal(_ directory: borrowing Directory, _ first: UInt64) throws(SystemError) -> Seal? {
    let name = FileNames.name(first, .seal)
    guard try directory.status(of: name) != nil else { return nil }
    let bytes = try directory.readFile(name, limit: SignedNote.maximumSize)
    return (try? SignedNote(bytes.view))?.text.withView { Seal($0) }
  }

  private static func write(
    _ directory: borrowing Directory, _ amendment: Amendment, _ first: UInt64, _ key: borrowing SignerKey
  ) throws(WriteError) {
    let name = Amendment.pendingName(first)
    var signed = try note(name) { () throws(NoteError) in
      try SignedNote(text: Array(amendment.text.utf8))
    }
    do throws(CryptoError) { try signed.sign(with: key) } catch { throw .crypto(error) }
    try signed.bytes.withView { (bytes) throws(WriteError) in
      try system { () throws(SystemError) in
        try directory.remove(name)
        let file = try directory.createFile(name, mode: 0o444)
        try file.write(bytes, at: 0)
        try file.synchronize()
        try directory.synchronize()
      }
    }
  }

  /// The amendment in a file, with the log's signature; nil when there is no such file. Which of the log's keys
  /// signed it `verify` judges, by the entry that orders the erasure.
  static func amendment(
    _ directory: borrowing Directory, _ name: String, _ keys: LogKeys
  ) throws(WriteError) -> Amendment? {
    guard let bytes = try Recovery.read(directory, name, limit: SignedNote.maximumSize) else { return nil }
    let signed = try note(name) { () throws(NoteError) in
      let note = try SignedNote(bytes.view)
      return (text: note.text, keys: try note.verify(with: keys.origins))
    }
    guard !signed.keys.isEmpty, let amendment = signed.text.withView({ Amendment($0) })
    else { throw .damaged(file: name, offset: 0, reason: "this is no amendment with the log's signature") }
    return amendment
  }

  /// Puts the prepared files in force. May be called again after a crash at any step.
  public static func carryOut(_ path: String, first: UInt64) throws(WriteError) {
    let directory = try system { () throws(SystemError) in try Directory(path) }
    try carryOut(directory, first)
  }

  static func carryOut(_ directory: borrowing Directory, _ first: UInt64) throws(WriteError) {
    let segment = FileNames.name(first, .segment), rewrite = FileNames.name(first, .rewrite)
    let pending = Amendment.pendingName(first)
    do throws(SystemError) {
      if try directory.status(of: pending) != nil {
        try directory.rename(pending, to: FileNames.name(first, .amendment))
        try directory.synchronize()
      }
      guard try directory.status(of: rewrite) != nil else { return }
      // Opened under its name while it still has one.
      try directory.setMode(0o640, of: segment)
      let old = try directory.openFile(segment, .readWrite)
      try directory.rename(rewrite, to: segment)
      try directory.synchronize()
      try overwrite(old)
    } catch {
      // A daemon that was started meanwhile has carried it out.
      if error.errno == .noSuchFile { return }
      throw .system(error)
    }
  }

  /// Overwrites a file that has no name any more, so that a plain disk does not keep what was erased.
  private static func overwrite(_ file: borrowing FileDescriptor) throws(SystemError) {
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    let size = try file.size()
    for offset in stride(from: 0, to: size, by: zeros.count) {
      try zeros.withView { (zeros) throws(SystemError) in
        try file.write(zeros.prefix(min(zeros.count, size - offset)), at: offset)
      }
    }
    try file.synchronize()
  }

  /// Removes what was prepared and is not recorded.
  public static func rollBack(_ path: String, first: UInt64) throws(WriteError) {
    let directory = try system { () throws(SystemError) in try Directory(path) }
    try rollBack(directory, first)
  }

  static func rollBack(_ directory: borrowing Directory, _ first: UInt64) throws(WriteError) {
    try system { () throws(SystemError) in
      try directory.remove(Amendment.pendingName(first))
      try directory.remove(FileNames.name(first, .rewrite))
      try directory.synchronize()
    }
  }

  // MARK: After a crash

  /// Carries out what is recorded of an erasure that somebody did not finish, and removes what is not. The log
  /// must be under a checkpoint up to that record.
  public static func settle(_ path: String, first: UInt64) throws(WriteError) {
    let directory = try system { () throws(SystemError) in try Directory(path) }
    let names = [Amendment.pendingName(first), FileNames.name(first, .rewrite)]
    for name in names where try system({ () throws(SystemError) in try directory.status(of: name) }) != nil {
      return try recover(directory, first, Recovery.keys(directory))
    }
  }

  /// Carries out what is recorded in the log, and removes what is not. The whole log must be durable and under
  /// a checkpoint.
  static func recover(_ directory: borrowing Directory, _ first: UInt64, _ keys: LogKeys) throws(WriteError) {
    let rewrite = FileNames.name(first, .rewrite)
    // One that was torn while it was written was never recorded.
    let pending = (try? amendment(directory, Amendment.pendingName(first), keys)) ?? nil
    var candidate = pending
    if candidate == nil { candidate = try amendment(directory, FileNames.name(first, .amendment), keys) }
    guard let candidate, try hash(directory, rewrite) == candidate.fileHash,
      try isRecorded(directory, candidate)
    else { return try rollBack(directory, first) }
    try carryOut(directory, first)
  }

  private static func hash(_ directory: borrowing Directory, _ name: String) throws(WriteError) -> Digest? {
    do throws(SystemError) {
      // A name, so that the file stays mapped until it is hashed.
      let file = try MappedFile(try directory.openFile(name))
      return SHA256.hash(file.view)
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw .system(error)
    }
  }

  /// Whether a control entry names the amendment.
  private static func isRecorded(
    _ directory: borrowing Directory, _ amendment: Amendment
  ) throws(WriteError) -> Bool {
    let wanted = amendment.textHash.base64
    var isFound = false
    try ControlEntries.read(directory, newestFirst: true) { entry in
      guard !isFound, entry.type == "erased" else { return !isFound }
      isFound = entry.json["amendment"]?.string == wanted
      return !isFound
    }
    return isFound
  }
}
