import Bytes
import Intake
import Platform
import SegmentWriter
import Synchronization
import Syslog

/// Entries of Stele itself on their way into the log, in the order in which they get there.
final class ControlQueue: Sendable {
  private let queue: SlabQueue
  /// Of each that is not durable yet, its text if somebody must hear of it whatever happens.
  private let texts = Mutex<[String?]>([])

  init(_ queue: SlabQueue) { self.queue = queue }

  /// `deadline` as in `SlabQueue.take`: the writer itself must never wait for a slab. `then` as in
  /// `SlabQueue.submit`. False when the queue is closed, or the deadline has passed.
  func submit(
    _ json: String, mustBeSaid: Bool = false, until deadline: Int64? = nil,
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
      texts.withLock { $0.append(mustBeSaid ? json : nil) }
      then(queued)
    }
    return isWritten
  }

  /// The first `count` are durable.
  func settle(_ count: Int) { texts.withLock { $0.removeFirst(min(count, $0.count)) } }

  /// What must be said of those that are not.
  var waiting: [String?] { texts.withLock { $0 } }
}
