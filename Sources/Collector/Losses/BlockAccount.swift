import Bytes
import Platform

/// What the messages of one block say of losses, source by source. Reused.
final class BlockAccount: @unchecked Sendable {
  // Owned by one thread at a time: the worker that fills it, then whoever puts it into the account.

  /// What one source's messages in one block add up to.
  struct SourceTally {
    var messages = 0
    /// Messages about a request or a connection, of the frontends that are counted.
    var access = 0
    /// Messages that no format fits.
    var unparsed = 0
    var truncated = SpanCount()
    /// Of the truncated ones, how many only look so.
    var suspected = 0
    /// What the load balancer says it dropped itself.
    var dropped = SpanCount()
  }

  /// A count, and the first and last receive time of what was counted.
  struct SpanCount {
    private(set) var count: UInt64 = 0
    private(set) var first: Int64 = .max
    private(set) var last: Int64 = .min

    mutating func add(_ more: UInt64, at time: Int64) {
      let (sum, overflow) = count.addingReportingOverflow(more)
      count = overflow ? .max : sum
      first = min(first, time)
      last = max(last, time)
    }

    mutating func add(_ other: SpanCount) {
      if other.count == 0 { return }
      add(other.count, at: other.first)
      last = max(last, other.last)
    }
  }

  /// Numbers of one counter that came one after the other, or (`count` 0) a message that had one and does not
  /// show it.
  struct Run: BitwiseCopyable {
    /// Place in `streams`.
    var stream: Int32
    var count: UInt32
    var first: UInt64
    /// Receive times of the first and the last.
    var from: Int64
    var to: Int64
  }

  /// One counter: of a frontend in a process on a host.
  struct Stream {
    /// Hash of all that tells it from others.
    var key: UInt64
    var source: Int
    /// For people: `frontend web, process 1234`.
    var name: String
    /// The last run that has its numbers.
    var lastRun: Int
  }

  /// By source number.
  var sources: [SourceTally] = []
  var streams: [Stream] = []
  var runs = ValueList<Run>()
  /// There were more streams than are followed.
  var isOverfull = false
  /// Receive time of the last message.
  var lastTime: Int64 = 0

  /// Streams that are followed at a time.
  static let mostStreams = 256

  func makeRoom(sources count: Int) {
    while sources.count < count { sources.append(SourceTally()) }
  }

  func removeAll() {
    for index in sources.indices { sources[index] = SourceTally() }
    streams.removeAll(keepingCapacity: true)
    runs.removeAll()
    isOverfull = false
    lastTime = 0
  }

  /// Adds one number of the stream at `place`.
  func add(_ number: UInt64, stream place: Int, time: Int64) {
    let last = streams[place].lastRun
    if last >= 0, runs[last].count > 0, runs[last].first &+ UInt64(runs[last].count) == number {
      runs[last].count += 1
      runs[last].to = time
      return
    }
    streams[place].lastRun = runs.count
    runs.append(Run(stream: Int32(place), count: 1, first: number, from: time, to: time))
  }

  /// Adds a message of the stream at `place` that does not show its number.
  func addUnnumbered(stream place: Int, time: Int64) {
    streams[place].lastRun = -1
    runs.append(Run(stream: Int32(place), count: 0, first: 0, from: time, to: time))
  }
}
