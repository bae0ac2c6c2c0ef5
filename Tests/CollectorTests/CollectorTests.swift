import MerkleLog
import Platform
import TestSupport
import Testing

@testable import Collector
@testable import Intake
@testable import SegmentWriter

@Suite struct CollectorTests {
  /// A segment that is full is followed by one other, also while blocks of the old one are still on their way
  /// to the writer.
  @Test func aFullSegmentIsFollowedByOneOther() throws {
    let old = try SegmentPlan()
    let new = try SegmentPlan()
    let sequencer = Sequencer(next: 0, plan: old, sources: SourceTable([]))
    #expect(!sequencer.isRolling(from: old))
    #expect(!sequencer.isRolling(from: nil))
    #expect(sequencer.assign(2).plan === old)
    #expect(sequencer.reserve(beginning: new) == 2)
    #expect(sequencer.isRolling(from: old))
    let place = sequencer.assign(3)
    #expect(place.plan === new)
    #expect(place.firstIndex == 3)
    #expect(sequencer.isRolling(from: old))
    #expect(!sequencer.isRolling(from: new))
  }

  /// However many blocks are ready, those that were written become durable within the commit interval.
  @Test func blocksBecomeDurableWhileOthersKeepComing() throws {
    try withTemporaryDirectory { path in
      let origin = try #require(KeyName("test.example/log"))
      _ = try LogCreation.create(directory: path + "/log", origin: origin, keyPath: path + "/key")
      let writer = try LogOpening.open(directory: path + "/log", keyPath: path + "/key")
      let plan = try SegmentPlan()
      let exchange = BlockExchange(blocks: [], workers: 1)
      let first = writer.tree.size
      for index in 0..<400 {
        let block = EncodedBlock(plan: plan)
        try block.fill(control: ["{}"], first: first + UInt64(index), time: 1)
        exchange.put(block)
      }
      var options = PipelineOptions()
      options.commitInterval = 0
      let queue = try SlabQueue(slabCount: 2, reserved: 1)
      let log = PipelineLog(
        writer, exchange, Sequencer(next: first + 400, plan: plan, sources: SourceTable([])), queue,
        ControlQueue(queue),
        FormatLedger(SourceTable([]), next: first + 400, chosen: { _ in }), nil, ParseCounters(), nil,
        options,
        CommitInterval(options.commitInterval), { _ in }, { _ in })
      let thread = try Thread(name: "write") { log.run() }
      for _ in 0..<100 { _ = exchange.takeEmpty() }
      #expect(log.durableIndex > first)
      exchange.workerEnded()
      thread.join()
      #expect(log.failure == nil)
      // And the entry that names the next one-time key.
      #expect(log.durableIndex == first + 401)
    }
  }

  /// A large segment is sealed while messages still come in; what is left to seal after that is small.
  /// One is that of the log's first entry.
  @Test(arguments: [(quickSeal: 0, seals: 3), (quickSeal: 1 << 30, seals: 2)])
  func aLargeSegmentIsSealedBeforeReceivingEnds(_ quickSeal: Int, seals: Int) throws {
    try withTemporaryDirectory { path in
      let origin = try #require(KeyName("test.example/log"))
      _ = try LogCreation.create(directory: path + "/log", origin: origin, keyPath: path + "/key")
      var plan = DaemonPlan(directory: path + "/log", keyPath: path + "/key")
      plan.pipeline.quickSeal = quickSeal
      plan.pipeline.commitInterval = 5_000_000
      let daemon = try Daemon(plan, notice: { _ in }, failed: { _ in })
      try daemon.start()
      let deadline = Clock.monotonic() + 30_000_000_000
      while daemon.status.writing.openBytes == 0, Clock.monotonic() < deadline {
        Clock.sleep(nanoseconds: 1_000_000)
      }
      try daemon.stop()
      let names = try Directory(path + "/log").names()
      #expect(names.filter { $0.hasSuffix(".seal") }.count == seals)
      #expect(!names.contains { $0.hasSuffix(".open") })
    }
  }
}

@Suite struct ClockWatchTests {
  @Test func aStepIsNoticedOnceAndDisciplineIsNot() {
    var watch = ClockWatch()
    var monotonic = Clock.monotonic()
    var realtime = Clock.realtime()
    func pass(_ time: Int64, _ drift: Int64) -> Int64? {
      monotonic += time
      realtime += time + drift
      return watch.step(realtime: realtime, monotonic: monotonic)
    }
    #expect(pass(1_000_000_000, 0) == nil)
    // Ten minutes of a clock that is slewed as fast as the kernel slews.
    for _ in 0..<10 { #expect(pass(60_000_000_000, 30_000_000) == nil) }
    let back = pass(1_000_000_000, -3_600_000_000_000) ?? 0
    #expect(abs(back + 3_600_000_000_000) < 100_000_000)
    #expect(pass(1_000_000_000, 0) == nil)
    #expect((pass(1_000_000_000, 900_000_000) ?? 0) > 500_000_000)
    #expect(ClockWatch.record(-3_600_000_000_000) == #"{"type":"clock_step","seconds":-3600.000}"#)
  }
}
