import Bytes
import Inspect
import MerkleLog
import Segments
import TestSupport
import Testing

/// What was wrong with the sealed journal of systemd: one test for each fault that was found in it.
@Suite struct JournaldTests {
  /// CVE-2023-31439: any entry could be forged by sealing again with a later key.
  @Test func sealingAgainWithALaterKeyIsFound() throws {
    let log = try GenuineLog.shared()
    for index in [2, 9, 21, 33, 39] {
      var forger = try Forger(log, log.keysOfRoot, .sealWithALaterKey)
      forger.modify(index)
      let verdict = try log.judge(forger.publish())
      #expect(verdict.status == .damage)
      #expect(verdict.damageKinds.contains(.badSignature), "\(index) \(verdict.damageKinds)")
      #expect(verdict.damage.contains { $0.entries?.upperBound ?? 0 > UInt64(index) })
    }
  }

  /// CVE-2023-31438: a cut-off end went unnoticed. Cut to the end of each sealed segment, seals and all.
  @Test func cuttingOffToAnEarlierSealIsFound() throws {
    let log = try GenuineLog.shared()
    for end in [2, 20, 38] as [UInt64] {
      var files = log.files
      for first in [2, 20, 38] as [UInt64] where first >= end {
        for kind in [FileNames.Kind.segment, .seal, .open] { files[FileNames.name(first, kind)] = nil }
      }
      let verdict = try log.judge(files)
      #expect(verdict.status == .damage)
      #expect(verdict.damageKinds == [.missingSegment])
      #expect(verdict.damage.first?.entries == end..<56)
    }
  }

  /// CVE-2023-31437: entries were hidden from searches by links that no seal covered. Here that is the
  /// footer, of which every byte is covered by the seal, and compared with the blocks before there is one.
  @Test func noByteThatSearchesRelyOnIsUnprotected() throws {
    let log = try GenuineLog.shared()
    let name = FileNames.name(20, .segment)
    let bytes = try #require(log.files[name])
    let footer = try bytes.withView { try FooterView($0).offset }
    for offset in stride(from: footer, to: bytes.count, by: 11) {
      var files = log.files
      files[name]?[offset] ^= 0x10
      let verdict = try log.judge(files)
      #expect(verdict.status == .damage, "\(offset)")
      #expect(verdict.names(in: 20..<38))
    }
    // A footer that is consistent in itself, and leaves out what a block holds.
    var files = log.files
    var parts = try bytes.withView { try SegmentFooter.decode($0).footer }
    parts.blocks[0].contents.lastTime = parts.blocks[0].contents.firstTime - 1
    files[name] = Array(bytes[..<footer]) + Self.encode(parts)
    let verdict = try log.judge(files)
    #expect(verdict.status == .damage && verdict.names(in: 20..<38))
  }

  private static func encode(_ footer: SegmentFooter) -> [UInt8] {
    var out = ByteBuffer()
    footer.encode(to: &out)
    return out.view.array
  }

  /// Issue 15425: a file without any seal passed. Without seals every segment is an open one, and the
  /// checkpoint is still over them; without that, or without `key` entries, nothing is silent either.
  @Test func aLogWithoutSealsOrKeysDoesNotPass() throws {
    let log = try GenuineLog.shared()
    var files = log.files
    for first in [0, 2, 20] as [UInt64] { files[FileNames.name(first, .seal)] = nil }
    var verdict = try log.judge(files)
    #expect(verdict.status == .damage)
    #expect(Set(verdict.damage.compactMap(\.file)) == Set([0, 2, 20].map { FileNames.name($0, .seal) }))
    files = log.files
    files[FileNames.checkpoint] = nil
    verdict = try log.judge(files)
    #expect(verdict.status == .damage && verdict.damageKinds == [.missingFile])
    // Even the operator cannot leave out the entries that keep the signatures.
    var forger = try Forger(log, log.everyKey)
    for index in [55, 46, 37, 28] { forger.remove(index) }
    verdict = try log.judge(forger.publish())
    #expect(verdict.status == .damage && verdict.damageKinds.contains(.rollback))
    let told = try log.judge(forger.publish(), checkpoint: log.checkpoint(6))
    #expect(told.status == .damage)
  }

  /// Issue 11524: a wrong key sometimes passed.
  @Test func anotherKeyNeverPasses() throws {
    let (log, other) = (try GenuineLog.shared(), try GenuineLog.other())
    var wrong = try Keyring()
    for number in 0..<8 {
      let key = try wrong.make("\(number)")
      let origin = try log.judge(log.files) { $0.key = VerifierKey(name: log.origin, publicKey: key) }
      #expect(origin.status == .damage && origin.damageKinds.contains(.badKey))
      let first = try log.judge(log.files) {
        $0.firstKey = VerifierKey(name: log.origin.checkpointKey(0), publicKey: key)
      }
      #expect(first.status == .damage && first.damageKinds.contains(.badKey))
    }
    #expect(log.keys == other.keys)
  }
}
