import Cryptography

/// Why a signed note, a checkpoint or a proof file was refused, and where.
public struct NoteError: Error, Equatable, Sendable {
  public enum Reason: Equatable, Sendable {
    // Signed notes.
    case tooLarge
    case notUTF8
    case controlCharacter
    case noEmptyLine
    case noFinalLineFeed
    case signatureLine
    case tooManySignatures
    /// A key that was given to verify with is named, and its signature is wrong.
    case badSignature(KeyName)
    /// No signature is by a key that was given to verify with.
    case noKnownSignature
    // Checkpoints.
    case missingLine
    case origin
    case size
    case root
    case extensionLine
    /// The checkpoint is of this log, not of the one whose key was given.
    case wrongOrigin(KeyName)
    /// The signature is by a key that gave way to another at that entry, and signs nothing behind it.
    case superseded(index: UInt64)
    /// Not the statement of a key's rotation.
    case rotation
    // Proof files.
    case proofHeader
    case proofExtra
    case proofIndex
    case proofHash
    case proofHead
    case tooManyHashes
    // Signing.
    case crypto(CryptoError)
  }
  public let reason: Reason
  /// Number of the line, from 1; 0 when it is the whole.
  public let line: Int

  /// An error in a line; 0 is the whole.
  public init(_ reason: Reason, line: Int = 0) {
    self.reason = reason
    self.line = line
  }
}

extension NoteError: CustomStringConvertible {
  public var description: String {
    let text =
      switch reason {
      case .tooLarge: "larger than \(SignedNote.maximumSize) bytes"
      case .notUTF8: "not valid UTF-8"
      case .controlCharacter: "a control byte"
      case .noEmptyLine: "no empty line between text and signatures"
      case .noFinalLineFeed: "the last line is not ended"
      case .signatureLine: "not a signature line: an em dash, a key name and base64 are expected"
      case .tooManySignatures: "more than \(SignedNote.maximumSignatures) signatures"
      case .badSignature(let name): "the signature by \(name) does not fit: text or signature was changed"
      case .noKnownSignature: "no signature by the key given"
      case .missingLine: "a checkpoint has three lines: origin, size, root"
      case .origin: "the origin is empty or holds a space, a plus sign or a control byte"
      case .size: "the size is not a decimal number without leading zeros"
      case .root: "not the base64 of a 32-byte root hash of a tree of this size"
      case .extensionLine: "an empty line in the checkpoint"
      case .wrongOrigin(let name): "this is a checkpoint of \(name), which is not the name of the key given"
      case .superseded(let index):
        "it is signed by a former key of the log, which gave way to another at entry \(index) and signs nothing "
          + "behind it"
      case .rotation: "not the statement that one key of a log gives way to another"
      case .proofHeader: "the first line is not that of a proof"
      case .proofExtra: "the extra data is not valid base64"
      case .proofIndex: "no line with the entry's index"
      case .proofHash: "not the base64 of a 32-byte hash"
      case .proofHead: "not the size and the base64 of the root of a tree"
      case .tooManyHashes: "more hashes than any proof has"
      case .crypto(let error): error.description
      }
    return line > 0 ? "line \(line): \(text)" : text
  }
}
