// The slab queue: order, limits, back-pressure and the end.
import Bytes
import Platform
import Synchronization
import Syslog
import Testing

@testable import Intake

@Suite struct SlabTests {
  @Test func messagesAndEnvelopesComeBackAsPutIn() throws {
    var slab = try Slab(byteCapacity: 4096, recordCapacity: 8)
    let first = [1, 2, 3].withView { slab.addEnvelope($0) }
    let second = ([] as [UInt8]).withView { slab.addEnvelope($0) }
    #expect(first == 0 && second == 1)
    let flags = FrameFlags(.lineFeed)
    let long = [UInt8](repeating: 7, count: 300)
    for (message, envelope) in [(Array("hello".utf8), UInt32(0)), ([], 1), (long, 0)] {
      let fits = message.withView {
        slab.append($0, time: 42, source: 9, envelope: envelope, flags: flags)
      }
      #expect(fits)
    }
    #expect(slab.messageCount == 3 && slab.messageBytes == 305)
    #expect(slab.message(0).text == "hello")
    #expect(slab.message(1).isEmpty)
    #expect(slab.message(2).array == long)
    #expect(slab.envelope(0).array == [1, 2, 3] && slab.envelope(1).isEmpty)
    #expect(slab[2].time == 42 && slab[2].source == 9 && slab[2].flags == flags && slab[2].envelope == 0)
  }

  @Test func aFullSlabRefusesAndStaysAsItWas() throws {
    var slab = try Slab(byteCapacity: 100, recordCapacity: 2)
    let envelope = [0].withView { slab.addEnvelope($0) }
    #expect(envelope == 0)
    let big = [UInt8](repeating: 1, count: 100)
    let ok = [UInt8](repeating: 2, count: 40)
    let flags = FrameFlags(.datagram)
    let results = [big, ok, ok, []].map { bytes in
      bytes.withView { slab.append($0, time: 0, source: 0, envelope: 0, flags: flags) }
    }
    #expect(results == [false, true, true, false])
    #expect(slab.messageCount == 2 && slab.messageBytes == 80 && slab.usedBytes == 81)
    let tooMany = big.withView { slab.addEnvelope($0) }
    #expect(tooMany == nil)
  }
}

@Suite struct SlabQueueTests {
  private func fill(_ slab: inout Slab, _ messages: ClosedRange<Int>) {
    if slab.envelopeCount == 0 { _ = [0].withView { slab.addEnvelope($0) } }
    for number in messages {
      let bytes = Array("\(number)".utf8)
      let fits = bytes.withView {
        slab.append($0, time: Int64(number), source: 0, envelope: 0, flags: FrameFlags(.datagram))
      }
      #expect(fits)
    }
  }

  private func texts(_ batch: borrowing SlabBatch) -> [String] {
    var texts: [String] = []
    for index in 0..<batch.count {
      for message in 0..<batch[index].messageCount { texts.append(batch[index].message(message).text) }
    }
    return texts
  }

  private func submit(_ queue: SlabQueue, _ messages: ClosedRange<Int>) throws {
    var slab = try required(queue.take(.streams))
    fill(&slab, messages)
    queue.submit(slab)
  }

  @Test func runsKeepTheOrderAndStayWithinTheLimits() throws {
    let queue = try SlabQueue(slabCount: 8, byteCapacity: 1000, recordCapacity: 10, reserved: 0)
    try submit(queue, 1...4)
    try submit(queue, 5...8)
    try submit(queue, 9...12)
    let limits = BatchLimits(messages: 10, bytes: 10_000, age: 3_600_000_000_000)
    let first = try required(queue.nextBatch(limits) { messages, bytes in UInt64(messages * 1000 + bytes) })
    #expect(texts(first) == (1...8).map(String.init))
    #expect(first.ticket == 8008 && first.messageCount == 8 && first.count == 2)
    queue.recycle(first)
    #expect(queue.usage == .init(free: 7, queued: 1, waits: 0))
    // What is left is neither full nor old.
    let early = isNil(queue.nextBatch(limits, until: Clock.monotonic()) { _, _ in 0 })
    #expect(early)
    #expect(!queue.isFinished)
    queue.close()
    // Closed is not finished: whoever gave up waiting just before must come back for what is queued.
    #expect(!queue.isFinished)
    let last = try required(queue.nextBatch(limits) { _, _ in 7 })
    #expect(texts(last) == (9...12).map(String.init))
    #expect(queue.isFinished)
    let end = isNil(queue.nextBatch(limits) { _, _ in 0 })
    #expect(end)
    let none = isNil(queue.take(.datagrams))
    #expect(none)
  }

  @Test func aSlabOfARunComesBackBeforeTheOthers() throws {
    let queue = try SlabQueue(slabCount: 3, byteCapacity: 1000, recordCapacity: 10, reserved: 0)
    try submit(queue, 1...2)
    try submit(queue, 3...4)
    try submit(queue, 5...6)
    queue.hurry()
    var batch = try required(queue.nextBatch { _, _ in 0 })
    let none = isNil(queue.take(.streams, until: Clock.monotonic()))
    #expect(none)
    queue.recycleFirst(of: &batch)
    #expect(queue.usage.free == 1)
    // What fills it now does not disturb the rest of the run.
    try submit(queue, 7...9)
    #expect(texts(batch) == ["3", "4", "5", "6"])
    queue.recycle(batch)
    let next = try required(queue.nextBatch { _, _ in 0 })
    #expect(texts(next) == ["7", "8", "9"])
  }

  @Test func anOldMessageMakesARunReady() throws {
    let queue = try SlabQueue(slabCount: 4, byteCapacity: 1000, recordCapacity: 10, reserved: 0)
    try submit(queue, 1...1)
    let limits = BatchLimits(messages: 1000, bytes: 10_000, age: 1_000_000)
    let batch = try required(queue.nextBatch(limits) { _, _ in 0 })
    #expect(texts(batch) == ["1"])
  }

  @Test func someSlabsAreKeptForDatagrams() throws {
    let queue = try SlabQueue(slabCount: 3, byteCapacity: 1000, recordCapacity: 10, reserved: 2)
    let past = Clock.monotonic()
    let stream = try required(queue.take(.streams, until: past))
    let refused = isNil(queue.take(.streams, until: past))
    let datagram = try required(queue.take(.datagrams, until: past))
    let another = try required(queue.take(.datagrams, until: past))
    let tooMany = isNil(queue.take(.datagrams, until: past))
    #expect(refused && tooMany)
    #expect(queue.usage == .init(free: 0, queued: 0, waits: 0))
    for slab in [stream.generation, datagram.generation, another.generation] { #expect(slab > 0) }
  }

  @Test func anEmptySlabGoesBackAndIsNotHandedOut() throws {
    let queue = try SlabQueue(slabCount: 2, byteCapacity: 1000, recordCapacity: 10, reserved: 0)
    let slab = try required(queue.take(.streams))
    queue.submit(slab)
    #expect(queue.usage == .init(free: 2, queued: 0, waits: 0))
  }

  @Test func aWaitingProducerMakesARunReadyAndGetsItsSlab() throws {
    let queue = try SlabQueue(slabCount: 2, byteCapacity: 1000, recordCapacity: 10, reserved: 0)
    let producer = try Thread(name: "producer") {
      for number in 1...500 {
        guard var slab = queue.take(.streams) else { return }
        _ = [0].withView { slab.addEnvelope($0) }
        _ = Array("\(number)".utf8).withView {
          slab.append($0, time: 0, source: 0, envelope: 0, flags: FrameFlags(.datagram))
        }
        queue.submit(slab)
      }
      queue.close()
    }
    // Neither size nor age will ever make a run ready.
    let limits = BatchLimits(messages: .max, bytes: .max, age: 3_600_000_000_000)
    var seen: [String] = []
    while let batch = queue.nextBatch(limits, assign: { _, _ in 0 }) {
      seen += texts(batch)
      queue.recycle(batch)
    }
    producer.join()
    #expect(seen == (1...500).map(String.init))
  }

  @Test func ticketsFollowTheOrderWhicheverThreadTakesARun() throws {
    let queue = try SlabQueue(slabCount: 6, byteCapacity: 1000, recordCapacity: 10, reserved: 0)
    let limits = BatchLimits(messages: 10, bytes: 1000, age: 100_000)
    let seen = Seen()
    let consumers = try (0..<3).map { number in
      try Thread(name: "consumer-\(number)") {
        while let batch = queue.nextBatch(limits, assign: { messages, _ in seen.next(messages) }) {
          seen.check(batch)
          queue.recycle(batch)
        }
      }
    }
    for number in stride(from: 0, to: 6000, by: 3) { try submit(queue, number...(number + 2)) }
    queue.close()
    for consumer in consumers { consumer.join() }
    #expect(seen.count == 6000)
    #expect(seen.mismatches == 0)
  }
}

private final class Seen: Sendable {
  private let state = Mutex((count: 0, mismatches: 0))
  func next(_ messages: Int) -> UInt64 {
    state.withLock {
      $0.count += messages
      return UInt64($0.count - messages)
    }
  }
  func check(_ batch: borrowing SlabBatch) {
    var expected = batch.ticket
    for index in 0..<batch.count {
      for message in 0..<batch[index].messageCount {
        if batch[index].message(message).text != "\(expected)" { mismatch() }
        expected += 1
      }
    }
  }
  func mismatch() { state.withLock { $0.mismatches += 1 } }
  var count: Int { state.withLock { $0.count } }
  var mismatches: Int { state.withLock { $0.mismatches } }
}
