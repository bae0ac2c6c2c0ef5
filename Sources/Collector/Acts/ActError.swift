import Bytes
import SegmentWriter

/// Why entries were not taken away, or held back.
public enum ActError: Error, CustomStringConvertible {
  case write(WriteError)
  /// A hold forbids it.
  case held(Hold, entries: Range<UInt64>)
  /// The request makes no sense for this log; nothing was changed.
  case refused(String)

  public var description: String {
    switch self {
    case .write(let error): "\(error)"
    case .held(let hold, let entries):
      "entries \(entries.lowerBound) to \(entries.upperBound - 1) are under the hold '\(hold.name)' "
        + "(\(hold.reason)); nothing was changed. Release it first, or leave them out"
    case .refused(let text): text
    }
  }
}

/// Runs `body` and turns its errors into `ActError`.
func writing<R: ~Copyable>(_ body: () throws(WriteError) -> R) throws(ActError) -> R {
  do throws(WriteError) { return try body() } catch { throw .write(error) }
}
