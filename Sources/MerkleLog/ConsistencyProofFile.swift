import Bytes
import Cryptography

/// A proof that one tree extends another, with the signed checkpoints of both where they are known. A text
/// file; lines end with LF:
///
///     stele consistency v1
///     from SIZE ROOT              ROOT in base64
///     to SIZE ROOT
///     HASH                        each hash of the proof (RFC 9162 section 2.1.4), base64
///                                 an empty line
///     checkpoint                  a signed note, of one of the two trees; then, perhaps,
///                                 an empty line
///     checkpoint                  and that of the other
public struct ConsistencyProofFile: Hashable, Sendable {
  static let header = "stele consistency v1"
  /// Most hashes that a proof is written or read with: two for each level.
  public static let maximumHashes = 127

  /// The head of a tree: what is proved is said of these two.
  public struct Head: Hashable, Sendable {
    public let size: UInt64
    public let root: Digest

    public init(size: UInt64, root: Digest) {
      self.size = size
      self.root = root
    }
  }

  public let first: Head
  public let second: Head
  public let hashes: [Digest]
  /// Signed checkpoints of these trees, at most two, not verified yet.
  public let checkpoints: [SignedNote]

  public init(first: Head, second: Head, hashes: [Digest], checkpoints: [SignedNote]) {
    self.first = first
    self.second = second
    self.hashes = hashes
    self.checkpoints = checkpoints
  }

  /// Whether a file begins as these do.
  public static func begins(_ file: ByteView) -> Bool {
    Array("\(header)\n".utf8).withView { file.matches($0, at: 0) }
  }

  /// Reads a file, strictly. Neither signatures nor proof are verified by it.
  public init(_ file: ByteView) throws(NoteError) {
    guard file.count <= 2 * SignedNote.maximumSize else { throw NoteError(.tooLarge) }
    guard Self.begins(file) else { throw NoteError(.proofHeader, line: 1) }
    var reader = ByteReader(file, at: Self.header.utf8.count + 1)
    first = try Self.head(&reader, "from ", line: 2)
    second = try Self.head(&reader, "to ", line: 3)
    var number = 4
    var hashes: [Digest] = []
    while true {
      guard let line = reader.line() else { throw NoteError(.noEmptyLine, line: number) }
      if line.isEmpty { break }
      if hashes.count == Self.maximumHashes { throw NoteError(.tooManyHashes, line: number) }
      guard let hash = Self.digest(line) else { throw NoteError(.proofHash, line: number) }
      hashes.append(hash)
      number += 1
    }
    self.hashes = hashes
    var checkpoints: [SignedNote] = []
    while reader.remaining > 0 {
      let note = file[reader.offset, Self.endOfNote(file, from: reader.offset)]
      do { checkpoints.append(try SignedNote(note)) } catch {
        throw NoteError(error.reason, line: number + error.line)
      }
      if checkpoints.count > 2 { throw NoteError(.tooLarge, line: number) }
      reader = ByteReader(file, at: reader.offset + note.count)
      for offset in 0..<note.count where note[offset] == 0x0A { number += 1 }
      if reader.remaining == 0 { break }
      // An empty line, and something behind it.
      guard let line = reader.line(), line.isEmpty, reader.remaining > 0 else {
        throw NoteError(.signatureLine, line: number + 1)
      }
      number += 1
    }
    self.checkpoints = checkpoints
  }

  private static func head(
    _ reader: inout ByteReader, _ name: StaticString, line: Int
  ) throws(NoteError) -> Head {
    guard (try? reader.expect(name)) != nil, let rest = reader.line(),
      let space = rest.find(UInt8(ascii: " ")), let size = rest.prefix(space).decimal,
      let root = digest(rest.dropFirst(space + 1))
    else { throw NoteError(.proofHead, line: line) }
    return Head(size: size, root: root)
  }

  private static func digest(_ text: ByteView) -> Digest? {
    (try? Base64.decode(text))?.withView { Digest($0) }
  }

  /// A checkpoint has no empty line but the one before its signatures: the second one ends it.
  private static func endOfNote(_ file: ByteView, from start: Int) -> Int {
    let empty = [0x0A, 0x0A] as [UInt8]
    return empty.withView { empty in
      guard let first = file.find(empty, from: start), let second = file.find(empty, from: first + 2) else {
        return file.count
      }
      return second + 1
    }
  }

  /// The file's bytes.
  public var bytes: [UInt8] {
    var output = ByteBuffer(capacity: 4096)
    output.append("\(Self.header)\n")
    for (name, head) in [("from", first), ("to", second)] {
      output.append("\(name) \(head.size) \(head.root.withView { Base64.encode($0) })\n")
    }
    for hash in hashes { output.append("\(hash.withView { Base64.encode($0) })\n") }
    for checkpoint in checkpoints {
      output.append(0x0A)
      checkpoint.append(to: &output)
    }
    if checkpoints.isEmpty { output.append(0x0A) }
    return output.view.array
  }

  /// Throws unless the hashes show that the second tree extends the first, and every checkpoint is signed by
  /// `key` and is of one of the two trees. Returns the checkpoints: those of the first tree, of the second.
  public func verify(
    keys: LogKeys, others: [VerifierKey] = []
  ) throws(ConsistencyProofFileError) -> (first: SignedCheckpoint?, second: SignedCheckpoint?) {
    var signed: (first: SignedCheckpoint?, second: SignedCheckpoint?)
    for note in checkpoints {
      let checkpoint: SignedCheckpoint
      do {
        checkpoint = try note.bytes.withView { (bytes) throws(NoteError) in
          try SignedCheckpoint(bytes, keys: keys, others: others)
        }
      } catch { throw .checkpoint(error) }
      let head = Head(size: checkpoint.checkpoint.size, root: checkpoint.checkpoint.root)
      guard head == first || head == second else { throw .foreignCheckpoint(size: head.size) }
      if head == first { signed.first = checkpoint }
      if head == second { signed.second = checkpoint }
    }
    let proof = ConsistencyProof(first: first.size, second: second.size, hashes: hashes)
    do { try proof.verify(firstRoot: first.root, secondRoot: second.root) } catch { throw .proof(error) }
    return signed
  }

  /// The same, with the one key of the log.
  public func verify(
    key: VerifierKey, others: [VerifierKey] = []
  ) throws(ConsistencyProofFileError) -> (first: SignedCheckpoint?, second: SignedCheckpoint?) {
    try verify(keys: LogKeys(origin: key), others: others)
  }
}

/// Why a file that could be read does not prove.
public enum ConsistencyProofFileError: Error, Equatable, Sendable {
  /// The line is counted from the checkpoint's first.
  case checkpoint(NoteError)
  /// A checkpoint of that size is of neither tree.
  case foreignCheckpoint(size: UInt64)
  case proof(ProofError)
}

extension ConsistencyProofFileError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .checkpoint(let error): "checkpoint: \(error)"
    case .foreignCheckpoint(let size): "the checkpoint of size \(size) is of neither of the two trees"
    case .proof(let error): error.description
    }
  }
}
