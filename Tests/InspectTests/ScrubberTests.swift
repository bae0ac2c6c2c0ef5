import Bytes
import Inspect
import Platform
import SegmentReader
import Segments
import Synchronization
import TestSupport
import Testing

/// A clock that stands still but for waits.
private final class FakeClock: Sendable {
  private let state = Mutex((now: Int64(0), waits: 0))
  let stopAfter: Int

  init(stopAfter: Int = .max) { self.stopAfter = stopAfter }

  var now: Int64 { state.withLock { $0.now } }

  func scrubber(_ path: String, rate: Int) -> Scrubber {
    Scrubber(path, rate: rate, clock: { self.now }) { deadline in
      self.state.withLock { state in
        state.now = max(state.now, deadline)
        state.waits += 1
        return state.waits >= self.stopAfter
      }
    }
  }
}

@Suite struct ScrubberTests {
  private static func scrub(_ scrubber: Scrubber) throws -> (round: ScrubRound?, findings: [Finding]) {
    var findings: [Finding] = []
    let round = try scrubber.round { findings.append($0) }
    return (round, findings)
  }

  private static func flip(_ path: String, _ name: String, _ offset: Int) throws {
    let file = try Directory(path).openFile(name, .readWrite)
    var byte = ByteBuffer()
    try file.read(1, at: offset, appendingTo: &byte)
    try [byte.view[0] ^ 1].withView { try file.write($0, at: offset) }
  }

  @Test func aRoundReadsSealedSegmentsAtItsRate() throws {
    try withTemporaryDirectory { path in
      _ = try buildLog(path, [.finished, .finished, .open])
      let sizes = try [0, 20].map {
        try Directory(path).openFile(FileNames.name($0, .segment)).size()
      }
      let clock = FakeClock()
      let (round, findings) = try Self.scrub(clock.scrubber(path, rate: 1000))
      #expect(findings == [])
      #expect(round?.segments == 2)
      #expect(round?.bytes == sizes[0] + sizes[1])
      #expect(round?.entries == 0..<40)
      // So many bytes at so many a second, each file rounded down to the nanosecond.
      let time = Int64(sizes[0] + sizes[1]) * 1_000_000
      #expect(clock.now >= time - 2 && clock.now <= time)
      #expect(
        round?.entry.text
          == #"{"type":"scrub","segments":2,"bytes":\#(sizes[0] + sizes[1]),"findings":0,"first":0,"end":40}"#
      )
    }
  }

  @Test func everyFlippedByteOfASealedSegmentIsFound() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path)
      for kind in [FileNames.Kind.segment, .seal] {
        let name = FileNames.name(20, kind)
        let size = try Directory(path).openFile(name).size()
        for offset in stride(from: 0, to: size, by: 97) {
          try Self.flip(path, name, offset)
          let (round, findings) = try Self.scrub(FakeClock().scrubber(path, rate: 1 << 30))
          #expect(round?.findings == findings.count && findings.count > 0, "\(name) at \(offset)")
          // Without its seal, a segment has two things to be said about.
          #expect(findings.contains { $0.file == name }, "\(name) at \(offset): \(findings)")
          #expect(round?.segments == 3)
          try Self.flip(path, name, offset)
        }
      }
      #expect(try verify(path) { $0.key = log.key }.findings == [])
    }
  }

  @Test func aSegmentThatIsGoneIsFoundUnlessItIsTheOldest() throws {
    try withTemporaryDirectory { path in
      _ = try buildLog(path)
      try Directory(path).remove(FileNames.name(0, .segment))
      #expect(try Self.scrub(FakeClock().scrubber(path, rate: 1000)).findings == [])
      try withTemporaryDirectory { path in
        _ = try buildLog(path)
        try Directory(path).remove(FileNames.name(20, .segment))
        let (round, findings) = try Self.scrub(FakeClock().scrubber(path, rate: 1000))
        #expect(findings.map(\.kind) == [.missingFile])
        #expect(round?.findings == 1)
      }
    }
  }

  @Test func aScrubEndsWhenItIsTold() throws {
    try withTemporaryDirectory { path in
      _ = try buildLog(path)
      let (round, findings) = try Self.scrub(FakeClock(stopAfter: 2).scrubber(path, rate: 1000))
      #expect(round == nil)
      #expect(findings == [])
    }
  }

  @Test func whereNothingIsSealedNothingIsRead() throws {
    try withTemporaryDirectory { path in
      _ = try buildLog(path, [.open])
      #expect(try Self.scrub(FakeClock().scrubber(path, rate: 1)).round == ScrubRound())
    }
  }
}
