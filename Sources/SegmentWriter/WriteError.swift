import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// Why a log could not be opened, written or sealed.
public enum WriteError: Error, Sendable {
  case system(SystemError)
  case crypto(CryptoError)
  /// The directory holds a log, or something else, already.
  case exists(path: String)
  /// The private key of a new log would overwrite another.
  case keyExists(path: String)
  /// There is no log in the directory.
  case missing(path: String)
  /// Another process writes to the log.
  case locked(path: String)
  /// The private key does not belong to the log.
  case wrongKey(path: String, expected: String, found: String)
  /// A key, checkpoint or seal cannot be read.
  case note(file: String, NoteError)
  case key(file: String, KeyError)
  /// The log is damaged at a place that a checkpoint or seal covers: nothing is appended to it.
  case damaged(file: String, offset: Int, reason: String)
  /// What was just written does not read back as it was: nothing is signed.
  case readBack(file: String, offset: Int)
}

extension WriteError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .system(let error): "\(error)"
    case .crypto(let error): "\(error)"
    case .exists(let path): "\(path): there is something here already; a new log needs an empty directory"
    case .keyExists(let path):
      "\(path): there is a private key already; move it away if no log needs it, or name another with --key-file"
    case .missing(let path): "\(path): no log here; make one with: stele init \(path) --origin NAME"
    case .locked(let path): "\(path): another process is writing to this log; stop it first"
    case .wrongKey(let path, let expected, let found):
      "\(path): the private key is that of \(found), but the log's verifier key is \(expected)"
    case .note(let file, let error): "\(file): \(error)"
    case .key(let file, let error): "\(file): \(error)"
    case .damaged(let file, let offset, let reason):
      "\(file): \(reason) at byte \(offset), under a signature; nothing was changed. "
        + "Run `stele verify` for the extent, and restore the file from a copy"
    case .readBack(let file, let offset):
      "\(file): the block at byte \(offset) does not read back as it was written; nothing was signed. "
        + "Check the disk and the memory of this host"
    }
  }
}

/// Runs `body` and turns its errors into `WriteError`.
func system<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(WriteError) -> R {
  do throws(SystemError) { return try body() } catch { throw .system(error) }
}

func crypto<R: ~Copyable>(_ body: () throws(CryptoError) -> R) throws(WriteError) -> R {
  do throws(CryptoError) { return try body() } catch { throw .crypto(error) }
}

func note<R: ~Copyable>(_ file: String, _ body: () throws(NoteError) -> R) throws(WriteError) -> R {
  do throws(NoteError) { return try body() } catch { throw .note(file: file, error) }
}
