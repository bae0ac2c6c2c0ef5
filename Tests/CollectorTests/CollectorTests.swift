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
      let log = PipelineLog(
        writer, exchange, Sequencer(next: first + 400, plan: plan, sources: SourceTable([])),
        try SlabQueue(slabCount: 2, reserved: 1), nil, options,
        { _ in })
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
}
