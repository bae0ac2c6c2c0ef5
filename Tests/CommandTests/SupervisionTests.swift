import Foundation
import Platform
import TestSupport
import Testing

@testable import stele

/// What systemd hears of the daemon, and hands to it. A whole systemd is in IntegrationTests.
@Suite struct SupervisionTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    #expect(try sandbox.stele("init", "@log", "--origin", "example.com/log").status == 0)
    try sandbox.write("lines", (1...20).map { "<134>line \($0)\n" }.joined())
  }

  @Test func itIsProgressWhenSomethingBecomesDurableOrNothingWaits() {
    var watch = ProgressWatch()
    let looks: [(durable: UInt64, waiting: UInt64)] = [(10, 5), (10, 5), (10, 6), (11, 6), (11, 0), (11, 1)]
    let seen = looks.map { watch.isProgress(durable: $0.durable, waiting: $0.waiting) }
    #expect(seen == [true, false, false, true, true, false])
    #expect(ServiceReport.grouped(0) == "0" && ServiceReport.grouped(999) == "999")
    #expect(ServiceReport.grouped(1_204_331) == "1,204,331" && ServiceReport.grouped(12_000) == "12,000")
  }

  /// The kernel lets no `fdatasync` return any more: nothing fails, but nothing is stored either.
  @Test func theWatchdogHearsNothingWhileTheDiskHangs() throws {
    let strace = try #require(Program.find("strace"), "install strace")
    let manager = try NotifySocket(sandbox.path("notify"))
    let traced = try Program(
      strace,
      [
        "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
        "-e", "inject=fdatasync:delay_enter=600000000:when=6+",
        Program.stele, "serve", "--log", sandbox.path("log"), "--listen", "tcp://127.0.0.1:0",
        "--status-json",
      ], environment: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "1500000"])
    defer { _ = try? Program.run("/usr/bin/pkill", ["-KILL", "-P", "\(traced.identifier)"]) }
    #expect(traced.wait(30) { $0.output.contains(UInt8(ascii: "\n")) }, "\(traced.errors)")
    let status = Sandbox.object(
      String(decoding: traced.output, as: UTF8.self).split(separator: "\n").first ?? "")
    let source = (status?["sources"] as? [String: Any])?["tcp-0"] as? [String: Any]
    let url = try #require(source?["listen"] as? String)
    var states: [Substring] = []
    // So often in a row that a ping would have been among them.
    let hangs = traced.wait(60) { _ in
      _ = try? sandbox.stele("replay", "@lines", "--to", url)
      states += manager.states()
      return states.count > 8 && states.suffix(8).allSatisfy { $0.hasSuffix("entries wait for the disk") }
    }
    #expect(hangs && states.contains("WATCHDOG=1"), "\(states)")
    // Stopping takes as long as the disk; the manager is asked not to kill what is still being stored.
    _ = try Program.run("/usr/bin/pkill", ["-TERM", "-P", "\(traced.identifier)"])
    let isPatient = traced.wait(60) { _ in
      states += manager.states()
      return states.contains("STOPPING=1") && states.contains("EXTEND_TIMEOUT_USEC=30000000")
    }
    #expect(isPatient, "\(states)")
  }

  @Test func aMessageToTheJournalHasLevelAndFields() throws {
    let receiver = try NotifySocket(sandbox.path("journal"))
    let journal = try #require(Journal(socket: receiver.name))
    let fields = DaemonLog.fields(
      "it\nbroke", priority: 2,
      ["source": "edge", "index": "7", NotableMessage.key: NotableMessage.damage.rawValue])
    #expect(journal.send(fields))
    #expect(
      receiver.states() == [
        "MESSAGE", "\u{8}\0\0\0\0\0\0\0it", "broke", "PRIORITY=2", "SYSLOG_IDENTIFIER=stele", "STELE_INDEX=7",
        "MESSAGE_ID=\(NotableMessage.damage.rawValue)", "STELE_SOURCE=edge",
      ])
    #expect(Set(NotableMessage.allCases.map(\.rawValue)).count == NotableMessage.allCases.count)
  }

  /// Python plays systemd: it opens the sockets, and runs one daemon after the other on them.
  @Test func aRestartedDaemonReadsWhatCameMeanwhile() throws {
    let script = """
      import os, signal, socket, subprocess, sys, time
      stele, log = sys.argv[1:]
      udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", 0))
      tcp = socket.socket(); tcp.bind(("127.0.0.1", 0)); tcp.listen()
      os.dup2(udp.fileno(), 3); os.dup2(tcp.fileno(), 4)
      port = udp.getsockname()[1]
      sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      def run(numbers):
        for number in numbers: sender.sendto(b"<134>line %d" % number, ("127.0.0.1", port))
        command = 'export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=x:nobody; exec "$@"'
        daemon = subprocess.Popen(["/bin/sh", "-c", command, "sh", stele, "serve", "--log", log, "--listen",
          "udp://127.0.0.1:%d" % port, "--status-json"], pass_fds=(3, 4), stdout=subprocess.PIPE)
        while b'"received":%d,' % len(numbers) not in daemon.stdout.readline(): pass
        daemon.send_signal(signal.SIGTERM)
        daemon.stdout.read()
        assert daemon.wait() == 0
      run(range(0, 50))
      run(range(50, 100))
      """
    try sandbox.write("systemd.py", script)
    let result = try Program.run(
      "/usr/bin/python3", [sandbox.path("systemd.py"), Program.stele, sandbox.path("log")])
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.split(separator: "nobody reads the stream socket").count == 3, "\(result.errors)")
    let text = try sandbox.stele("search", "@log", "--output", "raw").text
    #expect(text == (0..<100).map { "<134>line \($0)\n" }.joined())
    #expect(try sandbox.stele("verify", "@log").status == 0)
  }
}
