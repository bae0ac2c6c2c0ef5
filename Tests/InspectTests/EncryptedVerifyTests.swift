import Bytes
import Cryptography
import Inspect
import Platform
import SegmentWriter
import Segments
import TestSupport
import Testing

/// What `verify` says of encrypted logs, with and without a recipient's key.
@Suite struct EncryptedVerifyTests {
  private static let sidecar = FileNames.name(2, .cms)

  private static func check(
    _ log: EncryptedLog, _ recipient: TestIdentity? = nil, quick: Bool = false
  ) throws -> VerifyReport {
    let recipient = try recipient?.recipientKey()
    return try verify(log.path, quick: quick) { check in
      check.key = log.key
      check.recipient = recipient
    }
  }

  @Test func anEncryptedLogVerifiesWithoutAnyKey() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      try log.fill()
      for quick in [false, true] {
        let report = try Self.check(log, quick: quick)
        #expect(report.findings == [])
        #expect(report.exitStatus == .fine)
        #expect(report.closedEntries == 4)
        #expect(report.text.contains("4 entries, checked by the chain alone"))
      }
      #expect(try Self.check(log).control.types == ["created": 1, "heartbeat": 2, "key": 3])
      let whole = try Self.check(log, .ec)
      #expect(whole.findings == [])
      #expect(whole.closedEntries == 0)
    }
  }

  @Test func aKeyThatOpensNothingIsSaidSo() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      try log.fill()
      let report = try Self.check(log, .stranger)
      #expect(report.findings.map(\.kind) == [.closed, .closed])
      #expect(report.exitStatus == .incomplete)
      #expect(report.closedEntries == 4)
    }
  }

  @Test func everyFlippedBitIsFoundWithoutAKey() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      let writer = try log.open()
      let plan = try writer.makePlan()
      try EncryptedLog.append(1, writer, plan)
      try writer.append(control: [#"{"type":"heartbeat"}"#])
      try writer.close()
      let files = try readTree(log.path)
      let key = log.key
      let bits = files.sorted { $0.key < $1.key }.flatMap { file in
        file.key.hasPrefix("tile") ? [] : (0..<file.value.count * 8).map { (file.key, $0) }
      }
      #expect(bits.contains { $0.0 == Self.sidecar })
      try forEach(bits.count, files, directory) { number, directory in
        let (name, bit) = bits[number]
        let byte = files[name]?[bit / 8] ?? 0
        let file = try Directory(directory).openFile(name, .readWrite)
        try [byte ^ 1 << UInt8(bit % 8)].withView { try file.write($0, at: bit / 8) }
        defer { try? [byte].withView { try file.write($0, at: bit / 8) } }
        let report = try verify(directory) { $0.key = key }
        let found = damage(report)
        if found.count == 1, found[0].file == name, report.exitStatus == .damage { return nil }
        return "\(name) bit \(bit): \(found)"
      }
    }
  }

  /// Until a segment is sealed, who can write the file can make its blocks anew; with the key it shows.
  @Test func aBlockMadeAnewIsFoundByWhoCanDecryptIt() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      let writer = try log.open()
      try EncryptedLog.append(2, writer, try writer.makePlan())
      try writer.checkpoint()
      let name = FileNames.name(2, .open)
      var file = try #require(try readTree(log.path)[name])
      let blocks = try file.withView { file -> [(header: BlockHeader, offset: Int)] in
        var scan = try SegmentScan(file)
        var blocks: [(header: BlockHeader, offset: Int)] = []
        while case .block(let block)? = try? scan.next() { blocks.append((block.header, block.offset)) }
        return blocks
      }
      let first = try #require(blocks.first)
      file[first.offset + first.header.size + 20] ^= 1
      var chain = first.header.previousChain
      for block in blocks {
        var header = block.header
        header.previousChain = chain
        var head = ByteBuffer()
        header.encode(to: &head)
        let stored = block.offset + head.count
        let end = stored + header.storedByteCount
        file.replaceSubrange(block.offset..<stored, with: head.view.array)
        chain = file.withView { file in
          BlockHeader.chain(previous: chain, header: file[block.offset, stored], stored: file[stored, end])
        }
        file.replaceSubrange(end..<end + Digest.size, with: chain.array)
      }
      try write(file, to: log.path + "/" + name)
      #expect(try damage(Self.check(log)) == [], "nobody can tell without the key")
      let found = damage(try Self.check(log, .ec))
      #expect(found.map(\.kind) == [.corruption])
      #expect(found.first?.entries == 2..<4)
    }
  }

  // MARK: Sidecars

  @Test func aSwappedSidecarIsFound() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      try log.fill()
      let files = try readTree(log.path)
      let other = try #require(files[FileNames.name(6, .cms)])
      try Directory(log.path).remove(Self.sidecar)
      try write(other, to: log.path + "/" + Self.sidecar)
      for recipient in [nil, TestIdentity.ec] {
        let found = damage(try Self.check(log, recipient))
        #expect(found.map(\.kind) == [.corruption])
        #expect(found.first?.file == Self.sidecar)
      }
    }
  }

  private static func shredded(_ log: EncryptedLog, _ first: UInt64) throws -> String {
    let name = FileNames.name(first, .segment)
    let id = try #require(try readTree(log.path)[name]).withView { try SegmentHeader.decode($0).header.id }
    return #"{"type":"shredded","segment":"\#(id)","first":\#(first),"end":\#(first + 4),"#
      + #""authority":"court order 7","reason":"request","approver":"dpo"}"#
  }

  @Test func aSidecarRemovedWithoutAuthorityIsDamage() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      try log.fill()
      try Directory(log.path).remove(Self.sidecar)
      for recipient in [nil, TestIdentity.ec] {
        let report = try Self.check(log, recipient)
        #expect(damage(report).map(\.kind) == [.missingFile])
        #expect(damage(report).first?.file == Self.sidecar)
        #expect(damage(report).first?.entries == 2..<6)
      }
      // The destruction of another segment's key is no excuse.
      try log.record([Self.shredded(log, 6)])
      #expect(damage(try Self.check(log)).map(\.file) == [Self.sidecar])
    }
  }

  @Test func aShreddedSegmentIsToldAndNotAccused() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      try log.fill()
      try log.record([Self.shredded(log, 2)])
      let before = try Self.check(log, .ec)
      #expect(before.findings.map(\.kind) == [.erased])
      #expect(before.findings.first?.text.contains("was not carried out yet") == true)
      #expect(before.exitStatus == .incomplete)
      try Directory(log.path).remove(Self.sidecar)
      for recipient in [nil, TestIdentity.ec] {
        let report = try Self.check(log, recipient)
        #expect(report.findings.map(\.kind) == [.erased])
        #expect(report.findings.first?.severity == .note)
        #expect(report.findings.first?.entries == 2..<6)
        for word in ["court order 7", "dpo", "request", "was destroyed"] {
          #expect(report.findings.first?.text.contains(word) == true)
        }
        #expect(report.exitStatus == .incomplete)
        #expect(report.closedEntries == (recipient == nil ? 4 : 2))
      }
    }
  }

  /// Who takes a sidecar away can also append an entry; only a signed one authorises.
  @Test func anUnsignedAuthorityIsNone() throws {
    try withTemporaryDirectory { directory in
      let log = try EncryptedLog(directory)
      try log.fill()
      try log.record([Self.shredded(log, 2)], signed: false)
      try Directory(log.path).remove(Self.sidecar)
      #expect(damage(try Self.check(log)).map(\.file) == [Self.sidecar])
    }
  }
}
