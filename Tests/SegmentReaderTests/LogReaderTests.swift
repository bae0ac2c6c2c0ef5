import Bytes
import MerkleLog
import Platform
import SegmentReader
import Segments
import TestSupport
import Testing

/// Three segments of two blocks of ten entries each.
func buildLog(_ path: String, _ stages: [FinishStage], checkpoint: Int? = nil) throws -> LogBuilder {
  let log = try LogBuilder(path)
  for (number, stage) in stages.enumerated() {
    for block in 0..<2 { try log.append(LogBuilder.lines(10, from: number * 20 + block * 10)) }
    try log.finish(stage)
  }
  try log.writeCheckpoint(checkpoint)
  return log
}

@Suite struct LogReaderTests {
  @Test func namesAreSortedIntoWhatTheyAre() {
    let names = [
      FileNames.name(20, .open), FileNames.name(3, .segment), FileNames.name(3, .seal),
      FileNames.name(7, .torn), "vkey",
      "checkpoint", "tile", "checkpoint.new", FileNames.name(3, .seal) + ".new", "x", "3.segment",
      "00000000000000000003.SEGMENT", "99999999999999999999.open",
    ]
    let files = LogFiles(names)
    #expect(files.segments.map(\.firstIndex) == [3, 7, 20])
    #expect(files.segments.map(\.kinds) == [[.segment, .seal], [.torn], [.open]])
    #expect(files.segments.map(\.holdsEntries) == [true, false, true])
    #expect(files.hasVerifierKey && files.hasCheckpoint && files.hasTiles)
    #expect(files.temporary == ["checkpoint.new", FileNames.name(3, .seal) + ".new"])
    #expect(files.unknown == ["x", "3.segment", "00000000000000000003.SEGMENT", "99999999999999999999.open"])
  }

  /// In whatever state a crash left the last segment.
  @Test func everyEntryIsReadBackWhole() throws {
    let stages: [FinishStage] = [
      .open, .partialFooter(9), .footer, .sealed, .rewriting, .rewriteSealed, .leftOver, .finished,
    ]
    for stage in stages {
      try withTemporaryDirectory { path in
        let log = try buildLog(path, [.finished, .open, stage])
        let reader = try LogReader(path)
        #expect(reader.keys.origin == log.key)
        #expect(reader.committedSize == 60)
        #expect(try reader.endIndex() == 60)
        for (index, wanted) in log.entries.enumerated() {
          let entry = try reader.entry(UInt64(index))
          #expect(entry.index == UInt64(index))
          #expect(entry.raw == wanted.raw)
          #expect(entry.envelope == wanted.envelope)
          #expect(entry.metadata == wanted.metadata)
          #expect(entry.sourceName == "test")
          #expect(entry.leaf == log.leaves[index])
        }
        #expect(throws: LogError.noEntry(index: 60, first: 0, end: 60)) { try reader.entry(60) }
        #expect(throws: LogError.noEntry(index: .max, first: 0, end: 60)) { try reader.entry(.max) }
      }
    }
  }

  @Test func blocksAreFoundByTime() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .finished, .open])
      let reader = try LogReader(path)
      let times = log.entries.map(\.metadata.time)
      for (since, until) in [(0, 0), (0, 1), (9, 10), (9, 11), (10, 20), (25, 26), (59, 60), (0, 60)] {
        let end = until < 60 ? times[until] : .max
        let places = try reader.blocks(since: times[since], until: end)
        let blocks = Set((since..<until).map { $0 / 10 })
        #expect(Set(places.map { $0.segment * 2 + $0.block }) == blocks, "\(since) \(until)")
      }
      #expect(try reader.blocks().count == 6)
      #expect(try reader.blocks(since: times[59] + 1) == [])
      #expect(try reader.blocks(until: times[0]) == [])
    }
  }

  @Test func aBlockStaysReadableWhenItsFileIsGone() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished])
      var block = try LogReader(path).block(.init(segment: 0, block: 1))
      try Directory(path).remove(FileNames.name(0, .segment))
      try block.loadAll()
      var raw = ByteBuffer()
      try block.print(3, to: &raw)
      #expect(raw.view.array == log.entries[13].raw)
    }
  }

  @Test func aMissingSegmentIsNamed() throws {
    try withTemporaryDirectory { path in
      _ = try buildLog(path, [.finished, .finished, .finished])
      try Directory(path).remove(FileNames.name(20, .segment))
      let reader = try LogReader(path)
      #expect(throws: LogError.noSegment(index: 20)) { try reader.entry(25) }
      try Directory(path).remove(FileNames.name(20, .seal))
      #expect(throws: LogError.noSegment(index: 25)) { try LogReader(path).entry(25) }
      #expect(try LogReader(path).entry(45).index == 45)
    }
  }

  @Test func tornBytesBehindTheLastBlockAreNotRead() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished, .open], checkpoint: 30)
      let name = FileNames.name(20, .open)
      let whole = try readTree(path)[name] ?? []
      let last = try LogBuilder.encode(log.segments[1], origin: "\(log.origin)").blockOffsets[1]
      for size in last..<whole.count {
        try log.write(Array(whole.prefix(size)), to: name)
        #expect(try LogReader(path).endIndex() == 30)
      }
      // A whole block that is not what was written, as a crash can leave it.
      var bytes = whole
      bytes[last + 200] ^= 1
      try log.write(bytes, to: name)
      #expect(try LogReader(path).endIndex() == 30)
      try log.writeCheckpoint(40)
      #expect(try LogReader(path).endIndex() == 40)
      try log.writeCheckpoint(20)
      for size in 0..<100 {
        try log.write(Array(whole.prefix(size)), to: name)
        #expect(try LogReader(path).endIndex() == 20)
        #expect(try LogReader(path).blocks().count == 2)
      }
    }
  }

  @Test func anEmptyDirectoryIsNoLog() throws {
    try withTemporaryDirectory { path in
      #expect(throws: LogError.missing(path: path)) { try LogReader(path) }
      #expect(throws: LogError.missing(path: path + "/none")) { try LogReader(path + "/none") }
      try LogBuilder(path).write([1], to: "file")
      #expect(throws: LogError.missing(path: path + "/file")) { try LogReader(path + "/file") }
    }
  }

  /// Damage throws or is read as what it says; it never ends the process.
  @Test func damagedSegmentsNeverTrap() throws {
    try withTemporaryDirectory { path in
      let log = try buildLog(path, [.finished])
      let name = FileNames.name(0, .segment)
      let whole = try readTree(path)[name] ?? []
      var refused = 0
      func read() {
        do {
          let reader = try LogReader(path)
          for index in [0, 9, 10, 19] as [UInt64] { _ = try reader.entry(index) }
        } catch { refused += 1 }
      }
      for offset in whole.indices {
        var bytes = whole
        bytes[offset] ^= UInt8(1 << (offset % 8))
        try log.write(bytes, to: name)
        read()
      }
      for size in 0..<whole.count {
        try log.write(Array(whole.prefix(size)), to: name)
        read()
      }
      #expect(refused > whole.count)
    }
  }

  /// A writer that starts cuts off what a crash tore: who reads a mapping there would be killed.
  @Test func nothingIsMappedThatAStartingWriterCutsOff() throws {
    try withTemporaryDirectory { path in
      let log = try LogBuilder(path)
      for number in 0..<3 { try log.append(LogBuilder.lines(10, from: 10 * number)) }
      let encoded = try log.finish(.open)
      try log.writeCheckpoint(10)
      let name = FileNames.name(0, .open)
      for torn in [encoded.bytes.dropLast(1) + [0], encoded.bytes + Array(repeating: 1, count: 20_000)] {
        try log.write(Array(torn), to: name)
        let reader = try LogReader(path)
        let file = try reader.segment(0)
        #expect(file.byteCount == torn.count)
        #expect(file.view.count == file.blocksEnd)
        #expect(file.endIndex == (torn.count == encoded.bytes.count ? 20 : 30))
        try Directory(path).openFile(name, .readWrite).truncate(to: file.blocksEnd)
        for index in 0..<file.endIndex { #expect(try reader.entry(index).raw == log.entries[Int(index)].raw) }
      }
    }
  }
}
