import Cryptography
import Inspect
import MerkleLog
import Segments
import TestSupport
import Testing

/// The workshop itself: a bad forger would prove nothing.
@Suite struct WorkshopTests {
  @Test func theGenuineLogIsSilent() throws {
    let log = try GenuineLog.shared()
    let verdict = try log.judge(log.files)
    #expect(verdict.report.findings == [])
    #expect(verdict.status == .fine)
    #expect(verdict.report.entries == 0..<56)
    #expect(verdict.report.oneTimeSignatures == 7)
    #expect(verdict.report.oneTimeSeals == 3)
    for number in 0..<7 { #expect(try log.judge(log.files(number)).report.findings == []) }
  }

  /// A log that is decoded and printed again without a change has the very same files.
  @Test func nothingChangedIsTheGenuineLog() throws {
    let log = try GenuineLog.shared()
    for keys in [try Keyring(), try log.originKey, try log.keysOfRoot, log.everyKey] {
      for trick in Forger.Trick.allCases {
        let files = try Forger(log, keys, trick).publish()
        #expect(files == log.files.filter { !$0.key.hasPrefix("tile") }, "\(trick)")
      }
    }
  }

  /// With every key there ever was, whatever is printed is another genuine log.
  @Test func withEveryKeyEveryHistoryIsGood() throws {
    let log = try GenuineLog.shared()
    let changes: [(inout Forger) -> Void] = [
      { $0.modify(23) }, { $0.remove(23) }, { $0.exchange(23) }, { $0.cut(at: 29) }, { $0.modify(3) },
      { $0.insert($0.entry(4), at: 23) }, { $0.modify(50) },
    ]
    for (number, change) in changes.enumerated() {
      var forger = try Forger(log, log.everyKey)
      change(&forger)
      let files = try forger.publish()
      #expect(files != log.files)
      let verdict = try log.judge(files)
      #expect(verdict.report.findings == [], "\(number)")
      #expect(verdict.status == .fine)
    }
  }
}
