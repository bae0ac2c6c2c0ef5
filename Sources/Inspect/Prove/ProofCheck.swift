import Bytes
import Cryptography
import MerkleLog
import Segments

/// A proof that holds: what is certain for whoever believes the key.
public struct CheckedProof: Equatable, Sendable {
  public let index: UInt64
  /// The checkpoint that the entry is under.
  public let checkpoint: Checkpoint
  /// The keys whose signatures of it were verified.
  public let signers: [VerifierKey]
  public let fields: EntryFields
  /// The message, when it was disclosed; its commitment is the entry's.
  public let disclosure: ProofExtra.Disclosure?

  /// Checks a proof file against the one key of the log.
  public init(_ file: ByteView, key: VerifierKey, others: [VerifierKey] = []) throws(ProofCheckError) {
    try self.init(file, keys: LogKeys(origin: key), others: others)
  }

  /// Checks a proof file against the log's keys; nothing else is needed, and no log. Signatures by `others`,
  /// such as witnesses, are verified too.
  public init(_ file: ByteView, keys: LogKeys, others: [VerifierKey] = []) throws(ProofCheckError) {
    let proof: InclusionProofFile
    do throws(NoteError) { proof = try InclusionProofFile(file) } catch { throw .file(error) }
    guard let bytes = proof.extra else { throw .noEntry }
    let extra: ProofExtra
    do throws(DecodeError) {
      extra = try bytes.withView { (bytes) throws(DecodeError) in try ProofExtra(bytes) }
      fields = try extra.entry.withView { (entry) throws(DecodeError) in try EntryFields(entry) }
    } catch { throw .extra(error) }
    let leaf = extra.entry.withView { SHA256.leaf(entry: $0) }
    do throws(InclusionProofFileError) {
      let signed = try proof.verify(leaf: leaf, keys: keys, others: others)
      checkpoint = signed.checkpoint
      signers = signed.verified
    } catch { throw .proof(error) }
    if let disclosure = extra.disclosure {
      let commitment = disclosure.envelope.withView { envelope in
        disclosure.raw.withView { SHA256.commitment(salt: disclosure.salt, envelope: envelope, raw: $0) }
      }
      guard commitment == fields.commitment, disclosure.raw.count == fields.rawByteCount else {
        throw .commitment
      }
    }
    index = proof.index
    disclosure = extra.disclosure
  }
}

/// Why a proof file proves nothing.
public enum ProofCheckError: Error, Equatable, Sendable {
  /// The file cannot be read.
  case file(NoteError)
  /// It does not hold the entry.
  case noEntry
  /// What goes along with the proof cannot be read.
  case extra(DecodeError)
  /// The signature does not fit, or the hashes do not lead to the signed root.
  case proof(InclusionProofFileError)
  /// The checkpoint is signed in the log's name, by a key with that id that was not given.
  case otherKey(id: UInt32)
  /// The disclosed message is not the one that the entry commits to.
  case commitment
}

extension ProofCheckError: CustomStringConvertible {
  /// The reason why a proof whose checkpoint lacks a signature by `keys` is not their log's, where another key of
  /// its name signed it; nil where nobody did in that name.
  public init?(_ file: ByteView, signedByOtherThan keys: LogKeys) {
    let notes =
      (try? InclusionProofFile(file)).map { [$0.checkpoint] }
      ?? (try? ConsistencyProofFile(file))?.checkpoints ?? []
    let ids = Set(keys.origins.map(\.id))
    let signatures = notes.flatMap(\.signatures).filter { $0.name == keys.origin.name }
    guard !signatures.contains(where: { ids.contains($0.keyID) }), let other = signatures.first else {
      return nil
    }
    self = .otherKey(id: other.keyID)
  }

  public var description: String {
    switch self {
    case .file(let error): "the proof file cannot be read: \(error)"
    case .noEntry: "the proof file does not hold the entry it is for"
    case .extra(let error): "the proof's extra data cannot be read at byte \(error.offset)"
    case .proof(let error): "not proved: \(error)"
    case .otherKey(let id):
      "not proved: it is signed by another key of this log, with id \(VerifierKey.text(ofID: id)). Keys are replaced now and then: "
        + "`stele verify` with the key that you have says whether that one gave way to this, and prints it; then "
        + "check with that"
    case .commitment: "the message shown is not the one that the log holds: it was changed"
    }
  }
}
