import Bytes
import Platform
import Syslog

/// The slab that one receiving thread is filling, and how it gets the next.
struct SlabWriter: ~Copyable {
  private let queue: SlabQueue
  private let use: SlabQueue.Use
  /// One slab, or none.
  private var held = SlabList(capacity: 1)

  init(_ queue: SlabQueue, _ use: SlabQueue.Use) {
    self.queue = queue
    self.use = use
  }

  /// The slab. There is one from when `prepare` has returned true until `submit`.
  var slab: Slab {
    unsafeAddress { unsafe held.address(0) }
    unsafeMutableAddress { unsafe held.mutableAddress(0) }
  }

  /// Makes sure of a slab with room for `bytes`, a message and an envelope; `bytes` must fit an empty one.
  /// Waits for a free one. False once the queue is closed.
  mutating func prepare(bytes: Int) -> Bool {
    if held.count > 0 {
      if slab.room >= bytes && slab.recordRoom > 0 && slab.envelopeRoom > 0 { return true }
      submit()
    }
    guard let next = queue.take(use) else { return false }
    held.append(next)
    return true
  }

  /// Hands the slab on, if there is one.
  mutating func submit() {
    if held.count > 0 { queue.submit(held.removeFirst()) }
  }

  /// Hands the slab on if it is time. Returns how long until it will be, nanoseconds; nil when no message
  /// waits in it.
  mutating func submitIfDue(now: Int64) -> Int64? {
    guard held.count > 0, slab.firstFilled > 0 else { return nil }
    let due = slab.firstFilled &+ queue.fillTime
    if now < due { return due - now }
    submit()
    return nil
  }
}
