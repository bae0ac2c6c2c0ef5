import Intake
import MerkleLog
import Platform
import SegmentWriter
import Synchronization
import TestSupport
import Testing

@testable import Collector

@Suite struct RetentionKeeperTests {
  /// A daemon with a policy removes what is due by itself, and goes on.
  @Test func aDaemonRemovesWhatIsDue() throws {
    try withTemporaryDirectory { path in
      let origin = try #require(KeyName("test.example/log"))
      _ = try LogCreation.create(directory: path + "/log", origin: origin, keyPath: path + "/key")
      var plan = DaemonPlan(directory: path + "/log", keyPath: path + "/key")
      plan.retention = RetentionPolicy(age: 0, text: "age 0")
      plan.retentionInterval = 50_000_000
      plan.pipeline.commitInterval = 5_000_000
      plan.pipeline.checkpointInterval = 20_000_000
      let notes = Mutex<[String]>([])
      let daemon = try Daemon(
        plan, notice: { _ in }, note: { note in notes.withLock { $0.append(note) } }, failed: { _ in })
      try daemon.start()
      let deadline = Clock.monotonic() + 30_000_000_000
      while notes.withLock({ $0.isEmpty }), Clock.monotonic() < deadline {
        Clock.sleep(nanoseconds: 1_000_000)
      }
      try daemon.stop()
      let first = try #require(notes.withLock { $0.first })
      #expect(first.contains("entries before 2 were removed"), "\(first)")
      let names = try Directory(path + "/log").names()
      #expect(!names.contains("00000000000000000000.segment"))
      #expect(names.contains("00000000000000000000.seal"))
    }
  }
}
