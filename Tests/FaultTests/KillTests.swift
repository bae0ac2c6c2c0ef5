import Foundation
import Glibc
import TestSupport
import Testing

/// kill -9 under full load, at random moments, again and again on one log.
@Suite struct KillTests {
  private static let kills = 50

  @Test func nothingDurableIsLostAndNothingLooksLikeTampering() throws {
    let directory = try TemporaryDirectory()
    let log = directory.file("log")
    let made = try Program.run(Program.stele, ["init", log, "--origin", "test.example/kill"])
    try #require(made.status == 0, "\(made.errors)")
    var generator = SystemRandomNumberGenerator()
    var number = 0
    var durableBefore = 0
    var entriesBefore = 0
    for round in 0..<Self.kills {
      let daemon = try Program(
        Program.stele,
        [
          "serve", "--log", log, "--listen", "tcp://127.0.0.1:0", "--format", "nginx/combined",
          "--status-json",
        ])
      guard let port = Self.port(of: daemon) else {
        Issue.record("round \(round): \(daemon.errors)")
        return
      }
      let socket = try #require(LoopbackSocket.connect(port))
      let delay = Double.random(in: 0.05...0.6, using: &generator)
      // However slow the machine is, some rounds store something.
      let least = round % 10 == 0 ? entriesBefore + 1_000 : 0
      let start = Date()
      while Date().timeIntervalSince(start) < delay || (Self.durable(daemon) ?? 0) < least {
        guard Self.send(socket, from: &number), Date().timeIntervalSince(start) < 60 else { break }
        usleep(5_000)
      }
      let durable = Self.durable(daemon) ?? durableBefore
      daemon.signal(SIGKILL)
      daemon.wait()
      close(socket)
      #expect(durable >= durableBefore, "round \(round)")
      let verified = try Program.run(Program.stele, ["verify", log, "--json"])
      #expect(
        verified.status == 0, "round \(round), killed after \(delay) s: \(verified.text)\(verified.errors)")
      let entries = Self.integer("entries", in: verified.text) ?? 0
      #expect(entries >= durable, "round \(round): \(durable) entries were durable, \(entries) are here")
      durableBefore = durable
      entriesBefore = entries
      // What was not durable may be sent again; the numbers only ever rise within the log.
    }
    let sealed = try Program.run(Program.stele, ["seal", log])
    #expect(sealed.status == 0, "\(sealed.errors)")
    let verified = try Program.run(Program.stele, ["verify", log])
    #expect(verified.status == 0, "\(verified.text)")
    try checkNumbers(log)
  }

  /// Each round's messages are a run without a gap, so that only the end of a round can be missing.
  private func checkNumbers(_ log: String) throws {
    let found = try Program.run(Program.stele, ["search", log, "--output", "raw"])
    #expect(found.status == 0, "\(found.errors)")
    var previous = -1
    var gaps = 0
    for line in found.text.split(separator: "\n") {
      guard let field = line.split(separator: " ").first(where: { $0.hasPrefix("/n/") }),
        let number = Int(field.dropFirst(3))
      else { continue }
      #expect(number > previous)
      if number != previous + 1 { gaps += 1 }
      previous = number
    }
    #expect(previous > 1_000)
    #expect(gaps <= Self.kills, "\(gaps) gaps, but only \(Self.kills) kills")
  }

  // MARK: The daemon's output

  private static func port(of daemon: Program) -> UInt16? {
    var port: UInt16?
    _ = daemon.wait(20) { daemon in
      guard let mark = daemon.errors.range(of: "tcp://127.0.0.1:") else { return false }
      let digits = daemon.errors[mark.upperBound...].prefix { $0.isNumber }
      port = UInt16(digits)
      return port != nil && port != 0
    }
    return port
  }

  private static func durable(_ daemon: Program) -> Int? {
    let text = String(decoding: daemon.output, as: UTF8.self)
    guard
      let line = text.split(separator: "\n", omittingEmptySubsequences: true).last(where: {
        $0.hasSuffix("}")
      })
    else { return nil }
    return integer("durable", in: String(line))
  }

  private static func integer(_ key: String, in json: String) -> Int? {
    guard let mark = json.range(of: "\"\(key)\":") else { return nil }
    return Int(json[mark.upperBound...].drop { $0 == " " }.prefix { $0.isNumber })
  }

  // MARK: The load

  /// Sends some hundred messages; false when the daemon has gone.
  private static func send(_ socket: Int32, from number: inout Int) -> Bool {
    var text = ""
    for _ in 0..<300 {
      let line =
        "<134>Nov 23 08:00:00 lb nginx: 203.0.113.9 - - [23/Nov/2026:08:00:00 +0000] \"GET /n/\(number) HTTP/1.1\" 200 5 \"-\" \"-\""
      text += line + "\n"
      number += 1
    }
    return LoopbackSocket.send(socket, text)
  }
}
