import Foundation
import TestSupport
import Testing

@Suite struct TopTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeLog()
  }

  /// A line of HAProxy. What counts is when it is received.
  private static func line(_ number: Int, status: Int, server: String, response: Int) -> String {
    "192.0.2.\(number):33317 [06/Feb/2009:12:14:14.655] http-in app/\(server) 1/0/2/\(response)/"
      + "\(response + 9) \(status) 2750 - - ---- 1/1/1/1/0 0/0 \"GET /item HTTP/1.1\""
  }

  /// The line of the frame that begins with a word.
  private static func row(_ frame: String, _ word: String) -> [String] {
    let line = frame.split(separator: "\n").first { $0.hasPrefix(word) } ?? ""
    return line.split(whereSeparator: \.isWhitespace).map(String.init)
  }

  @Test func aFrameShowsSourcesStatusesAndTheSlowestServers() throws {
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 20ms
      sources: [{name: edge, listen: 'udp://127.0.0.1:0', format: haproxy/httplog}]
      http: {listen: '127.0.0.1:0'}

      """)
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    var lines = (0..<30).map {
      Self.line($0, status: $0 < 5 ? 503 : 200, server: "slow", response: 100 + $0 * 10)
    }
    lines += (0..<10).map { Self.line($0, status: 404, server: "quick", response: 3) } + ["nonsense"]
    try sandbox.write("lines", lines.joined(separator: "\n") + "\n")
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("edge")).status == 0)
    let isCovered = daemon.program.wait(30) { _ in
      (daemon.source("edge")["stored"] as? Int) == 41 && (daemon.status["checkpoint"] as? Int ?? 0) > 41
    }
    #expect(isCovered)
    let frame = try sandbox.stele("top", "@log", "--once")
    #expect(frame.status == 0, "\(frame.errors)")
    #expect(!frame.text.contains("\u{1B}") && frame.text.contains("   ready   durable "))
    let edge = Self.row(frame.text, "edge")
    #expect(
      Array(edge.dropFirst(2)) == ["41", "41", "0", "2.4", "%", "0", "haproxy/httplog"], "\(frame.text)")
    #expect(frame.text.contains("2xx 25 (2.5/s)   3xx 0 (0.0/s)   4xx 10 (1.0/s)   5xx 5 (0.5/s)   other 1"))
    #expect(
      Self.row(frame.text, "app/slow") == ["app/slow", "30", "5", "250", "ms", "380", "ms", "390", "ms"])
    #expect(
      Self.row(frame.text, "app/quick") == ["app/quick", "10", "0", "3.0", "ms", "3.0", "ms", "3.0", "ms"])
    let order = frame.text.range(of: "app/slow").flatMap { slow in
      frame.text.range(of: "app/quick").map { slow.lowerBound < $0.lowerBound }
    }
    #expect(order == true)
    let words = daemon.program.errors.split(whereSeparator: \.isWhitespace).map(String.init)
    let url = try #require(words.first { $0.hasPrefix("http://") }).replacing("/metrics", with: "")
    let remote = try sandbox.stele("top", "--url", url, "--once")
    let row = Self.row(remote.text, "edge")
    #expect(Array(row.dropFirst(2)) == Array(edge.dropFirst(2)), "\(remote.text)\(remote.errors)")
    #expect(!remote.text.contains("SLOWEST"))
    #expect(daemon.stop().status == 0)
    let alone = try sandbox.stele("top", "@log", "--once")
    #expect(alone.status == 0 && alone.text.contains("no daemon runs here"), "\(alone.errors)")
    #expect(Self.row(alone.text, "app/slow").count == 9)
  }

  /// On a terminal: drawn on the alternate screen, which is left again, by q and by a signal.
  @Test(arguments: ["q", "SIGTERM"]) func theTerminalIsGivenBack(_ end: String) throws {
    let script = """
      import fcntl, os, pty, select, signal, struct, sys, termios, time
      pid, fd = pty.fork()
      if pid == 0:
          fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 40, 0, 0))
          os.execv(sys.argv[1], [sys.argv[1], "top", sys.argv[2]])
      seen, asked, deadline = b"", False, time.time() + 60
      while time.time() < deadline:
          if select.select([fd], [], [], 0.2)[0]:
              try: piece = os.read(fd, 65536)
              except OSError: break
              if not piece: break
              seen += piece
          if not asked and b"no daemon runs here" in seen:
              asked = True
              os.write(fd, b"q") if sys.argv[3] == "q" else os.kill(pid, signal.SIGTERM)
      status = os.waitpid(pid, 0)[1]
      assert status == 0, status
      assert seen.startswith(b"\\x1b[?1049h") and seen.endswith(b"\\x1b[?25h\\x1b[?1049l"), seen
      frame = seen.split(b"\\x1b[H")[-1].split(b"\\x1b[J")[0].replace(b"\\x1b[K", b"")
      assert all(len(line.decode()) <= 40 for line in frame.split(b"\\r\\n")), frame
      print("done")
      """
    let python = try #require(Program.find("python3"))
    let result = try Program.run(python, ["-c", script, Program.stele, sandbox.path("log"), end])
    #expect(result.text == "done\n", "\(result.errors)")
  }

  @Test func whatCannotBeShownIsSaid() throws {
    #expect(try sandbox.stele("top").status == 64)
    let piped = try sandbox.stele("top", "@log")
    #expect(piped.status == 64 && piped.errors.contains("--once"))
    #expect(try sandbox.stele("top", "@none", "--once").status == 66)
    let refused = try sandbox.stele("top", "--url", "http://127.0.0.1:1", "--once")
    #expect(refused.status != 0 && refused.errors.hasPrefix("stele: "), "\(refused.errors)")
  }
}
