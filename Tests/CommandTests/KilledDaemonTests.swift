import Foundation
import TestSupport
import Testing

/// A daemon that is killed under load.
@Suite struct KilledDaemonTests {
  /// What it had received and not stored is a loss of the next start, to within what one system call had just given:
  /// datagrams in the socket wait for the next daemon, and a file is read again. Of a broken connection nobody knows
  /// what was on its way.
  @Test func whatItHadNotStoredIsAccountedFor() throws {
    let sandbox = try Sandbox()
    try sandbox.makeLog()
    let run = try InterruptedRun(sandbox, kills: true)
    #expect(run.first == -SIGKILL && run.second == 0, "\(run.errors)")
    for (source, count) in run.sent {
      let account = try run.account(of: source)
      let missing = count - account.stored - account.lost
      if source != "stream" { #expect(missing >= 0 && missing <= 64, "\(source): \(missing)") }
      #expect(account.received == account.stored && account.hasNoneTwice, "\(source): \(account)")
      if source == "file" { #expect(missing == 0 && account.lost == 0) }
      if source == "datagrams" { #expect(account.lost > 0, "\(run.errors)") }
    }
    #expect(try sandbox.stele("verify", "@log").status == 0)
    let left = try FileManager.default.contentsOfDirectory(atPath: sandbox.path(""))
    #expect(!left.contains { $0.hasPrefix("stele-") || $0 == "log.unstored" }, "\(left)")
  }
}
