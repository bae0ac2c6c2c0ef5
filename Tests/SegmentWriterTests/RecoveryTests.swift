import Bytes
import MerkleLog
import Platform
import Segments
import Testing

@testable import SegmentWriter

/// Every state that a crash can leave is opened again: what was durable is there, what was signed is never
/// cut off.
@Suite struct RecoveryTests {
  /// A log whose writer died after a checkpoint over three entries and two more durable ones.
  private func crashed() throws -> (log: TemporaryLog, signedEnd: Int, open: String) {
    let log = try TemporaryLog()
    let writer = try log.open()
    try writer.append(control: ["one"])
    try writer.append(control: ["two"])
    try writer.checkpoint()
    let open = FileNames.name(2, .open)
    let signedEnd = try log.contents(open).count
    try writer.append(control: ["three"])
    try writer.append(control: ["four"])
    let crashed = try log.snapshot()
    try writer.close()
    return (crashed, signedEnd, open)
  }

  private let texts = ["one", "two", "three", "four"]

  @Test func nothingIsLostWhenEverythingWasDurable() throws {
    let (log, _, _) = try crashed()
    let writer = try log.open()
    #expect(writer.tree.size == 8)
    #expect(writer.recovery == RecoveryReport(tornBytes: 0, unfinishedSegments: 1))
    try writer.append(control: ["five"])
    try writer.close()
    #expect(try Array(log.entries().dropFirst()) == texts + ["five"])
    #expect(try log.checkpoint().size == 10)
  }

  @Test func aFileCutAnywhereKeepsItsWholeBlocksAndAllThatWasSigned() throws {
    let (crashed, signedEnd, open) = try crashed()
    let whole = try crashed.contents(open)
    for length in stride(from: whole.count, through: 0, by: -11) {
      let log = try crashed.snapshot()
      try log.replace(open, Array(whole.prefix(length)))
      if length < signedEnd {
        #expect(throws: WriteError.self, "cut at \(length)") { _ = try log.open() }
        #expect(try log.contents(open).count == length, "nothing is changed under a checkpoint")
        continue
      }
      let writer = try log.open()
      try writer.close()
      let entries = try log.entries()
      #expect(entries.count >= 3)
      #expect(Array(entries.dropFirst()) == Array(texts.prefix(entries.count - 1)), "cut at \(length)")
      let torn = try log.names().contains { $0.hasSuffix(".torn") }
      #expect(torn == (writer.recovery.tornBytes > 0))
    }
  }

  @Test func aFlippedBitBehindTheCheckpointCutsTheTailAndBeforeItStopsTheWriter() throws {
    let (crashed, signedEnd, open) = try crashed()
    let whole = try crashed.contents(open)
    for offset in stride(from: 0, to: whole.count, by: 7) {
      let log = try crashed.snapshot()
      var bytes = whole
      bytes[offset] ^= 1 << UInt8(offset % 8)
      try log.replace(open, bytes)
      if let writer = try? log.open() {
        // A flip of the salts or of signed stored bytes is for `verify`, and for the check before the seal.
        if offset >= signedEnd { #expect(writer.tree.size < 8) }
        _ = try? writer.close()
      } else {
        #expect(offset < signedEnd)
      }
    }
  }

  @Test func aSegmentIsFinishedWhereTheCrashLeftIt() throws {
    let finished = try TemporaryLog()
    let writer = try finished.open()
    for text in texts { try writer.append(control: [text]) }
    try writer.close()
    let (open, segment, seal) = (
      FileNames.name(2, .open), FileNames.name(2, .segment), FileNames.name(2, .seal)
    )
    let file = try finished.contents(segment)
    let footerStart = try file.withView { try SegmentFooter.decode($0).offset }

    // The seal is written, the rename is not: as the open file, and as the rewritten one beside the open
    // file.
    for name in [open, FileNames.name(2, .rewrite)] {
      let log = try finished.snapshot()
      try log.replace(name, file)
      if name != open { try log.replace(open, Array(file.prefix(footerStart))) }
      _ = try log.directory().remove(segment)
      let writer = try log.open()
      try writer.waitForSeals()
      try writer.close()
      #expect(try log.contents(segment) == file)
      #expect(try Array(log.entries().dropFirst()) == texts)
    }
    // The seal is not written: the footer is whole, torn at some place, or not there.
    for end in [file.count, file.count - 1, footerStart + 5, footerStart + 3, footerStart] {
      let log = try finished.snapshot()
      try log.replace(open, Array(file.prefix(end)))
      _ = try log.directory().remove(segment)
      _ = try log.directory().remove(seal)
      let writer = try log.open()
      try writer.close()
      #expect(try Array(log.entries().dropFirst()) == texts, "cut at \(end - footerStart) of the footer")
      #expect(try log.names().filter { $0.hasSuffix(".seal") }.count == 2)
    }
    // The rename is done, the open file is still there.
    let log = try finished.snapshot()
    try log.replace(open, Array(file.prefix(footerStart)))
    try log.open().close()
    #expect(try !log.names().contains(open))
    #expect(try Array(log.entries().dropFirst()) == texts)
  }

  @Test func anEmptySegmentIsRemoved() throws {
    let (crashed, _, open) = try crashed()
    let whole = try crashed.contents(open)
    let header = try whole.withView { try SegmentScan($0).offset }
    let log = try TemporaryLog()
    for length in [header, header - 1, 1, 0] {
      try log.replace(open, Array(whole.prefix(length)))
      // The header continues another log's tree, so it must not be believed either way; here only its size
      // counts.
      let writer = try? log.open()
      try writer?.close()
    }
    #expect(try log.entries().count == 1)
  }

  @Test func aMissingSegmentStopsTheWriter() throws {
    let log = try TemporaryLog()
    let writer = try log.open()
    for text in texts {
      try writer.append(control: [text])
      try writer.finishSegment()
    }
    try writer.close()
    for name in try log.names() where name != "vkey" {
      let damaged = try log.snapshot()
      _ = try damaged.directory().remove(name)
      if name == FileNames.checkpoint {
        // It is written anew with the next entry; `verify` reports that it is gone.
        try damaged.open().close()
      } else if name == FileNames.name(0, .segment) {
        // Age and size remove the oldest segments and leave their seals; whether that was allowed, `verify`
        // judges.
        try damaged.open().close()
        #expect(try damaged.names().contains(FileNames.name(0, .seal)))
        #expect(try !damaged.names().contains(name))
      } else {
        #expect(throws: WriteError.self, "without \(name)") { _ = try damaged.open() }
      }
    }
  }
}
