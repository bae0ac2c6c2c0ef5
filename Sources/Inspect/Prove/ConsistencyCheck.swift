import Bytes
import MerkleLog

/// A consistency proof that holds: nothing of the first tree was changed or removed in the second.
public struct CheckedConsistency: Equatable, Sendable {
  public let first: ConsistencyProofFile.Head
  public let second: ConsistencyProofFile.Head
  /// The log's name, as its key has it.
  public let origin: KeyName
  /// Whether the file holds a checkpoint of the first tree, signed by the key.
  public let isFirstSigned: Bool
  public let isSecondSigned: Bool

  /// Checks a proof file against the one key of the log.
  public init(_ file: ByteView, key: VerifierKey, others: [VerifierKey] = []) throws(ConsistencyCheckError) {
    try self.init(file, keys: LogKeys(origin: key), others: others)
  }

  /// Checks a proof file against the log's keys; no log is needed.
  public init(_ file: ByteView, keys: LogKeys, others: [VerifierKey] = []) throws(ConsistencyCheckError) {
    let proof: ConsistencyProofFile
    do throws(NoteError) { proof = try ConsistencyProofFile(file) } catch { throw .file(error) }
    do throws(ConsistencyProofFileError) {
      let signed = try proof.verify(keys: keys, others: others)
      isFirstSigned = signed.first != nil
      isSecondSigned = signed.second != nil
    } catch { throw .proof(error) }
    first = proof.first
    second = proof.second
    origin = keys.origin.name
  }

  /// How the process should end: a second tree that nobody signed is only as good as what it is compared
  /// with.
  public var exitStatus: ExitStatus { isSecondSigned ? .fine : .incomplete }

  /// What was proved, for people, several lines.
  public var text: String {
    func line(_ name: String, _ head: ConsistencyProofFile.Head, _ isSigned: Bool) -> String {
      let how = isSigned ? "signed by the key" : "signed by nobody: compare its root with your own"
      return "\(name) size \(head.size), root \(head.root), \(how)\n"
    }
    let verdict =
      isSecondSigned
      ? "Proved: the log of \(second.size) entries begins with all \(first.size) entries of the first tree.\n"
      : "Consistent, but nobody signed the second tree.\n"
    return "Log      \(origin)\n" + line("From    ", first, isFirstSigned)
      + line("To      ", second, isSecondSigned)
      + "\n" + verdict
  }

  /// The same as one object.
  public var json: JSONValue {
    func object(_ head: ConsistencyProofFile.Head, _ isSigned: Bool) -> JSONValue {
      ["size": .number(head.size), "root": .text("\(head.root)"), "signed": .flag(isSigned)]
    }
    return [
      "result": .text(isSecondSigned ? "proved" : "consistent"), "origin": .text("\(origin)"),
      "from": object(first, isFirstSigned), "to": object(second, isSecondSigned),
    ]
  }
}

/// Why a consistency proof proves nothing.
public enum ConsistencyCheckError: Error, Equatable, Sendable {
  /// The file cannot be read.
  case file(NoteError)
  case proof(ConsistencyProofFileError)
}

extension ConsistencyCheckError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let error): "the proof file cannot be read: \(error)"
    case .proof(let error): "not proved: \(error)"
    }
  }
}
