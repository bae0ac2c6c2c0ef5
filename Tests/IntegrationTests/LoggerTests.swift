import Foundation
import Platform
import Testing

/// logger(1) of util-linux as a sender: headers and framings that no load balancer has.
@Suite(.serialized) struct LoggerTests {
  @Test(.needs(.logger))
  func messagesArriveByEachHeaderAndFraming() throws {
    let scratch = try Scratch()
    let log = try SteleLog(in: scratch)
    let daemon = try Daemon(
      log,
      sources: """
          - {name: udp, listen: "udp://127.0.0.1:0", format: none}
          - {name: tcp, listen: "tcp://127.0.0.1:0", format: none}

        """)
    let logger = try #require(Program.logger.path)
    let texts = [
      "plain", "200 OK is no frame length", "quoted \"x\" [y] \u{e9}", String(repeating: "long ", count: 150),
    ]
    // For a stream, --octet-count frames by length (RFC 6587, 3.4.1), otherwise a line feed ends each
    // message.
    let framings: [(name: String, options: [String])] = [
      ("udp", ["-d"]), ("tcp", ["-T"]), ("tcp", ["-T", "--octet-count"]),
    ]
    var sent: [String: [String]] = [:]
    for (source, options) in framings {
      for header in ["--rfc3164", "--rfc5424"] {
        for (number, text) in texts.enumerated() {
          let message = "\(options.joined())\(header)#\(number) \(text)"
          let place = ["-n", "127.0.0.1", "-P", "\(try daemon.port(source))", "-S", "4096"]
          let finished = try run(
            logger, place + options + [header, "-t", "shop", "-p", "local5.warning", "--", message],
            in: scratch)
          #expect(finished.status == 0, "\(finished.complaints)")
          sent[source, default: []].append(message)
        }
      }
    }
    for (source, messages) in sent { daemon.waitFor(messages.count, from: source) }
    daemon.stop()
    try log.expectIntact()
    for (source, messages) in sent {
      let events = try log.events("source.id = \(source)")
      #expect(events.count == messages.count)
      for message in messages {
        let found = events.filter { $0.text("message") == message }
        #expect(found.count == 1, "\(source): \(message.prefix(60))")
        #expect(found.first?.number("syslog.pri") == 21 * 8 + 4)
        #expect(found.first?.text("syslog.app") == "shop")
      }
      // Framing is not part of a message; everything else is.
      for line in try log.lines("source.id = \(source)") {
        #expect(String(decoding: line, as: UTF8.self).hasPrefix("<172>"))
      }
    }
  }
}
