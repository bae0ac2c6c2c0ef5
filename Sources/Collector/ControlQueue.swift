import Bytes
import Intake
import Platform
import SegmentWriter
import Synchronization
import Syslog

/// What an entry of Stele itself tells that nobody would tell again.
enum Statement: Sendable {
  case loss(LossEvent)
  /// Made at that time, nanoseconds since 1970 UTC.
  case account([SourceSum], time: Int64)
}

/// What a source gave since the account before.
struct SourceSum: Sendable {
  var source: UInt32
  var name: String
  var received: Int
  var unparsed: Int

  /// However large the numbers are that a damaged file has.
  mutating func add(_ other: SourceSum) {
    func sum(_ one: Int, _ other: Int) -> Int {
      let (sum, overflow) = one.addingReportingOverflow(other)
      return overflow ? .max : sum
    }
    received = sum(received, other.received)
    unparsed = sum(unparsed, other.unparsed)
  }
}

/// Entries of Stele itself on their way into the log, in the order in which they get there.
final class ControlQueue: Sendable {
  private let queue: SlabQueue
  private struct State {
    /// Those that are not durable yet.
    var entries: [(text: String, statement: Statement?)] = []
    /// How many of them are in blocks.
    var written = 0
  }
  private let state = Mutex(State())

  init(_ queue: SlabQueue) { self.queue = queue }

  /// `deadline` as in `SlabQueue.take`: the writer itself must never wait for a slab. `then` as in
  /// `SlabQueue.submit`. False when the queue is closed, or the deadline has passed.
  func submit(
    _ json: String, stating statement: Statement? = nil, until deadline: Int64? = nil,
    then: (_ queued: Int) -> Void = { _ in }
  ) -> Bool {
    guard var slab = queue.take(.datagrams, until: deadline) else { return false }
    guard let envelope = ControlEntry.envelope.withView({ slab.addEnvelope($0) }) else { return false }
    let isWritten = Array(json.utf8).withView {
      slab.append(
        $0, time: Clock.realtime(), source: 0, envelope: envelope,
        flags: FrameFlags(rawValue: ControlEntry.flags))
    }
    queue.submit(slab) { queued in
      // While the queue is locked, so that both have the same order.
      state.withLock { $0.entries.append((json, statement)) }
      then(queued)
    }
    return isWritten
  }

  /// The next `count` are in a block. Returns what they state.
  func write(_ count: Int) -> [Statement] {
    state.withLock { state in
      let end = min(state.written + count, state.entries.count)
      defer { state.written = end }
      return state.entries[state.written..<end].compactMap(\.statement)
    }
  }

  /// The first `count` are durable.
  func settle(_ count: Int) {
    state.withLock { state in
      let count = min(count, state.entries.count)
      state.entries.removeFirst(count)
      state.written -= min(count, state.written)
    }
  }

  /// Of each that is not durable, its text if it states something.
  var waiting: [String?] { state.withLock { $0.entries.map { $0.statement == nil ? nil : $0.text } } }
}
