import Bytes
import Cryptography
import Inspect
import MerkleLog
import Platform
import Segments
import TestSupport
import Testing

/// What someone does who may write every file and knows the format, but has no key.
@Suite struct VerifyForgeryTests {
  /// A closed log in `path`/log and, for comparison, another log's files.
  private static func logs(_ path: String) throws -> (
    log: LogBuilder, files: [String: [UInt8]], other: [String: [UInt8]]
  ) {
    for name in ["/log", "/other"] { _ = try Directory(making: path + name) }
    let log = try buildLog(path + "/log")
    _ = try buildLog(path + "/other", seed: 9)
    return (log, try readTree(path + "/log"), try readTree(path + "/other"))
  }

  private static func check(
    _ path: String, _ files: [String: [UInt8]], _ log: LogBuilder, checkpoint: [UInt8]? = nil
  ) throws -> [Finding] {
    try writeTree(files, to: path + "/forged")
    let quick = try verify(path + "/forged", quick: true) {
      $0.key = log.key
      $0.checkpoint = checkpoint
    }
    let report = try verify(path + "/forged", threads: 2) {
      $0.key = log.key
      $0.checkpoint = checkpoint
    }
    #expect(quick.exitStatus == report.exitStatus)
    return damage(report)
  }

  @Test func aBlockOfAnotherLogIsFound() throws {
    try withTemporaryDirectory { path in
      let (log, files, other) = try Self.logs(path)
      let encoded = try log.segments.map { try LogBuilder.encode($0, origin: "\(log.origin)") }
      let name = FileNames.name(20, .segment)
      let place = encoded[1].blockOffsets[0]..<encoded[1].blockOffsets[1]
      var forged = files
      forged[name]?.replaceSubrange(place, with: (other[name] ?? [])[place])
      let found = try Self.check(path, forged, log)
      #expect(found.map(\.file) == [name])
      #expect(found.first?.offset == place.lowerBound)
      #expect(found.first?.entries == 20..<30)
    }
  }

  @Test func aBlockOfTheSameSegmentInAnotherPlaceIsFound() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      let encoded = try LogBuilder.encode(log.segments[1], origin: "\(log.origin)")
      let name = FileNames.name(20, .segment)
      let (first, second) = (encoded.blockOffsets[0], encoded.blockOffsets[1])
      var forged = files
      let bytes = files[name] ?? []
      forged[name] = Array(
        bytes[..<first] + bytes[second..<encoded.bytes.count] + bytes[first..<second] + encoded.footer)
      let found = try Self.check(path, forged, log)
      #expect(!found.isEmpty && found.allSatisfy { $0.file == name })
    }
  }

  @Test func exchangedSegmentsAreFound() throws {
    try withTemporaryDirectory { path in
      let (log, files, other) = try Self.logs(path)
      for kinds in [[FileNames.Kind.segment], [.seal], [.segment, .seal]] {
        var forged = files
        for kind in kinds {
          forged[FileNames.name(0, kind)] = files[FileNames.name(20, kind)]
          forged[FileNames.name(20, kind)] = files[FileNames.name(0, kind)]
        }
        let found = try Self.check(path, forged, log)
        #expect(
          Set(found.map(\.file))
            == Set([0, 20].flatMap { first in kinds.map { FileNames.name(first, $0) } }), "\(found)")
      }
      var forged = files
      forged[FileNames.name(20, .segment)] = other[FileNames.name(20, .segment)]
      var found = try Self.check(path, forged, log)
      #expect(found.map(\.file) == [FileNames.name(20, .segment)], "\(found)")
      forged[FileNames.name(20, .seal)] = other[FileNames.name(20, .seal)]
      found = try Self.check(path, forged, log)
      #expect(found.contains { $0.kind == .badSignature && $0.file == FileNames.name(20, .seal) }, "\(found)")
    }
  }

  /// Entries changed, exchanged or removed, with every hash that needs no key made anew.
  @Test func entriesChangedWithAllUnkeyedHashesAreFound() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      let changes: [(inout [TestEntry]) -> Void] = [
        { $0.swapAt(3, 4) }, { $0[5].raw[0] ^= 1 }, { $0[5].envelope[3] ^= 1 }, { $0[5].metadata.time += 1 },
        { $0[5].metadata.flags ^= 8 }, { $0[5].metadata.source = 0 }, { $0.remove(at: 7) },
        { $0.append($0[0]) },
      ]
      for (number, change) in changes.enumerated() {
        for place in 0..<3 {
          var forged = files
          var segment = log.segments[place]
          change(&segment.blocks[1])
          let encoded = try LogBuilder.encode(segment, origin: "\(log.origin)")
          let name = FileNames.name(UInt64(place * 20), .segment)
          forged[name] = encoded.file
          let found = try Self.check(path, forged, log)
          #expect(found.contains { $0.file == name }, "change \(number) in \(place): \(found)")
          #expect(found.count <= 3, "\(found)")
        }
      }
    }
  }

  /// The same, with all that follows made to continue it: only the signatures are left to tell.
  @Test func aHistoryRewrittenFromSomeEntryOnIsFound() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      var forged = files
      var tree = CompactRange()
      for (place, segment) in log.segments.enumerated() {
        var segment = segment
        segment.tree = tree
        if place == 0 { segment.blocks[1][5].raw[0] ^= 1 }
        let encoded = try LogBuilder.encode(segment, origin: "\(log.origin)")
        tree = encoded.tree
        forged[FileNames.name(UInt64(place * 20), .segment)] = encoded.file
      }
      let found = try Self.check(path, forged, log)
      #expect(found.contains { $0.file == FileNames.checkpoint && $0.kind == .break })
      for first in [0, 20, 40] as [UInt64] {
        #expect(found.contains { $0.file == FileNames.name(first, .segment) && $0.kind == .break })
      }
      // Without seals and with open files, the checkpoint still tells.
      var open = forged.filter { !$0.key.hasSuffix(".seal") && !$0.key.hasSuffix(".segment") }
      for first in [0, 20, 40] as [UInt64] {
        open[FileNames.name(first, .open)] = forged[FileNames.name(first, .segment)]
      }
      let last = try Self.check(path, open, log)
      #expect(last.map(\.kind) == [.break, .badSignature, .badSignature], "\(last)")
      #expect(last.first?.file == FileNames.checkpoint)
    }
  }

  /// The chain covers stored bytes, the tree entries: where both are made to fit by keeping the old tree in
  /// the header of a changed block, decoding tells, also when quick and whether the segment is sealed or not.
  @Test func aBlockThatKeepsTheTreeOfTheOldOneIsFound() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      for place in 0..<3 {
        let first = UInt64(place * 20)
        var trees: [CompactRange] = []
        _ = try LogBuilder.encode(log.segments[place], origin: "\(log.origin)") { trees.append($1.tree) }
        var segment = log.segments[place]
        segment.blocks[0][4].raw[0] ^= 1
        let forged = try LogBuilder.encode(segment, origin: "\(log.origin)") { $1.tree = trees[$0] }
        var sealed = files
        sealed[FileNames.name(first, .segment)] = forged.file
        #expect(try Self.check(path, sealed, log).contains { $0.file == FileNames.name(first, .segment) })
        guard place == 2 else { continue }
        var open = files
        open[FileNames.name(first, .segment)] = nil
        open[FileNames.name(first, .seal)] = nil
        open[FileNames.name(first, .open)] = forged.bytes
        let found = try Self.check(path, open, log)
        #expect(found.contains { $0.kind == .break && $0.offset == forged.blockOffsets[0] }, "\(found)")
      }
    }
  }

  /// Stored bytes that give the same entries are still not those that the chain goes on from.
  @Test func aBlockStoredOtherwiseIsFound() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      let good = try LogBuilder.encode(log.segments[2], origin: "\(log.origin)")
      let other = try LogBuilder.encode(log.segments[2], origin: "\(log.origin)", sourceName: "forged")
      var open = files
      open[FileNames.name(40, .segment)] = nil
      open[FileNames.name(40, .seal)] = nil
      open[FileNames.name(40, .open)] =
        Array(other.bytes[..<other.blockOffsets[1]] + good.bytes[good.blockOffsets[1]...])
      let found = try Self.check(path, open, log)
      #expect(found.map(\.kind) == [.break])
      #expect(found.first?.offset == other.blockOffsets[1])
    }
  }

  /// Numbers at the end of their range, in files that are well-formed otherwise, end nothing.
  @Test func indexesAtTheEndOfTheirRangeAreJudgedLikeOthers() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      let checkpoint = Checkpoint(origin: log.origin, size: .max, root: log.leaves[0])
      var forged = files
      forged["checkpoint"] = try SignedCheckpoint(checkpoint, signedBy: log.signer).note.bytes
      #expect(try Self.check(path, forged, log).map(\.entries) == [60..<UInt64.max])
      let tree = try #require(
        CompactRange(
          size: .max - 2, hashes: [Digest](repeating: .zero, count: (UInt64.max - 2).nonzeroBitCount)))
      var segment = log.segments[2]
      segment.tree = tree
      segment.blocks = [LogBuilder.lines(2)]
      let encoded = try LogBuilder.encode(segment, origin: "\(log.origin)")
      for bytes in [encoded.bytes, encoded.file] {
        for kind in [FileNames.Kind.open, .segment] {
          var forged = files
          forged[FileNames.name(.max - 2, kind)] = bytes
          let found = try Self.check(path, forged, log)
          #expect(found.isEmpty == (kind == .open), "\(found)")
          let report = try verify(path + "/forged")
          #expect(report.entries.upperBound == .max)
          #expect(report.json.text.contains("18446744073709551615"))
          #expect(report.text.contains("18446744073709551614"))
        }
      }
    }
  }

  /// Headers are what searches by time and statistics believe.
  @Test func totalsThatAreNotThoseOfTheEntriesAreFound() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      let changes: [(inout BlockContents) -> Void] = [
        { $0.firstTime += 1 }, { $0.lastTime -= 1 }, { $0.lastTime += 1 }, { $0.rawByteCount += 1 },
      ]
      for (number, change) in changes.enumerated() {
        let forged = try LogBuilder.encode(log.segments[2], origin: "\(log.origin)") {
          if $0 == 1 { change(&$1.contents) }
        }
        var open = files
        open[FileNames.name(40, .segment)] = nil
        open[FileNames.name(40, .seal)] = nil
        open[FileNames.name(40, .open)] = forged.bytes
        let found = try Self.check(path, open, log)
        #expect(found.map(\.offset) == [forged.blockOffsets[1]], "\(number) \(found)")
      }
    }
  }

  @Test func aFooterThatDoesNotDescribeTheBlocksIsFound() throws {
    try withTemporaryDirectory { path in
      _ = try Directory(making: path + "/log")
      let log = try LogBuilder(path + "/log")
      try log.append(LogBuilder.lines(300))
      try log.append(LogBuilder.lines(299, from: 300) + [LogBuilder.key])
      try log.finish(.footer)
      try log.writeCheckpoint()
      let files = try readTree(path + "/log")
      let encoded = try LogBuilder.encode(log.segments[0], origin: "\(log.origin)")
      let changes: [(inout SegmentFooter) -> Void] = [
        { $0.groups[0] = $0.groups[1] }, { $0.groups[1] = $0.groups[0] },
        { $0.blocks[1].contents.lastTime += 1 },
        { $0.blocks[0].contents.firstTime -= 1 },
      ]
      for (number, change) in changes.enumerated() {
        let file = encoded.file
        var footer = try file.withView { try SegmentFooter.decode($0).footer }
        change(&footer)
        var out = ByteBuffer()
        footer.encode(to: &out)
        var forged = files
        forged[FileNames.name(0, .open)] = encoded.bytes + out.view.array
        let found = try Self.check(path, forged, log)
        #expect(found.map(\.offset) == [encoded.bytes.count], "\(number) \(found)")
      }
    }
  }

  @Test func aLogSignedAnewWithAnotherKeyIsFoundByTheKeyGiven() throws {
    try withTemporaryDirectory { path in
      let (log, files, other) = try Self.logs(path)
      var found = try Self.check(path, other, log)
      #expect(found.contains { $0.kind == .badKey && $0.file == "vkey" })
      #expect(found.contains { $0.kind == .badSignature && $0.file == "checkpoint" })
      #expect(found.count == 3, "\(found)")
      var forged = other
      forged["vkey"] = files["vkey"]
      found = try Self.check(path, forged, log)
      #expect(found.contains { $0.kind == .badSignature && $0.file == "checkpoint" })
    }
  }

  @Test func anOlderDirectoryIsFoundByANewerCheckpoint() throws {
    try withTemporaryDirectory { path in
      _ = try Directory(making: path + "/old")
      let old = try buildLog(path + "/old", [.finished, .finished])
      let older = try readTree(path + "/old")
      let (log, files, _) = try Self.logs(path)
      #expect(old.key == log.key)
      let newest = try log.checkpoint()
      #expect(try Self.check(path, older, log) == [])
      let found = try Self.check(path, older, log, checkpoint: newest)
      #expect(found.map(\.kind) == [.rollback])
      #expect(found.first?.entries == 40..<60)
      #expect(try Self.check(path, files, log, checkpoint: newest) == [])
      // The newest checkpoint alone put back: the log lacks what it covers.
      var forged = older
      forged["checkpoint"] = files["checkpoint"]
      #expect(try Self.check(path, forged, log).map(\.kind) == [.missingSegment])
    }
  }

  @Test func anotherHistoryOfTheSameKeyIsFoundByACheckpointOfEither() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      _ = try Directory(making: path + "/fork")
      let fork = try LogBuilder(path + "/fork")
      try fork.append(LogBuilder.lines(20, from: 500))
      try fork.finish()
      let given = try fork.checkpoint()
      let found = try Self.check(path, files, log, checkpoint: given)
      #expect(found.map(\.kind) == [.break])
      #expect(found.first?.entries == 0..<20)
    }
  }

  @Test func aGivenCheckpointThatIsNotSignedIsRefused() throws {
    try withTemporaryDirectory { path in
      let (log, files, other) = try Self.logs(path)
      for given in [other["checkpoint"] ?? [], Array("nothing".utf8), []] {
        #expect(try Self.check(path, files, log, checkpoint: given).map(\.kind) == [.badSignature])
      }
    }
  }

  /// A seal that is genuine, but of an earlier segment with the same first index.
  @Test func aSealThatDoesNotFollowTheOneBeforeIsFound() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      let encoded = try LogBuilder.encode(log.segments[2], origin: "\(log.origin)")
      var seal = try log.seal(encoded)
      seal.previous = seal.fileHash
      var forged = files
      forged[FileNames.name(40, .seal)] = try log.sign(seal)
      let found = try Self.check(path, forged, log)
      #expect(found.map(\.kind) == [.break])
      #expect(found.first?.file == FileNames.name(40, .seal))
    }
  }

  @Test func everySignedFieldOfASealIsCompared() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      let encoded = try LogBuilder.encode(log.segments[0], origin: "\(log.origin)")
      log.previousSeal = nil
      let good = try log.seal(encoded)
      let changes: [(inout Seal) -> Void] = [
        { $0.origin = "logs.example.com/other" }, { $0.segment = SegmentID(high: 1, low: 1) },
        { $0.firstIndex = 1 },
        { $0.endIndex = 19 }, { $0.root = $0.chain }, { $0.chain = $0.root }, { $0.byteCount += 1 },
        { $0.fileHash = $0.root }, { $0.previous = $0.root },
      ]
      for (number, change) in changes.enumerated() {
        var seal = good
        change(&seal)
        var forged = files
        forged[FileNames.name(0, .seal)] = try log.sign(seal)
        let found = try Self.check(path, forged, log)
        #expect(
          found.contains { $0.file?.hasPrefix(FileNames.name(0, .seal).prefix(20)) ?? false },
          "\(number) \(found)")
      }
    }
  }

  @Test func aSealTakenFromTheMiddleIsMissedAlsoWhenItsSegmentIsMadeOpen() throws {
    try withTemporaryDirectory { path in
      let (log, files, _) = try Self.logs(path)
      var forged = files
      forged[FileNames.name(20, .seal)] = nil
      forged[FileNames.name(20, .open)] = forged.removeValue(forKey: FileNames.name(20, .segment))
      let found = try Self.check(path, forged, log)
      #expect(found.map(\.kind) == [.unsealed])
      #expect(found.first?.file == FileNames.name(20, .seal))
    }
  }
}
