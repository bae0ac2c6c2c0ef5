import Bytes
import Cryptography
import MerkleLog
import Platform

/// Why a witness cannot work with its directory.
public enum WitnessStateError: Error, Sendable {
  /// Another process works with it.
  case locked(path: String)
  case system(SystemError)
  /// The file is not what this witness wrote.
  case damaged(file: String)
}

extension WitnessStateError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .locked(let path): "\(path) is used by another witness; one process may use it at a time"
    case .system(let error): "\(error)"
    case .damaged(let file):
      "\(file) is not a checkpoint that this witness has cosigned: give the key that wrote it, or restore it"
    }
  }
}

/// What a witness remembers: of each log the newest checkpoint that it cosigned, a file each.
///
///     STATE/<SHA-256 of the origin, hexadecimal>    the note, with the witness's cosignature
///
/// A file is replaced whole and durably before anybody learns of its checkpoint.
final class WitnessState: Sendable {
  private let directory: Directory

  init(_ path: String) throws(WitnessStateError) {
    let isFree: Bool
    do throws(SystemError) {
      directory = try Directory(making: path, mode: 0o700)
      isFree = try directory.tryLock()
    } catch { throw .system(error) }
    guard isFree else { throw .locked(path: path) }
  }

  static func name(_ origin: KeyName) -> String { "\(origin.bytes.withView { SHA256.hash($0) })" }

  /// The newest checkpoint of a log; nil when none was cosigned yet.
  func read(_ origin: KeyName, _ witness: VerifierKey) throws(WitnessStateError) -> KnownCheckpoint? {
    let name = Self.name(origin)
    var bytes = ByteBuffer()
    do throws(SystemError) {
      try directory.readFile(name, limit: SignedNote.maximumSize, into: &bytes)
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw .system(error)
    }
    // A file that the witness did not write could make it forget what it has seen.
    guard let note = try? SignedNote(bytes.view), !note.cosignatures(by: [witness]).isEmpty,
      let checkpoint = try? note.text.withView({ try Checkpoint($0) }), checkpoint.origin == origin
    else { throw .damaged(file: directory.path + "/" + name) }
    return KnownCheckpoint(checkpoint: checkpoint, note: note)
  }

  func write(_ known: KnownCheckpoint) throws(SystemError) {
    try known.note.bytes.withView { (bytes) throws(SystemError) in
      try directory.replaceFile(Self.name(known.checkpoint.origin), with: bytes, mode: 0o600)
    }
  }
}

/// A checkpoint that was cosigned.
struct KnownCheckpoint: Sendable {
  var checkpoint: Checkpoint
  /// With the cosignature.
  var note: SignedNote
}
