import Platform
import SegmentReader
import Synchronization

/// Number and size of a log's sealed segments. Looked up anew only now and then, for there may be thousands.
final class SegmentSizes: Sendable {
  struct Reading: Equatable, Sendable {
    var count = 0
    var bytes = 0
  }

  private struct State {
    var reading = Reading()
    /// Until when it holds, of the monotonic clock.
    var expiry: Int64 = 0
  }

  private let directory: String
  private let state = Mutex(State())
  /// How long a reading holds, nanoseconds.
  private static let lifetime: Int64 = 10_000_000_000

  init(_ directory: String) { self.directory = directory }

  var reading: Reading {
    state.withLock { state in
      if Clock.monotonic() >= state.expiry {
        state.reading = (try? look()) ?? state.reading
        state.expiry = Clock.monotonic() + Self.lifetime
      }
      return state.reading
    }
  }

  private func look() throws(SystemError) -> Reading {
    let directory = try Directory(directory)
    var reading = Reading()
    for name in try directory.names() where name.hasSuffix(".segment") {
      // It may have been removed since.
      guard let status = try directory.status(of: name) else { continue }
      reading.count += 1
      reading.bytes += status.size
    }
    return reading
  }
}
