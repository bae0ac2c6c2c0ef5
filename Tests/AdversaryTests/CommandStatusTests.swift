import Bytes
import MerkleLog
import Platform
import Segments
import TestSupport
import Testing

/// What the command says to a shell: that the statuses are distinct, and that the place is named.
@Suite struct CommandStatusTests {
  private func verify(_ files: [String: [UInt8]], _ more: [String] = []) throws -> Program.Result {
    let log = try GenuineLog.shared()
    return try withTemporaryDirectory { path in
      try writeTree(files, to: path + "/log")
      try Array(log.keys.text.utf8).withView { try FileDescriptor(writing: path + "/keys").write($0) }
      try log.checkpoint(6).withView { try FileDescriptor(writing: path + "/kept").write($0) }
      let arguments = ["verify", path + "/log", "--key", path + "/keys"]
      return try Program.run(
        Program.stele, arguments + more.map { $0 == "@kept" ? path + "/kept" : $0 })
    }
  }

  @Test func theGenuineLogEndsWithNought() throws {
    let log = try GenuineLog.shared()
    for more in [[], ["--checkpoint", "@kept"]] {
      let result = try verify(log.files, more)
      #expect(result.status == 0, "\(result.text)\(result.errors)")
    }
  }

  @Test(arguments: StolenKeyTests.Thief.allCases) func aForgeryEndsWithTwo(_ thief: StolenKeyTests.Thief)
    throws
  {
    let log = try GenuineLog.shared()
    var forger = try Forger(log, thief.keys(log), .sealWithALaterKey)
    forger.modify(23)
    let result = try verify(forger.publish())
    #expect(result.status == 2)
    #expect(result.text.contains(FileNames.name(20, .seal).prefix(20)), "\(result.text)")
  }

  @Test func aNewEpochEndsWithThreeAndWithAKeptCheckpointWithTwo() throws {
    let log = try GenuineLog.shared()
    var forger = try Forger(log, log.originKey, .beginAnEpoch)
    forger.insert(Forger.epoch, at: 20)
    forger.modify(24)
    let files = try forger.publish()
    let result = try verify(files)
    #expect(result.status == 3)
    #expect(result.text.contains("no proof of absence"), "\(result.text)")
    #expect(try verify(files, ["--checkpoint", "@kept"]).status == 2)
  }

  @Test func aRollbackEndsWithTwoForWhoKeptACheckpoint() throws {
    let log = try GenuineLog.shared()
    #expect(try verify(log.files(4)).status == 0)
    let result = try verify(log.files(4), ["--checkpoint", "@kept"])
    #expect(result.status == 2)
    #expect(result.text.contains("rollback"), "\(result.text)")
  }
}
