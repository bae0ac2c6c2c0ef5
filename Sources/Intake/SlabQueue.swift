import Platform

/// When a run of slabs is ready to become a block.
public struct BatchLimits: Sendable {
  /// No more messages than this; as many make a run ready. At least the record capacity of one slab.
  public var messages: Int
  /// No more message bytes than this; as many make a run ready. At least the byte capacity of one slab.
  public var bytes: Int
  /// A message waits no longer than this, in nanoseconds.
  public var age: Int64

  public init(messages: Int = 65_536, bytes: Int = 16 << 20, age: Int64 = 250_000_000) {
    self.messages = messages
    self.bytes = bytes
    self.age = age
  }
}

/// The bounded way from the threads that receive to those that write: a fixed number of slabs, which are
/// taken empty, filled by one thread, submitted, handed out in runs, and recycled.
///
/// All memory for messages in flight is here, so it is bounded by construction. A thread that reads streams
/// waits in `take` when the slabs are used up, stops reading, and the senders stop sending; some slabs are
/// kept back for datagrams, whose senders cannot be stopped.
///
/// The order of what one thread submits is the order in which it is handed out, and since one connection, and
/// one datagram socket, is read by one thread, messages of one peer stay in order.
public final class SlabQueue: Sendable {
  /// What a slab is taken for.
  public enum Use: Sendable {
    /// For streams, which can wait.
    case streams
    /// For datagrams (and Stele's own entries), which may take the last slab.
    case datagrams
  }

  /// What the queue holds at one moment.
  public struct Usage: Equatable, Sendable {
    /// Empty slabs.
    public var free: Int
    /// Slabs submitted and not yet handed out.
    public var queued: Int
    /// How often a receiving thread had to wait for a slab, since the start.
    public var waits: Int
  }

  /// Everything `lock` guards.
  private struct State: ~Copyable {
    var free: SlabList
    var queued: SlabList
    var queuedMessages = 0
    var queuedBytes = 0
    /// What the last `nextBatch` called full.
    var fullMessages = Int.max
    var fullBytes = Int.max
    /// Threads that wait for an empty slab.
    var starving = 0
    var waits = 0
    var generation: UInt64 = 0
    var closed = false
    /// What is queued waits for nothing more.
    var hurries = false
    /// Slabs have been filled since memory was last given back.
    var dirty = false
  }

  private let lock = Lock()
  private let slabRecycled = Condition()
  private let slabSubmitted = Condition()
  private nonisolated(unsafe) var state: State
  private let reserved: Int
  /// A run has messages or entries of Stele itself, never both.
  private let separatesControl: Bool
  /// Slabs in all.
  public let slabCount: Int
  /// Bytes of one slab.
  public let byteCapacity: Int
  /// How long a receiving thread fills a slab before it hands it on, nanoseconds.
  public let fillTime: Int64
  /// How long the queue stays empty before the memory of empty slabs goes back to the kernel, nanoseconds.
  private static let idleTime: Int64 = 2_000_000_000

  /// `slabCount` slabs, of which `reserved` only hold datagrams. `fillTime` should be a small part of the age
  /// at which batches are cut: it must not add to how long a message waits, and too short a time uses up the
  /// slabs with little in each. With `separatesControl` a run has messages or entries of Stele itself, never
  /// both.
  public init(
    slabCount: Int = 40, byteCapacity: Int = Slab.defaultByteCapacity,
    recordCapacity: Int = Slab.defaultRecordCapacity, reserved: Int = 8,
    fillTime: Int64 = 25_000_000, separatesControl: Bool = false
  ) throws(SystemError) {
    precondition(slabCount > 0 && reserved >= 0 && reserved < slabCount)
    self.slabCount = slabCount
    self.fillTime = fillTime
    self.separatesControl = separatesControl
    self.byteCapacity = byteCapacity
    self.reserved = reserved
    var free = SlabList(capacity: slabCount)
    for _ in 0..<slabCount {
      free.append(try Slab(byteCapacity: byteCapacity, recordCapacity: recordCapacity))
    }
    unsafe state = State(free: free, queued: SlabList(capacity: slabCount))
  }

  /// What it holds now.
  public var usage: Usage {
    lock.withLock {
      unsafe Usage(free: state.free.count, queued: state.queued.count, waits: state.waits)
    }
  }

  /// Messages submitted and not yet handed out, and when the first of them was received
  /// (`Clock.monotonic()`; nil when there is none).
  public var backlog: (messages: Int, since: Int64?) {
    lock.withLock {
      unsafe (state.queuedMessages, state.queued.count > 0 ? state.queued[0].firstFilled : nil)
    }
  }

  // MARK: Filling

  /// An empty slab. Waits while there is none for this use: for ever, or until `deadline`
  /// (`Clock.monotonic()`; a deadline that has passed means not at all). Nil when that has passed, or once
  /// the queue is closed.
  public func take(_ use: Use, until deadline: Int64? = nil) -> Slab? {
    let kept = use == .streams ? reserved : 0
    lock.lock()
    defer { lock.unlock() }
    var waited = false
    while true {
      if unsafe state.closed { return nil }
      if unsafe state.free.count > kept { break }
      if let deadline, Clock.monotonic() >= deadline { return nil }
      if !waited {
        unsafe state.waits += 1
        waited = true
      }
      unsafe state.starving += 1
      // What is queued must be written now, or nothing would ever be recycled.
      slabSubmitted.signal()
      if let deadline {
        slabRecycled.wait(lock, until: deadline)
      } else {
        slabRecycled.wait(lock)
      }
      unsafe state.starving -= 1
    }
    // Last in, first out: the slab whose memory is most likely still in the cache.
    unsafe state.generation += 1
    var slab = unsafe state.free.removeLast()
    unsafe slab.reset(generation: state.generation)
    return slab
  }

  /// Hands a slab on. An empty one is recycled at once. `then` gets the number of messages that are queued
  /// with it, while the queue is locked, as `assign` of `nextBatch` is called; it must be as short.
  public func submit(_ slab: consuming Slab, then: (_ queued: Int) -> Void = { _ in }) {
    lock.lock()
    defer { lock.unlock() }
    if slab.isEmpty {
      unsafe state.free.append(slab)
      wakeFillers()
      return
    }
    let wasEmpty = unsafe state.queued.count == 0
    unsafe state.queuedMessages += slab.messageCount
    unsafe state.queuedBytes += slab.messageBytes
    unsafe state.dirty = true
    unsafe state.queued.append(slab)
    then(unsafe state.queuedMessages)
    // A thread in `nextBatch` knows from the first slab how long it may wait; after that it need only hear of
    // a full run.
    if unsafe wasEmpty || state.queuedMessages >= state.fullMessages
      || state.queuedBytes >= state.fullBytes
      || state.starving > 0
    {
      slabSubmitted.signal()
    }
  }

  /// Has `body` called with the number of messages that are queued, while the queue is locked, as `submit` does.
  public func withQueued(_ body: (_ messages: Int) -> Void) {
    lock.withLock { body(unsafe state.queuedMessages) }
  }

  private func wakeFillers() {
    if unsafe state.starving > 0 { slabRecycled.broadcast() }
  }

  // MARK: Emptying

  /// Waits for a run of slabs. `assign` gets its number of messages and of bytes and is called while the
  /// queue is locked, so that what it returns (the first index, a block number), which becomes the batch's
  /// `ticket`, follows the order of the slabs whichever threads ask. It must be short and not call the queue.
  ///
  /// A run is ready when it is full, when its oldest message has waited `limits.age`, when a receiving thread
  /// waits for a slab, or when the queue is closed. Nil once the queue is closed and empty, or, if a
  /// `deadline` (`Clock.monotonic()`) is given, when that has passed.
  public func nextBatch(
    _ limits: BatchLimits = BatchLimits(), until deadline: Int64 = .max,
    assign: (_ messages: Int, _ bytes: Int) -> UInt64
  ) -> SlabBatch? {
    lock.lock()
    defer { lock.unlock() }
    unsafe state.fullMessages = limits.messages
    unsafe state.fullBytes = limits.bytes
    while true {
      let now = Clock.monotonic()
      if unsafe state.queued.count > 0 {
        let due = unsafe state.queued[0].firstFilled &+ limits.age
        if unsafe state.closed || state.hurries || state.starving > 0 || now >= due
          || state.queuedMessages >= limits.messages
          || state.queuedBytes >= limits.bytes
        {
          return cut(limits, assign)
        }
        if now >= deadline { return nil }
        slabSubmitted.wait(lock, until: min(due, deadline))
      } else {
        if unsafe state.closed || now >= deadline { return nil }
        waitWhileEmpty(now: now, deadline: deadline)
      }
    }
  }

  private func waitWhileEmpty(now: Int64, deadline: Int64) {
    if unsafe state.dirty {
      let idle = now + Self.idleTime
      let woken = slabSubmitted.wait(lock, until: min(idle, deadline))
      if unsafe !woken && idle <= deadline && state.queued.count == 0 { discardMemory() }
    } else if deadline < .max {
      slabSubmitted.wait(lock, until: deadline)
    } else {
      slabSubmitted.wait(lock)
    }
  }

  /// Takes slabs from the front of the queue for as long as they fit.
  private func cut(_ limits: BatchLimits, _ assign: (Int, Int) -> UInt64) -> SlabBatch {
    var messages = 0
    var bytes = 0
    var count = 0
    while unsafe count < state.queued.count {
      let moreMessages = unsafe messages + state.queued[count].messageCount
      let moreBytes = unsafe bytes + state.queued[count].messageBytes
      if separatesControl, unsafe state.queued[count].isControl != state.queued[0].isControl { break }
      if count > 0, moreMessages > limits.messages || moreBytes > limits.bytes { break }
      messages = moreMessages
      bytes = moreBytes
      count += 1
    }
    var slabs = SlabList(capacity: count)
    for _ in 0..<count { unsafe slabs.append(state.queued.removeFirst()) }
    unsafe state.queuedMessages -= messages
    unsafe state.queuedBytes -= bytes
    // Another thread may sleep without knowing of what is left.
    if unsafe state.queued.count > 0 { slabSubmitted.signal() }
    return SlabBatch(
      slabs, messageCount: messages, messageBytes: bytes, ticket: assign(messages, bytes))
  }

  /// Closed and empty: `nextBatch` gives nothing any more.
  public var isFinished: Bool { lock.withLock { unsafe state.closed && state.queued.count == 0 } }

  /// Takes back the first slab of a run, which has been read: who waits for one need not wait for the run's end.
  public func recycleFirst(of batch: inout SlabBatch) {
    lock.lock()
    defer { lock.unlock() }
    unsafe state.free.append(batch.slabs.removeFirst())
    wakeFillers()
  }

  /// Takes back what is left of a run.
  public func recycle(_ batch: consuming SlabBatch) {
    lock.lock()
    defer { lock.unlock() }
    while batch.slabs.count > 0 { unsafe state.free.append(batch.slabs.removeLast()) }
    wakeFillers()
  }

  /// Has everything queued handed out at once from now on, however little it is: at the end, when more is not
  /// to come, or until `relax`.
  public func hurry() {
    lock.lock()
    defer { lock.unlock() }
    unsafe state.hurries = true
    slabSubmitted.broadcast()
  }

  /// Ends the hurry.
  public func relax() { lock.withLock { unsafe state.hurries = false } }

  /// Ends the filling: `take` returns nil from now on, and `nextBatch` hands out what is queued at once, then
  /// nil. Slabs that are being filled can still be submitted until the last `nextBatch` has returned nil:
  /// stop the receiving threads first, or, after a failure of the writer, accept that the rest is lost.
  public func close() {
    lock.lock()
    defer { lock.unlock() }
    unsafe state.closed = true
    slabRecycled.broadcast()
    slabSubmitted.broadcast()
  }

  private func discardMemory() {
    for index in 0..<(unsafe state.free.count) { unsafe state.free[index].discardMemory() }
    unsafe state.dirty = false
  }
}
