import Bytes
import Inspect
import MerkleLog
import Segments
import TestSupport
import Testing

/// Who may do anything to the files and has no key.
@Suite struct StorageTests {
  private static func name(_ first: UInt64, _ kind: FileNames.Kind) -> String { FileNames.name(first, kind) }

  @Test(arguments: [0, 2, 20] as [UInt64]) func aDeletedSegmentIsNamed(_ first: UInt64) throws {
    let log = try GenuineLog.shared()
    for kinds in [[FileNames.Kind.segment], [.segment, .seal]] {
      var files = log.files
      for kind in kinds { files[Self.name(first, kind)] = nil }
      let verdict = try log.judge(files)
      #expect(verdict.status == .damage)
      #expect(!verdict.damageKinds.isDisjoint(with: [.missingSegment, .missingFile]))
      #expect(verdict.names(in: first..<first + 1), "\(verdict.damage)")
    }
  }

  @Test func aDeletedLastSegmentIsNamed() throws {
    let log = try GenuineLog.shared()
    var files = log.files
    files[Self.name(38, .open)] = nil
    let verdict = try log.judge(files)
    #expect(verdict.status == .damage)
    #expect(verdict.damageKinds == [.missingSegment])
    #expect(verdict.names(in: 38..<56))
  }

  /// Bytes cut off at every block, and in the middle of one, while the checkpoint stays.
  @Test func aTailCutOffUnderTheCheckpointIsNamed() throws {
    let log = try GenuineLog.shared()
    let name = Self.name(38, .open)
    let bytes = try #require(log.files[name])
    for share in [1, 2, 3, 5, 9] {
      var files = log.files
      files[name] = Array(bytes.prefix(bytes.count * share / 10))
      let verdict = try log.judge(files)
      #expect(verdict.status == .damage, "\(share)")
      #expect(verdict.names(in: 38..<56))
    }
  }

  /// An older checkpoint cannot hide it: the log keeps the signature of every checkpoint but the last, and
  /// what is sealed was signed before.
  @Test func anOlderCheckpointInFrontOfMoreEntriesIsFound() throws {
    let log = try GenuineLog.shared()
    for number in 0..<5 {
      var files = log.files
      files[FileNames.checkpoint] = log.checkpoint(number)
      let verdict = try log.judge(files)
      #expect(verdict.status == .damage)
      #expect(verdict.damageKinds == [.rollback])
      #expect(verdict.damage.first?.file == FileNames.checkpoint)
    }
    // The one before the last: nothing signed by it is lost, and no entry behind it is yet vouched for.
    var files = log.files
    files[FileNames.checkpoint] = log.checkpoint(5)
    let verdict = try log.judge(files)
    #expect(verdict.status == .fine)
    #expect(verdict.report.unsignedTail == 9)
    #expect(try log.judge(files, checkpoint: log.checkpoint(6)).report.findings.map(\.kind) == [.rollback])
  }

  @Test func exchangedSegmentsAreNamed() throws {
    let log = try GenuineLog.shared()
    var files = log.files
    for kind in [FileNames.Kind.segment, .seal] {
      files[Self.name(2, kind)] = log.files[Self.name(20, kind)]
      files[Self.name(20, kind)] = log.files[Self.name(2, kind)]
    }
    let verdict = try log.judge(files)
    #expect(verdict.status == .damage)
    #expect(verdict.damageKinds.contains(.break))
    #expect(verdict.names(in: 2..<20) && verdict.names(in: 20..<38))
  }

  /// Segments of another log of the same name, that the same origin key signed.
  @Test func splicedSegmentsOfAnotherLogAreNamed() throws {
    let (log, other) = (try GenuineLog.shared(), try GenuineLog.other())
    #expect(try other.judge(other.files).report.findings == [])
    for first in [2, 20] as [UInt64] {
      for kinds in [[FileNames.Kind.segment], [.segment, .seal]] {
        var files = log.files
        for kind in kinds { files[Self.name(first, kind)] = other.files[Self.name(first, kind)] }
        let verdict = try log.judge(files)
        #expect(verdict.status == .damage)
        #expect(verdict.names(in: first..<first + 18), "\(verdict.damage)")
      }
    }
    // All from some segment on, with that log's checkpoint.
    var files = log.files.filter { !$0.key.hasPrefix(Self.name(20, .seal).prefix(20)) }
    for (name, bytes) in other.files where name != Self.name(0, .segment) && name != Self.name(0, .seal) {
      files[name] = bytes
    }
    #expect(try log.judge(files).status == .damage)
  }
}
