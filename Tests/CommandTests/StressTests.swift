import Foundation
import TestSupport
import Testing

/// Sent = stored + accounted, whatever senders and disks do.
@Suite struct StressTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeLog()
  }

  private func expectAccounted(_ daemon: DaemonProcess, _ source: String, sent: Int) throws {
    let counts = daemon.source(source)
    let received = try #require(counts["received"] as? Int)
    #expect(received + (counts["lost"] as? Int ?? 0) == sent, "\(counts)")
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey")
    #expect(verified.status == 0, "\(verified.text)")
    #expect(
      try sandbox.stele("search", "@log", "--output", "raw").text.split(separator: "\n").count == received)
    // The log's own account says the same.
    let records = try sandbox.stele("search", "@log", "--entries", "control", "--output", "raw").text
      .split(separator: "\n").compactMap { Sandbox.object($0) }
    let losses = records.filter { $0["type"] as? String == "loss" && $0["layer"] as? String == "kernel_udp" }
    #expect(losses.reduce(0) { $0 + ($1["count"] as? Int ?? 0) } == sent - received)
  }

  /// Waits until the daemon knows of so many messages: stored ones and lost ones.
  private func waitUntilAccounted(_ daemon: DaemonProcess, _ source: String, _ count: Int) -> Bool {
    daemon.program.wait(60) { _ in
      let counts = daemon.source(source)
      return (counts["received"] as? Int ?? 0) + (counts["lost"] as? Int ?? 0) >= count
    }
  }

  /// A disk that takes its time for each sync makes streams wait, and datagrams overflow into the account.
  @Test(.enabled(if: Program.find("strace") != nil, "install strace"), arguments: ["tcp", "udp"])
  func aSlowDiskLosesNothingSilently(_ scheme: String) throws {
    let lines = (0..<40_000).map { Sandbox.lines[$0 % 20].replacing("/item/", with: "/\($0)/") }
    try sandbox.write("lines", lines.joined(separator: "\n") + "\n")
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 20ms
      sources:
        - {name: slow, listen: '\(scheme)://127.0.0.1:0', format: nginx/combined}

      """)
    let strace = try #require(Program.find("strace"))
    let daemon = try DaemonProcess(
      sandbox, ["--config", "@stele.yaml"],
      under: [strace, "-D", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:delay_enter=400ms"])
    let sent = try sandbox.stele("replay", "@lines", "--to", daemon.url("slow"))
    #expect(sent.status == 0, "\(sent.errors)")
    // A datagram that follows tells how many were dropped before it.
    if scheme == "udp" {
      try sandbox.write("last", Sandbox.lines[0] + "\n")
      #expect(try sandbox.stele("replay", "@last", "--to", daemon.url("slow")).status == 0)
    }
    let count = lines.count + (scheme == "udp" ? 1 : 0)
    #expect(waitUntilAccounted(daemon, "slow", count), "\(daemon.status)")
    let ended = daemon.stop()
    #expect(ended.status == 0, "\(ended.errors)")
    try expectAccounted(daemon, "slow", sent: count)
  }

  /// Lines that fit nothing are stored as they are; memory does not grow with them.
  @Test func badLinesAreStoredAsTheyAre() throws {
    var generator = SplitMix64(5)
    var bytes: [UInt8] = []
    for _ in 0..<100_000 {
      let count = Int(generator.next() % 90)
      // Anything but line feeds and zeros, which some formats frame with.
      for _ in 0...count { bytes.append(UInt8(generator.next() % 245) + 11) }
      bytes.append(UInt8(ascii: "\n"))
    }
    try sandbox.directory.write("lines", bytes)
    let count = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true).count
    let daemon = try DaemonProcess(
      sandbox, ["--log", "@log", "--listen", "tcp://127.0.0.1:0", "--format", "auto"])
    let sent = try sandbox.stele("replay", "@lines", "--to", daemon.url("tcp-0"), "--wrap", "rfc5424")
    #expect(sent.status == 0, "\(sent.errors)")
    #expect(waitUntilAccounted(daemon, "tcp-0", count), "\(daemon.status) \(count)")
    let status = try String(contentsOfFile: "/proc/\(daemon.program.identifier)/status", encoding: .utf8)
    let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") }?.split(separator: " ")[1]
    #expect(Int(peak ?? "") ?? .max < 400_000, "kB of memory: \(peak ?? "")")
    #expect(daemon.stop().status == 0)
    #expect(daemon.source("tcp-0")["unparsed"] as? Int == count)
    let verified = try sandbox.stele("verify", "@log", "--key", "@log.vkey")
    #expect(verified.status == 0, "\(verified.text)")
  }

  /// Senders that promise long messages and send them byte by byte, or not at all, are ended in time and named;
  /// what came of their messages is stored, and others are served meanwhile.
  @Test func slowSendersAreEndedAndAccountedFor() throws {
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: 20ms
      sources:
        - name: slow
          listen: tcp://127.0.0.1:0
          format: nginx/combined
          idle_timeout: 2s

      """)
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"])
    let port = try #require(UInt16(daemon.url("slow").split(separator: ":").last ?? ""))
    let slow = try (0..<1000).map { _ in try #require(LoopbackSocket.connect(port)) }
    defer { for socket in slow { close(socket) } }
    for piece in ["6", "0", "000 ", "<", "1", "34>1 "] {
      for socket in slow { LoopbackSocket.send(socket, piece) }
    }
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n") + "\n")
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("slow")).status == 0)
    #expect(waitUntilAccounted(daemon, "slow", 1020), "\(daemon.status)")
    let status = try String(contentsOfFile: "/proc/\(daemon.program.identifier)/status", encoding: .utf8)
    let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM") }?.split(separator: " ")[1]
    #expect(Int(peak ?? "") ?? .max < 400_000, "kB of memory: \(peak ?? "")")
    let ended = daemon.stop()
    #expect(ended.status == 0 && ended.errors.contains("its idle_timeout; what came of"), "\(ended.errors)")
    let found = try sandbox.stele("search", "@log", "--output", "raw").text.split(separator: "\n")
    #expect(found.count == 1020)
    let records = try sandbox.stele("search", "@log", "--entries", "control", "--output", "raw").text
      .split(separator: "\n").compactMap { Sandbox.object($0) }
    let cut = records.filter { $0["type"] as? String == "loss" && $0["layer"] as? String == "cut" }
    #expect(cut.reduce(0) { $0 + ($1["count"] as? Int ?? 0) } == 1000)
  }

  /// Senders that come and go by the hundred, in the middle of frames too, keep nobody waiting.
  @Test func aFloodOfConnectionsKeepsNobodyWaiting() throws {
    let daemon = try DaemonProcess(
      sandbox, ["--log", "@log", "--listen", "tcp://127.0.0.1:0", "--format", "nginx/combined"])
    let port = try #require(UInt16(daemon.url("tcp-0").split(separator: ":").last ?? ""))
    var slow: [Int32] = []
    defer { for socket in slow { close(socket) } }
    for number in 0..<600 {
      let socket = try #require(LoopbackSocket.connect(port))
      LoopbackSocket.send(socket, "\(Sandbox.lines[number % 20])\n<134>1 20")
      // Every third stays, and never sends the rest.
      if number % 3 == 0 { slow.append(socket) } else { close(socket) }
    }
    try sandbox.write("lines", Sandbox.lines.joined(separator: "\n") + "\n")
    #expect(try sandbox.stele("replay", "@lines", "--to", daemon.url("tcp-0")).status == 0)
    // 600 lines, 400 pieces whose connection ended, 20 lines.
    #expect(waitUntilAccounted(daemon, "tcp-0", 1020), "\(daemon.status)")
    #expect(daemon.waitUntilDurable(1020))
    #expect(daemon.stop().status == 0)
    let found = try sandbox.stele("search", "@log", "--output", "raw").text.split(separator: "\n")
    // And the pieces of those that stayed.
    #expect(found.count == 600 + 600 + 20)
    #expect(found.filter { $0 == "<134>1 20" }.count == 600)
  }
}
