import Foundation
import Platform
import Testing

/// sent = stored + accounted, whatever happens to the daemon.
@Suite(.serialized) struct AccountingTests {
  private static let sources = """
      - {name: udp, listen: "udp://127.0.0.1:0", format: none, receive_buffer: 4KiB}
      - {name: wide, listen: "udp://127.0.0.1:0", format: none, receive_buffer: 4MiB}
      - {name: tcp, listen: "tcp://127.0.0.1:0", format: none}

    """

  private func message(_ number: Int) -> String { "<134>1 - host app - - - message \(number) of the test" }

  private func number(_ line: [UInt8]) -> Int? {
    String(decoding: line, as: UTF8.self).split(separator: " ").dropLast(3).last.flatMap { Int($0) }
  }

  private func numbers(_ log: SteleLog, _ source: String) throws -> [Int?] {
    try log.lines("source.id = \(source)").map(number)
  }

  /// What the log says was lost of a source.
  private func lost(_ log: SteleLog, _ source: String) throws -> Int {
    try log.records("loss").filter { $0.text("source") == source }.reduce(0) {
      $0 + ($1.number("count") ?? 0)
    }
  }

  /// Entries are numbered without a gap.
  private func expectGapless(_ log: SteleLog) throws {
    let indices = try log.events(entries: "all").map { $0.number("seq") }
    #expect(indices == Array(0..<indices.count))
  }

  /// A daemon that cannot keep up loses datagrams in the kernel, but never without a word.
  @Test func whatABurstLosesIsAccountedForExactly() throws {
    let scratch = try Scratch()
    let log = try SteleLog(in: scratch)
    let daemon = try Daemon(log, sources: Self.sources)
    let socket = try Socket(.datagram, connectedTo: .ip(loopback, port: daemon.port("udp")))
    var sent = 0
    for round in 0..<4 {
      daemon.child.signal(SIGSTOP)
      for _ in 0..<500 * (round + 1) {
        try socket.sendAll(Array(message(sent).utf8))
        sent += 1
      }
      daemon.child.signal(SIGCONT)
      Clock.sleep(nanoseconds: 250_000_000)
    }
    daemon.stop()
    try log.expectIntact()
    let stored = try numbers(log, "udp").compactMap(\.self)
    let lost = try lost(log, "udp")
    #expect(stored.count + lost == sent)
    #expect(lost > 0, "4 KiB hold no 500 datagrams")
    #expect(stored == stored.sorted() && Set(stored).count == stored.count)
    let account = try #require(try log.records("stopped").last?.object("sources")?.object("udp"))
    #expect(account.number("received") == stored.count)
    #expect(account.number("lost") == lost)
  }

  /// What the kernel had taken for the daemon before it was told to end is stored: datagrams and stream
  /// alike.
  @Test func terminationLosesNothingThatWasAccepted() throws {
    let scratch = try Scratch()
    let log = try SteleLog(in: scratch)
    for round in 0..<3 {
      let daemon = try Daemon(log, sources: Self.sources)
      let datagrams = try Socket(.datagram, connectedTo: .ip(loopback, port: daemon.port("wide")))
      let stream = try Socket(.stream, connectedTo: .ip(loopback, port: daemon.port("tcp")))
      // Sometimes the daemon knows the connection, sometimes it has yet to be accepted.
      if round > 0 { Clock.sleep(nanoseconds: 50_000_000) }
      daemon.child.signal(SIGSTOP)
      for number in round * 400..<(round + 1) * 400 {
        try datagrams.sendAll(Array(message(number).utf8))
        try stream.sendAll(Array("\(message(number))\n".utf8))
      }
      daemon.child.signal(SIGTERM)
      daemon.child.signal(SIGCONT)
      #expect(daemon.child.wait() == 0, "\(daemon.child.complaints)")
      try log.expectIntact()
    }
    #expect(try numbers(log, "wide") == Array(0..<1200))
    #expect(try numbers(log, "tcp") == Array(0..<1200))
    #expect(try log.records("started").count == 3)
    #expect(try log.records("stopped").count == 3)
    try expectGapless(log)
  }

  /// A sender that goes on while the daemon ends: what is stored is the beginning of what was sent, without a
  /// hole, and at least what the daemon had taken before.
  @Test(arguments: [SIGTERM, SIGKILL])
  func anEndInTheMiddleLeavesABeginning(_ signal: Int32) throws {
    let scratch = try Scratch()
    let log = try SteleLog(in: scratch)
    var firstAfter = 0
    for _ in 0..<2 {
      let daemon = try Daemon(log, commit: "20ms", sources: Self.sources)
      let stream = try Socket(.stream, connectedTo: .ip(loopback, port: daemon.port("tcp")))
      var next = firstAfter
      let deadline = Clock.monotonic() + 10_000_000_000
      var durable = 0
      var isTold = false
      while Clock.monotonic() < deadline, daemon.child.isRunning {
        // After the peer's end, sending fails sooner or later.
        guard (try? stream.sendAll(Array("\(message(next))\n".utf8))) != nil else { break }
        next += 1
        if next % 10 == 0 {
          durable = daemon.status?.number("durable") ?? 0
          if !isTold, daemon.received("tcp") > 0 {
            daemon.child.signal(signal)
            isTold = true
          }
          Clock.sleep(nanoseconds: 1_000_000)
        }
      }
      #expect(isTold)
      #expect(daemon.child.wait() == (signal == SIGTERM ? 0 : 128 + SIGKILL), "\(daemon.child.complaints)")
      let lines = try log.lines("source.id = tcp")
      // The stream may have been cut inside its last message, which is kept as it came.
      let whole = lines.compactMap { line in
        number(line).flatMap { line == Array(message($0).utf8) ? $0 : nil }
      }
      #expect(whole.count >= lines.count - 2)
      let run = whole.filter { $0 >= firstAfter }
      #expect(run == Array(firstAfter..<firstAfter + run.count))
      #expect(lines.count + 20 >= durable, "what was said to be durable is there")
      firstAfter = next + 1
    }
    // A start repairs what an abrupt end left.
    try Daemon(log, sources: Self.sources).stop()
    try log.expectIntact()
    try expectGapless(log)
  }
}
