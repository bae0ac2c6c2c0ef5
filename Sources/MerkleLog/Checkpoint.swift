import Bytes
import Cryptography

/// A tree head (C2SP tlog-checkpoint): origin, size and root, one line each.
public struct Checkpoint: Hashable, Sendable {
  /// The log, named as its key.
  public let origin: KeyName
  /// Number of entries in the tree.
  public let size: UInt64
  /// Root hash of the tree.
  public let root: Digest

  public init(origin: KeyName, size: UInt64, root: Digest) {
    self.origin = origin
    self.size = size
    self.root = root
  }

  /// Reads a note's text, strictly. Lines after the third are accepted, though not kept: the format allows
  /// them, and Stele writes none.
  public init(_ text: ByteView) throws(NoteError) {
    var reader = ByteReader(text)
    guard let first = reader.line() else { throw NoteError(.missingLine, line: 1) }
    guard let origin = KeyName(first) else { throw NoteError(.origin, line: 1) }
    guard let second = reader.line() else { throw NoteError(.missingLine, line: 2) }
    guard let size = second.decimal else { throw NoteError(.size, line: 2) }
    guard let third = reader.line() else { throw NoteError(.missingLine, line: 3) }
    guard let decoded = try? Base64.decode(third), let root = decoded.withView({ Digest($0) }),
      size > 0 || root == SHA256.emptyRoot
    else { throw NoteError(.root, line: 3) }
    self.init(origin: origin, size: size, root: root)
    var number = 3
    while let line = reader.line() {
      number += 1
      if line.isEmpty { throw NoteError(.extensionLine, line: number) }
    }
    if reader.remaining > 0 { throw NoteError(.noFinalLineFeed, line: number + 1) }
  }

  /// The three lines, each with its LF.
  public var text: String { "\(origin)\n\(size)\n\(root.withView { Base64.encode($0) })\n" }
}

/// A checkpoint with the note that carries it, signed by its log.
public struct SignedCheckpoint: Hashable, Sendable {
  public let checkpoint: Checkpoint
  /// The note; cosignatures of witnesses and one-time signatures can be added to it.
  public private(set) var note: SignedNote
  /// The keys whose signatures were verified, or made.
  public private(set) var verified: [VerifierKey]

  /// Signs `checkpoint` with the log's key, whose name must be the origin.
  public init(_ checkpoint: Checkpoint, signedBy key: borrowing SignerKey) throws(NoteError) {
    guard key.name == checkpoint.origin else { throw NoteError(.wrongOrigin(checkpoint.origin), line: 1) }
    self.checkpoint = checkpoint
    note = try SignedNote(text: Array(checkpoint.text.utf8))
    verified = []
    try sign(with: key)
  }

  /// Reads a signed checkpoint: a note whose text is a checkpoint of the log that `key` is named after, with
  /// a good signature by `key`. Signatures by `others` are verified too, and a wrong one refuses the note.
  public init(_ bytes: ByteView, key: VerifierKey, others: [VerifierKey] = []) throws(NoteError) {
    note = try SignedNote(bytes)
    verified = try note.verify(with: [key] + others)
    guard key.isSupported, verified.contains(key) else { throw NoteError(.noKnownSignature) }
    checkpoint = try note.text.withView { (text) throws(NoteError) in try Checkpoint(text) }
    guard checkpoint.origin == key.name else { throw NoteError(.wrongOrigin(checkpoint.origin), line: 1) }
  }

  /// Adds a signature that was made elsewhere, unverified.
  public mutating func append(_ signature: NoteSignature) { note.append(signature) }

  /// Adds signatures that others made.
  public mutating func append(_ signatures: [NoteSignature]) {
    for signature in signatures { note.append(signature) }
  }

  /// Adds the signature by another key, such as a one-time key.
  public mutating func sign(with key: borrowing SignerKey) throws(NoteError) {
    do { try note.sign(with: key) } catch { throw NoteError(.crypto(error)) }
    if !verified.contains(key.verifier) { verified.append(key.verifier) }
  }
}
