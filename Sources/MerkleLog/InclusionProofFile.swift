import Bytes
import Cryptography

/// A proof that can be checked without the log (C2SP tlog-proof, file extension `.tlog-proof`): an inclusion
/// proof and the signed checkpoint it leads to.
public struct InclusionProofFile: Hashable, Sendable {
  static let header = "c2sp.org/tlog-proof@v1"
  /// Most hashes that a proof is written or read with.
  public static let maximumHashes = 63

  /// Bytes that go along with the proof, such as the entry; nothing vouches for them but what the reader
  /// checks.
  public let extra: [UInt8]?
  /// Index of the entry.
  public let index: UInt64
  /// The hashes that lead from the leaf to the root, the leaf's sibling first.
  public let hashes: [Digest]
  /// The checkpoint, not verified yet.
  public let checkpoint: SignedNote

  public init(extra: [UInt8]?, index: UInt64, hashes: [Digest], checkpoint: SignedNote) {
    self.extra = extra
    self.index = index
    self.hashes = hashes
    self.checkpoint = checkpoint
  }

  /// Reads a proof file, strictly. Neither signature nor proof is verified by it.
  public init(_ file: ByteView) throws(NoteError) {
    guard file.count <= 2 * SignedNote.maximumSize else { throw NoteError(.tooLarge) }
    var reader = ByteReader(file)
    guard let header = reader.line(), Array(Self.header.utf8).withView({ $0 == header }) else {
      throw NoteError(.proofHeader, line: 1)
    }
    var number = 2
    var line = reader.line()
    var extra: [UInt8]?
    if let text = line.flatMap({ Self.value($0, after: "extra ") }) {
      guard let bytes = try? Base64.decode(text) else { throw NoteError(.proofExtra, line: number) }
      extra = bytes
      line = reader.line()
      number += 1
    }
    guard let index = line.flatMap({ Self.value($0, after: "index ") })?.decimal else {
      throw NoteError(.proofIndex, line: number)
    }
    var hashes: [Digest] = []
    while true {
      number += 1
      guard let line = reader.line() else { throw NoteError(.noEmptyLine, line: number) }
      if line.isEmpty { break }
      if hashes.count == Self.maximumHashes { throw NoteError(.tooManyHashes, line: number) }
      guard let decoded = try? Base64.decode(line), let hash = decoded.withView({ Digest($0) }) else {
        throw NoteError(.proofHash, line: number)
      }
      hashes.append(hash)
    }
    let checkpoint: SignedNote
    do { checkpoint = try SignedNote(file.dropFirst(reader.offset)) } catch {
      throw NoteError(error.reason, line: number + error.line)
    }
    self.init(extra: extra, index: index, hashes: hashes, checkpoint: checkpoint)
  }

  /// The file's bytes.
  public var bytes: [UInt8] {
    var output = ByteBuffer(capacity: 4096)
    output.append(Self.header + "\n")
    if let extra {
      output.append("extra ")
      extra.withView { Base64.encode($0, to: &output) }
      output.append(0x0A)
    }
    output.append("index \(index)\n")
    for hash in hashes {
      hash.withView { Base64.encode($0, to: &output) }
      output.append(0x0A)
    }
    output.append(0x0A)
    checkpoint.append(to: &output)
    return output.view.array
  }

  /// Throws unless the checkpoint is signed by the log's key in force, and the proof leads from `leaf` to its root.
  public func verify(
    leaf: Digest, keys: LogKeys, others: [VerifierKey] = []
  ) throws(InclusionProofFileError) -> SignedCheckpoint {
    let signed: SignedCheckpoint
    do {
      signed = try checkpoint.bytes.withView { (bytes) throws(NoteError) in
        try SignedCheckpoint(bytes, keys: keys, others: others)
      }
    } catch { throw .checkpoint(error) }
    let proof = InclusionProof(index: index, size: signed.checkpoint.size, hashes: hashes)
    do { try proof.verify(leaf: leaf, root: signed.checkpoint.root) } catch { throw .proof(error) }
    return signed
  }

  /// The same, with the one key of the log.
  public func verify(
    leaf: Digest, key: VerifierKey, others: [VerifierKey] = []
  ) throws(InclusionProofFileError) -> SignedCheckpoint {
    try verify(leaf: leaf, keys: LogKeys(origin: key), others: others)
  }

  private static func value(_ line: ByteView, after prefix: StaticString) -> ByteView? {
    var reader = ByteReader(line)
    guard (try? reader.expect(prefix)) != nil else { return nil }
    return line.dropFirst(reader.offset)
  }
}

/// Why a proof file that could be read does not prove.
public enum InclusionProofFileError: Error, Equatable, Sendable {
  /// The checkpoint in it; the line is counted from the checkpoint's first.
  case checkpoint(NoteError)
  case proof(ProofError)
}

extension InclusionProofFileError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .checkpoint(let error): "checkpoint: \(error)"
    case .proof(let error): error.description
    }
  }
}
