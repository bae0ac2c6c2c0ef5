import Bytes
import Cryptography
import Glibc
import MerkleLog
import Platform
import Segments

/// Why something could not be read from a log.
public enum LogError: Error, Equatable, Sendable {
  /// There is no log in the directory.
  case missing(path: String)
  case system(SystemError)
  case crypto(CryptoError)
  /// The verifier key cannot be read.
  case key(file: String, KeyError)
  /// A checkpoint, seal or proof cannot be read, or its signature does not fit.
  case note(file: String, NoteError)
  /// A signed note whose text is no seal.
  case noSeal(file: String)
  /// What stands at an offset of a file cannot be what it should be.
  case damaged(file: String, DecodeError)
  /// The log holds no entry with that index.
  case noEntry(index: UInt64, first: UInt64, end: UInt64)
  /// The entry's content was erased; what is left of it cannot be shown.
  case erased(index: UInt64)
  /// The checkpoint does not cover that entry yet.
  case notCommitted(index: UInt64, size: UInt64)
  /// No file holds the entries from that index on, though others hold what comes after it.
  case noSegment(index: UInt64)
  /// The entries are encrypted, and the key to them was not given, or is not here.
  case closed(file: String, first: UInt64, count: UInt64)
  /// The entries, as they are stored, do not lead to the root that the checkpoint signs.
  case rootMismatch(size: UInt64)
}

extension LogError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missing(let path): "\(path): no log here; make one with: stele init \(path) --origin NAME"
    case .system(let error): error.description
    case .crypto(let error): error.description
    case .key(let file, let error): "\(file): \(error)"
    case .note(let file, let error): "\(file): \(error)"
    case .noSeal(let file): "\(file): a signed note, but not the text of a seal"
    case .damaged(let file, let error):
      "\(file): cannot be read at byte \(error.offset) (\(error.reason)); run `stele verify` for the extent"
    case .noEntry(let index, let first, let end):
      first == end
        ? "there is no entry \(index): the log is empty"
        : "there is no entry \(index): the log holds \(first) to \(end - 1)"
    case .erased(let index):
      "the content of entry \(index) was erased; that it was in the log can still be proved, without --disclose"
    case .notCommitted(let index, let size):
      "entry \(index) is not under the checkpoint, which covers \(size) entries"
    case .noSegment(let index):
      "the segment with entry \(index) is missing; run `stele verify`, and restore the file from a copy"
    case .closed(let file, let first, let count):
      "\(file): entries \(first) to \(first + max(count, 1) - 1) are encrypted; give the private key of a "
        + "recipient with --decrypt"
    case .rootMismatch(let size):
      "the entries do not lead to the root of the checkpoint of size \(size): the log was changed or "
        + "damaged; run `stele verify` for the place"
    }
  }
}

/// Runs `body` and turns its errors into `LogError`.
func system<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(LogError) -> R {
  do throws(SystemError) { return try body() } catch { throw .system(error) }
}

func crypto<R: ~Copyable>(_ body: () throws(CryptoError) -> R) throws(LogError) -> R {
  do throws(CryptoError) { return try body() } catch { throw .crypto(error) }
}

func decoding<R: ~Copyable>(_ file: String, _ body: () throws(DecodeError) -> R) throws(LogError) -> R {
  do throws(DecodeError) { return try body() } catch { throw .damaged(file: file, error) }
}
