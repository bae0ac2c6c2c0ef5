import Bytes
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter
import Segments
import Synchronization
import Templates
import TestSupport
import Testing

/// Logs as the writer makes them, also while it does.
@Suite struct WriterTests {
  private static func create(_ path: String) throws -> LogKeys {
    let origin = try #require(KeyName("logs.example.com/live"))
    return try LogCreation.create(directory: path, origin: origin, keyPath: path + ".key")
  }

  private static func open(_ path: String) throws -> LogWriter {
    try LogWriter(directory: path, key: try LogCreation.readKey(path + ".key"))
  }

  /// Appends `count` lines as one block of the plan's segment.
  private static func append(_ count: Int, _ writer: LogWriter, _ plan: SegmentPlan) throws {
    try LogBuilder.append(LogBuilder.lines(count, from: Int(writer.tree.size)), to: writer, plan)
  }

  @Test func whatTheWriterMakesVerifiesAtEveryStep() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/log"
      let key = try Self.create(path)
      func check(_ end: Int, unsigned: Int, _ step: String) throws {
        for quick in [false, true] {
          let report = try verify(path, quick: quick) { $0.keys = key }
          #expect(report.findings == [], "\(step)")
          #expect(report.entries == 0..<UInt64(end), "\(step)")
          #expect(report.unsignedTail == UInt64(unsigned), "\(step)")
        }
      }
      try check(2, unsigned: 0, "created")
      let writer = try Self.open(path)
      let plan = try SegmentPlan()
      try Self.append(300, writer, plan)
      try writer.commit()
      try check(302, unsigned: 300, "committed")
      try writer.checkpoint()
      try check(303, unsigned: 0, "checkpoint")
      for _ in 0..<3 { try Self.append(10, writer, plan) }
      try writer.commit()
      try check(333, unsigned: 30, "small blocks")
      try writer.finishSegment()
      try writer.waitForSeals()
      try check(334, unsigned: 0, "sealed, its blocks joined")
      try Self.append(5, writer, try SegmentPlan())
      try writer.close()
      try check(340, unsigned: 0, "closed")
      let reader = try LogReader(path, key: key.origin)
      for index in [0, 1, 2, 301, 302, 333, 334, 339] as [UInt64] {
        let file = try Prover(reader).prove(index, disclose: true).bytes
        _ = try file.withView { try CheckedProof($0, key: key.origin) }
      }
    }
  }

  /// A verification that runs while segments are written, joined, sealed and renamed under it never cries
  /// wolf.
  @Test func aLogThatIsBeingWrittenVerifiesClean() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/log"
      let key = try Self.create(path)
      let isDone = Atomic(false)
      let failure = Mutex<String?>(nil)
      let thread = try Thread(name: "test-writer") {
        do {
          let writer = try Self.open(path)
          for number in 0..<60 {
            let plan = try SegmentPlan()
            for block in 0...(number % 3) {
              try Self.append(5, writer, plan)
              if block == 1 { try writer.checkpoint() }
            }
            try writer.checkpoint()
          }
          try writer.close()
        } catch { failure.withLock { $0 = "\(error)" } }
        isDone.store(true, ordering: .releasing)
      }
      var runs = 0
      repeat {
        let report = try verify(path, quick: runs % 2 == 0, threads: 2) { $0.keys = key }
        #expect(damage(report) == [])
        if !damage(report).isEmpty { break }
        runs += 1
      } while !isDone.load(ordering: .acquiring)
      thread.join()
      #expect(failure.withLock { $0 } == nil)
      #expect(runs > 1)
      let report = try verify(path) { $0.keys = key }
      #expect(report.findings == [])
      #expect(report.sealedSegments == 61)
    }
  }

  /// The writer dies with an unfinished segment: what it left verifies, and so does what recovery makes of
  /// it.
  @Test func recoveryMakesNothingOfWhatVerifyCallsATornTail() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/log"
      let key = try Self.create(path)
      do {
        let writer = try Self.open(path)
        try Self.append(20, writer, try SegmentPlan())
        try writer.checkpoint()
        try Self.append(20, writer, try SegmentPlan())
        try writer.commit()
        try writer.waitForSeals()
      }
      let name = FileNames.name(23, .open)
      let whole = try readTree(path)[name] ?? []
      try Array(whole.dropLast(7)).withView { try FileDescriptor(writing: path + "/" + name).write($0) }
      let before = try verify(path) { $0.keys = key }
      #expect(before.findings.map(\.kind) == [.tornTail])
      #expect(before.entries == 0..<23)
      let writer = try Self.open(path)
      #expect(writer.tree.size == 23)
      try Self.append(1, writer, try SegmentPlan())
      try writer.close()
      let after = try verify(path) { $0.keys = key }
      #expect(damage(after) == [])
      #expect(after.entries == 0..<25)
    }
  }
}
