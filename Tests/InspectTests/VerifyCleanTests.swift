import Inspect
import MerkleLog
import Platform
import SegmentReader
import Segments
import TestSupport
import Testing

/// A log of three segments with two blocks each, 60 entries, as the given stages leave it.
func buildLog(
  _ path: String, _ stages: [FinishStage] = [.finished, .finished, .finished], checkpoint: Int? = nil,
  seed: UInt8 = 1
) throws -> LogBuilder {
  let log = try LogBuilder(path, seed: seed)
  var number = 0
  for stage in stages {
    for _ in 0..<2 {
      var block = LogBuilder.lines(8, from: number)
      block.append(
        LogBuilder.control(
          #"{"type":"loss","source":"udp-5514","layer":"kernel_udp","count":\#(number + 1)}"#))
      block.append(LogBuilder.key)
      try log.append(block)
      number += 10
    }
    try log.finish(stage)
  }
  try log.writeCheckpoint(checkpoint)
  return log
}

func verify(
  _ path: String, quick: Bool = false, threads: Int = 1, configure: (inout Verifier) -> Void = { _ in }
) throws -> VerifyReport {
  var verifier = Verifier(path)
  verifier.isQuick = quick
  verifier.threads = threads
  configure(&verifier)
  return try verifier.run()
}

func damage(_ report: VerifyReport) -> [Finding] { report.findings.filter { $0.severity == .damage } }

@Suite struct VerifyCleanTests {
  @Test(arguments: [1, 2, 3]) func aCleanLogHasNoFindings(threads: Int) throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      for quick in [false, true] {
        let report = try verify(path, quick: quick, threads: threads) { $0.key = log.key }
        #expect(report.findings == [])
        #expect(report.exitStatus == .fine)
        #expect(report.entries == 0..<60)
        #expect(report.segments == 3)
        #expect(report.sealedSegments == 3)
        #expect(report.blocks == 6)
        #expect(report.unsignedTail == 0)
        #expect(report.keySource == .given)
        #expect(report.checkpoint?.size == 60)
        #expect(report.rawBytes == log.entries.reduce(0) { $0 + $1.raw.count })
        #expect(report.control.types == (quick ? [:] : ["loss": 6, "key": 6]))
        #expect(report.control.losses == (quick ? [:] : ["udp-5514": 1 + 11 + 21 + 31 + 41 + 51]))
      }
    }
  }

  @Test func theKeyOfTheDirectoryIsSaidToBeIts() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      let report = try verify(path)
      #expect(report.keySource == .directory)
      #expect(report.key == log.key)
      #expect(report.origin == "logs.example.com/test")
    }
  }

  /// Every combination of the states in which a crash may leave the last two segments.
  @Test func aCrashAtAnyPointOfFinishingVerifiesClean() throws {
    let stages: [FinishStage] = [
      .open, .partialFooter(1), .partialFooter(3), .partialFooter(30), .footer, .sealed, .rewriting,
      .rewriteSealed,
      .leftOver, .finished,
    ]
    try withTemporaryDirectory { path in
      for last in stages {
        for middle in stages {
          // Segments are sealed in order.
          if isSealed(last), !isSealed(middle) { continue }
          let directory = path + "/log"
          _ = try Directory(making: directory)
          _ = try buildLog(directory, [.finished, middle, last])
          for quick in [false, true] {
            let report = try verify(directory, quick: quick)
            #expect(damage(report) == [], "\(middle) \(last)")
            #expect(report.exitStatus == .fine)
            #expect(report.entries == 0..<60)
            // Fewer than four bytes of a footer could be anything.
            #expect(report.tornBytes == tornBytes(middle) + tornBytes(last))
          }
          try removeTree(directory)
        }
      }
    }
  }

  private func tornBytes(_ stage: FinishStage) -> Int {
    if case .partialFooter(let count) = stage, count < 4 { return count }
    return 0
  }

  private func isSealed(_ stage: FinishStage) -> Bool {
    switch stage {
    case .sealed, .rewriteSealed, .leftOver, .finished: true
    default: false
    }
  }

  /// A crash can come between the entry that ends the next checkpoint's tree and that checkpoint, but not
  /// later: older ones were put back, as the signatures tell that the log keeps.
  @Test func theLastCheckpointAndTheOneBeforeVerify() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .open, .open])
      for size in [20, 30, 40] {
        try log.writeCheckpoint(size)
        for quick in [false, true] {
          let report = try verify(path, quick: quick)
          #expect(report.findings.map(\.kind) == [.rollback])
          #expect(report.findings.first?.entries == UInt64(size)..<50)
        }
      }
      for size in [50, 60] {
        try log.writeCheckpoint(size)
        for quick in [false, true] {
          let report = try verify(path, quick: quick)
          #expect(report.findings == [])
          #expect(report.unsignedTail == UInt64(60 - max(size, 20)))
        }
      }
    }
  }

  @Test func aGivenCheckpointOfAnySizeVerifies() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .finished, .open], checkpoint: 50)
      for size in 0...60 {
        let given = try log.checkpoint(size)
        let report = try verify(path) { $0.checkpoint = given }
        #expect(damage(report) == [])
        #expect(report.findings.count == (size > 50 ? 1 : 0))
      }
    }
  }

  /// Bytes behind the last whole block are torn, whatever they are, and change nothing before them.
  @Test func anOpenSegmentCutAnywhereBehindTheCheckpointIsTorn() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .finished, .open], checkpoint: 50)
      let name = FileNames.name(40, .open)
      let whole = try readTree(path)[name] ?? []
      let last = try LogBuilder.encode(log.segments[2], origin: "\(log.origin)").blockOffsets[1]
      for size in last..<whole.count {
        try log.write(Array(whole.prefix(size)), to: name)
        let report = try verify(path)
        #expect(damage(report) == [])
        #expect(report.entries == 0..<50)
        #expect(report.tornBytes == size - last)
        #expect(report.findings.map(\.kind) == (size == last ? [] : [.tornTail]))
      }
      for size in 0..<last {
        try log.write(Array(whole.prefix(size)), to: name)
        let found = damage(try verify(path))
        #expect(found.count == 1 && found[0].file == name && found[0].kind == .corruption, "\(size) \(found)")
      }
    }
  }

  @Test func aSegmentTornBeforeItsHeaderWasWholeIsNoDamage() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .finished, .open], checkpoint: 40)
      let name = FileNames.name(40, .open)
      let whole = try readTree(path)[name] ?? []
      for size in 0..<200 {
        try log.write(Array(whole.prefix(size)), to: name)
        let report = try verify(path)
        #expect(damage(report) == [])
        #expect(report.entries == 0..<40)
        #expect(report.tornBytes == size)
      }
    }
  }

  @Test func strangersAndLeftOversAreOnlyNoted() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      for name in [
        "checkpoint.new", FileNames.name(20, .torn), FileNames.name(40, .seal) + ".new", "notes.txt",
      ] {
        try log.write([1, 2, 3], to: name)
      }
      let report = try verify(path)
      #expect(damage(report) == [])
      #expect(
        report.findings.map(\.kind).sorted { $0.rawValue < $1.rawValue } == [
          .leftOver, .leftOver, .leftOver, .unknownFile,
        ])
    }
  }

  @Test func whereThereIsNoLogThatIsSaid() throws {
    try withTemporaryDirectory { path in
      #expect(throws: LogError.missing(path: path)) { try verify(path) }
      #expect(throws: LogError.missing(path: path + "/x")) { try verify(path + "/x") }
    }
  }

  @Test func aHeldLockIsSeen() throws {
    try withTemporaryDirectory { path in
      _ = try buildLog(path)
      let directory = try Directory(path)
      #expect(try directory.tryLock())
      #expect(try verify(path).isBeingWritten)
    }
  }
}

extension Verifier {
  /// Both keys that an auditor keeps.
  var keys: LogKeys? {
    get { key.map { LogKeys(origin: $0, first: firstKey) } }
    set { (key, firstKey) = (newValue?.origin, newValue?.first) }
  }
}
