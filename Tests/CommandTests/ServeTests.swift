import Foundation
import TestSupport
import Testing

@Suite struct ServeTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeLog()
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n") + "\n")
  }

  private func records(_ type: String) throws -> [[String: Any]] {
    try sandbox.stele("search", "@log", "--entries", "control", "--output", "raw").text.split(separator: "\n")
      .compactMap { Sandbox.object($0) }.filter { $0["type"] as? String == type }
  }

  @Test(arguments: ["udp", "tcp", "unix", "unix-stream"], [Int32(SIGTERM), Int32(SIGINT)])
  func whatIsSentIsStoredAndTheDaemonStopsGracefully(_ scheme: String, _ signal: Int32) throws {
    let hasFile = scheme.hasPrefix("unix")
    let listen = "\(scheme)://" + (hasFile ? sandbox.path("socket") : "127.0.0.1:0")
    let daemon = try DaemonProcess(
      sandbox, ["--log", "@log", "--listen", listen, "--format", "nginx/combined"])
    let name = scheme + (hasFile ? "-socket" : "-0")
    let sent = try sandbox.stele("replay", "@lines", "--to", daemon.url(name), "--wrap", "rfc5424")
    #expect(sent.status == 0, "\(sent.errors)")
    // Two entries of the start, one of the log's creation.
    #expect(daemon.waitUntilDurable(20 + 3), "\(daemon.status)\(daemon.program.errors)")
    let ended = daemon.stop(signal)
    #expect(ended.status == 0, "\(ended.errors)")
    #expect(daemon.source(name)["received"] as? Int == 20)
    #expect(daemon.source(name)["unparsed"] as? Int == 0)
    // And one for each checkpoint, of which there are as many as it took seconds.
    let size = daemon.status["durable"] as? Int ?? 0
    #expect(size >= 26 && daemon.status["checkpoint"] as? Int == size, "\(daemon.status)")
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey", "--json")
    #expect(verified.status == 0)
    #expect(Sandbox.object(verified.text)?["sealed_segments"] as? Int == 2)
    let found = try sandbox.stele("search", "@log", "--output", "raw").text.split(separator: "\n")
    #expect(found.count == 20)
    for (line, original) in zip(found, Sandbox.lines) {
      #expect(line.hasPrefix("<134>1 20") && line.hasSuffix(" stele - - - \(original)"))
    }
    #expect(
      try sandbox.stele("search", "@log", "http.status = 503 and client.ip = 192.0.2.5").text.contains(
        "/item/5"))
    #expect(!FileManager.default.fileExists(atPath: sandbox.path("socket")))
  }

  @Test func theLogSaysWhatWasCollectedFromWhere() throws {
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 20ms
      sources:
        - name: edge "1"
          listen: udp://127.0.0.1:0
          format: nginx/combined
          timezone: Europe/Paris
        - {name: other, listen: 'tcp://127.0.0.1:0', format: none}

      """.replacing("edge \"1\"", with: "'edge\"1\"'"))
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    let name = "edge\"1\""
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url(name)).status == 0)
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("other")).status == 0)
    #expect(daemon.waitUntilDurable(44))
    let url = daemon.url(name)
    #expect(daemon.stop().status == 0)
    #expect(try records("started").count == 1)
    let sources = try records("source")
    #expect(sources.map { $0["name"] as? String } == [name, "other"])
    #expect(sources.first?["id"] as? Int == 1 && sources.first?["timezone"] as? String == "Europe/Paris")
    #expect(
      sources.first?["listen"] as? String == url && sources.first?["format"] as? String == "nginx/combined")
    let stopped = try #require(try records("stopped").first?["sources"] as? [String: [String: Any]])
    #expect(stopped[name]?["received"] as? Int == 20 && stopped[name]?["lost"] as? Int == 0)
    #expect(stopped["other"]?["received"] as? Int == 20 && stopped["other"]?["unparsed"] as? Int == 20)
  }

  @Test func messagesInFlightAtTheStopAreStored() throws {
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "udp://127.0.0.1:0"])
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("udp-0")).status == 0)
    let ended = daemon.stop()
    #expect(ended.status == 0, "\(ended.errors)")
    let received = daemon.source("udp-0")["received"] as? Int
    let lost = daemon.source("udp-0")["lost"] as? Int
    #expect((received ?? 0) + (lost ?? 0) == 20)
    #expect(
      try sandbox.stele("search", "@log", "--output", "raw").text.split(separator: "\n").count == received)
  }

  @Test func whatTheKernelDropsIsAccountedForInTheLog() throws {
    try sandbox.write(
      "stele.yaml",
      "log: {directory: log}\nsources: [{name: a, listen: 'udp://127.0.0.1:0', receive_buffer: 4KiB}]\n")
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    let count = 2000
    try sandbox.write("many", String(repeating: Sandbox.lines[0] + "\n", count: count))
    daemon.program.signal(SIGSTOP)
    let sent = try sandbox.stele("replay", "@many", "--to", daemon.url("a"))
    daemon.program.signal(SIGCONT)
    #expect(sent.status == 0, "\(sent.errors)")
    #expect(daemon.stop().status == 0)
    let received = daemon.source("a")["received"] as? Int ?? 0, lost = daemon.source("a")["lost"] as? Int ?? 0
    #expect(lost > 0 && received > 0 && received + lost == count, "\(received) + \(lost)")
    let losses = try records("loss")
    #expect(losses.compactMap { $0["count"] as? Int }.reduce(0, +) == lost, "\(losses)")
    #expect(losses.allSatisfy { $0["source"] as? String == "a" && $0["layer"] as? String == "kernel_udp" })
    #expect(losses.allSatisfy { ($0["from"] as? String ?? "") <= ($0["to"] as? String ?? "") })
    let stopped = try #require(try records("stopped").first?["sources"] as? [String: [String: Any]])
    #expect(stopped["a"]?["lost"] as? Int == lost && stopped["a"]?["received"] as? Int == received)
    let found = try sandbox.stele("search", "@log", "--output", "raw").text.split(separator: "\n")
    #expect(found.count == received)
    let verified = try sandbox.stele("verify", "@log", "--json")
    #expect((Sandbox.object(verified.text)?["losses"] as? [String: Int])?["a"] == lost)
  }

  @Test func aLogHasOneWriter() throws {
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "udp://127.0.0.1:0"])
    let second = try sandbox.stele("serve", "--log", "@log", "--listen", "udp://127.0.0.1:0")
    #expect(second.status == 1 && second.errors.contains("another process is writing to this log"))
    #expect(try sandbox.stele("replay", "@lines", "--into", "@log").status == 1)
    // Readers are not disturbed.
    #expect(try sandbox.stele("verify", "@log").status == 0)
    #expect(try sandbox.stele("search", "@log").status == 0)
    #expect(daemon.stop().status == 0)
  }

  @Test func aKilledDaemonLeavesALogThatSealRepairs() throws {
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "tcp://127.0.0.1:0"])
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("tcp-0")).status == 0)
    #expect(daemon.waitUntilDurable(23))
    daemon.program.signal(SIGKILL)
    _ = daemon.program.wait()
    #expect(try sandbox.stele("verify", "@log", "--key", "@log.vkey").status == 0)
    let sealed = try sandbox.stele("seal", "@log", "--json")
    #expect(sealed.status == 0, "\(sealed.errors)")
    #expect(Sandbox.object(sealed.text)?["unfinished_segments"] as? Int == 1)
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey", "--json")
    #expect(Sandbox.object(verified.text)?["sealed_segments"] as? Int == 2)
    #expect(try sandbox.stele("search", "@log", "--output", "raw").text.split(separator: "\n").count == 20)
  }

  @Test func hangUpsAreIgnored() throws {
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "udp://127.0.0.1:0"])
    daemon.program.signal(SIGHUP)
    daemon.program.signal(SIGPIPE)
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("udp-0")).status == 0)
    #expect(daemon.waitUntilDurable(23))
    #expect(daemon.stop().status == 0)
  }

  @Test func aDaemonThatCannotWriteSaysSoAndEndsWith74() throws {
    let strace = try #require(Program.find("strace"), "install strace")
    let daemon = try Program(
      strace,
      [
        "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=3+",
        Program.stele, "serve", "--log", sandbox.path("log"), "--listen", "tcp://127.0.0.1:0",
        "--status-json",
      ])
    #expect(daemon.wait(30) { $0.output.contains(UInt8(ascii: "\n")) }, "\(daemon.errors)")
    let status = Sandbox.object(
      String(decoding: daemon.output, as: UTF8.self).split(separator: "\n").first ?? "")
    let source = (status?["sources"] as? [String: Any])?["tcp-0"] as? [String: Any]
    let url = try #require(source?["listen"] as? String)
    for _ in 0..<10 where daemon.isRunning {
      _ = try sandbox.stele("replay", "@lines", "--to", url)
      usleep(300_000)
    }
    let ended = daemon.wait()
    #expect(ended.status == 74, "\(ended.status)\(ended.errors)")
    #expect(ended.errors.split(separator: "Input/output error").count == 2, "\(ended.errors)")
    #expect(ended.errors.contains("stopped: nothing from entry"), "\(ended.errors)")
    #expect(try sandbox.stele("verify", "@log", "--key", "@log.vkey").status == 0)
  }

  // MARK: The service manager

  @Test(arguments: [false, true]) func theServiceManagerIsTold(_ isAbstract: Bool) throws {
    let manager = try NotifySocket(
      isAbstract ? "@stele-test-\(getpid())-\(UInt32.random(in: 0 ... .max))" : sandbox.path("notify"))
    let daemon = try DaemonProcess(
      sandbox, ["--log", "@log", "--listen", "udp://127.0.0.1:0"],
      environment: ["NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "60000000", "JOURNAL_STREAM": "1:2"])
    let ended = daemon.stop()
    #expect(ended.status == 0)
    let lines = manager.states()
    // The watchdog is fed to the end.
    let told = lines.filter { $0 != "WATCHDOG=1" && !$0.hasPrefix("STATUS=") }
    #expect(lines.first == "READY=1" && told == ["READY=1", "STOPPING=1"], "\(lines)")
    #expect(lines.contains("WATCHDOG=1"), "\(lines)")
    #expect(
      lines.contains { $0.hasPrefix("STATUS=1 source, ") && $0.hasSuffix(" entries durable, 0/s") },
      "\(lines)")
    // Standard error is not the stream that the variable names: no lines for the journal.
    #expect(!ended.errors.contains("<6>"), "\(ended.errors)")
  }
}
