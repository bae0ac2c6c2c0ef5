import Cryptography
import Inspect
import MerkleLog
import Segments
import TestSupport
import Testing

/// Who has keys, but not those that were there when he wants something to have been written.
@Suite struct StolenKeyTests {
  /// Who holds what.
  enum Thief: CaseIterable, Sendable {
    /// May write every file: the administrator of the storage.
    case storage
    /// Has the origin key, from a backup.
    case origin
    /// Root at T: has the origin key and the one-time keys that are still to be used.
    case root

    func keys(_ log: GenuineLog) throws -> Keyring {
      switch self {
      case .storage: try Keyring()
      case .origin: try log.originKey
      case .root: try log.keysOfRoot
      }
    }
  }

  private static let tricks: [Forger.Trick] = [.keepSignatures, .sealWithALaterKey, .nameOwnKeys]

  /// modify, delete, reorder, replay, insert, backdate x storage, origin key, root after T.
  @Test(arguments: Operation.allCases, Thief.allCases)
  func aHistoryRewrittenBeforeTheTheftIsFound(_ operation: Operation, by thief: Thief) throws {
    let log = try GenuineLog.shared()
    for trick in Self.tricks {
      var forger = try Forger(log, thief.keys(log), trick)
      operation.apply(to: &forger)
      let verdict = try log.judge(forger.publish())
      #expect(verdict.status == .damage, "\(trick)")
      #expect(verdict.names(in: 20..<38), "\(trick) \(verdict.damage)")
      #expect(!verdict.blames(0) && !verdict.blames(2), "\(trick) \(verdict.damage)")
      let kinds = verdict.damageKinds
      #expect(!kinds.isDisjoint(with: [.break, .badSignature, .corruption]), "\(trick) \(kinds)")
    }
  }

  /// The one thing that the origin key can say by itself: that the one-time keys were lost. Such a history is
  /// never silent, and a checkpoint that somebody kept tells that it is false.
  @Test(arguments: Operation.allCases, [Thief.origin, .root])
  func aHistoryRewrittenAsANewEpochIsSaidToProveNothing(_ operation: Operation, by thief: Thief) throws {
    let log = try GenuineLog.shared()
    var forger = try Forger(log, thief.keys(log), .beginAnEpoch)
    if operation != .deleteSegment { forger.insert(Forger.epoch, at: Operation.first) }
    operation.apply(to: &forger, shift: 1)
    let files = try forger.publish()
    let verdict = try log.judge(files)
    #expect(verdict.damage == [])
    #expect(verdict.status == .incomplete)
    #expect(verdict.kinds == [.keyBreak])
    let first = UInt64(Operation.first)
    #expect(verdict.report.findings.contains { $0.entries == first..<first + 1 })
    for number in 0..<7 {
      let told = try log.judge(files, checkpoint: log.checkpoint(number))
      #expect(told.status == (number < 3 ? .incomplete : .damage), "checkpoint \(number)")
      if number >= 3 { #expect(!told.damageKinds.isDisjoint(with: [.break, .rollback])) }
    }
  }

  /// Nobody but who has the origin key can begin an epoch.
  @Test func anEpochWithoutTheOriginKeyIsFound() throws {
    let log = try GenuineLog.shared()
    var forger = try Forger(log, try #require(log.unusedKeys), .beginAnEpoch)
    forger.insert(Forger.epoch, at: 20)
    #expect(try log.judge(forger.publish()).status == .damage)
  }

  /// A `key_epoch` entry is about one place in one history: elsewhere it is a replay.
  @Test func aReplayedEpochIsFound() throws {
    let log = try GenuineLog.shared()
    var forger = try Forger(log, log.everyKey, .beginAnEpoch)
    forger.insert(Forger.epoch, at: 20)
    let first = try log.judge(forger.publish())
    #expect(first.status == .incomplete && first.kinds == [.keyBreak])
    let entry = try forger.printed().first { $0.raw.starts(with: Array(#"{"type":"key_epoch""#.utf8)) }
    for index in [5, 23, 40] {
      var replay = try Forger(log, log.everyKey)
      replay.insert(try #require(entry), at: index)
      let verdict = try log.judge(replay.publish(), isQuickToo: false)
      #expect(verdict.status == .damage)
      #expect(verdict.damage.contains { $0.kind == .break && $0.entries?.contains(UInt64(index)) ?? false })
    }
  }

  /// Root at T goes on writing with the daemon's keys; what he writes is his, what stands there stays.
  @Test func whoHasTheKeysOfTCanOnlyAppend() throws {
    let log = try GenuineLog.shared()
    for index in [3, 10, 12, 23, 40, 47, 54] {
      var forger = try Forger(log, log.keysOfRoot)
      forger.modify(index)
      #expect(try log.judge(forger.publish()).status == .damage, "\(index)")
    }
  }
}
