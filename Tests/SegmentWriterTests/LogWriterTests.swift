import Bytes
import MerkleLog
import Platform
import Segments
import Testing

@testable import SegmentWriter

@Suite struct LogWriterTests {
  @Test func aNewLogHasOneEntrySealedAndSigned() throws {
    let log = try TemporaryLog()
    #expect(
      try log.names() == [
        "00000000000000000000.seal", "00000000000000000000.segment", "checkpoint", "vkey",
      ])
    #expect(try log.checkpoint().size == 2)
    #expect(try log.entries().count == 1)
    #expect(try log.entries()[0].contains(#""type":"created""#))
  }

  @Test func aLogIsNeverMadeWhereSomethingIs() throws {
    let log = try TemporaryLog()
    let origin = try #require(KeyName("other.example/log"))
    #expect(throws: WriteError.self) {
      _ = try LogCreation.create(directory: log.path, origin: origin, keyPath: log.path + ".second")
    }
    #expect(try log.entries().count == 1)
  }

  @Test func entriesSurviveClosingAndOpening() throws {
    let log = try TemporaryLog()
    for round in 0..<3 {
      let writer = try log.open()
      #expect(writer.tree.size == UInt64(2 + round * 3))
      try writer.append(control: ["a\(round)", "b\(round)"])
      #expect(writer.durableIndex == UInt64(4 + round * 3))
      try writer.close()
    }
    #expect(try log.entries().dropFirst() == ["a0", "b0", "a1", "b1", "a2", "b2"])
    #expect(try log.checkpoint().size == 11)
  }

  @Test func oneWriterAtATime() throws {
    let log = try TemporaryLog()
    let writer = try log.open()
    #expect {
      _ = try log.open()
    } throws: { error in
      if case .locked? = error as? WriteError { true } else { false }
    }
    try writer.close()
  }

  @Test func aKeyOfAnotherLogIsRefused() throws {
    let log = try TemporaryLog()
    let other = try TemporaryLog()
    #expect {
      _ = try LogWriter(directory: log.path, key: LogCreation.readKey(other.keyPath))
    } throws: { error in
      if case .wrongKey? = error as? WriteError { true } else { false }
    }
  }

  @Test func smallBlocksAreJoinedAndTheTreeStays() throws {
    let log = try TemporaryLog()
    let writer = try log.open()
    for number in 0..<20 { try writer.append(control: ["entry \(number)"]) }
    try writer.checkpoint()
    let root = writer.tree.root
    try writer.close()
    let name = FileNames.name(2, .segment)
    let footer = try log.contents(name).withView { try SegmentFooter.decode($0).footer }
    #expect(footer.blocks.count == 1)
    #expect(try log.checkpoint().root == root)
    #expect(try log.entries().dropFirst() == (0..<20).map { "entry \($0)" }[...])
    #expect(try !log.names().contains { $0.hasSuffix(".open") || $0.hasSuffix(".rewrite") })
  }

  @Test func sealsFormAChain() throws {
    let log = try TemporaryLog()
    let writer = try log.open()
    for _ in 0..<3 {
      try writer.append(control: ["x"])
      try writer.finishSegment()
    }
    try writer.close()
    var previous: Seal?
    for name in try log.names() where name.hasSuffix(".seal") {
      let note = try log.contents(name).withView { (view) throws(NoteError) in try SignedNote(view) }
      #expect(try note.verify(with: [log.verifier]) == [log.verifier])
      let seal = try #require(note.text.withView { Seal($0) })
      #expect(seal.previous == previous?.textHash)
      #expect(seal.firstIndex == previous?.endIndex ?? 0)
      previous = seal
    }
    #expect(previous?.endIndex == 8)
  }

  @Test func aSegmentEndsAtItsSize() throws {
    let log = try TemporaryLog()
    var options = WriterOptions()
    options.segmentByteLimit = 1
    let writer = try log.open(options)
    #expect(!writer.shouldRoll)
    try writer.append(control: ["x"])
    #expect(writer.shouldRoll)
    try writer.close()
  }

  /// Whenever a seal can be seen, the checkpoint covers what it seals: an older one was put back.
  @Test func aCheckpointComesBeforeEachSeal() throws {
    let log = try TemporaryLog()
    let writer = try log.open()
    for number in 1..<4 {
      try writer.append(control: ["x"])
      try writer.finishSegment()
      #expect(try log.checkpoint().size == UInt64(2 + 2 * number))
      try writer.waitForSeals()
    }
    try writer.append(control: ["unsealed"])
    let crashed = try log.snapshot()
    try writer.close()
    #expect(try crashed.checkpoint().size == 8)
    let next = try crashed.open()
    #expect(try crashed.checkpoint().size == 10)
    try next.close()
  }
}
