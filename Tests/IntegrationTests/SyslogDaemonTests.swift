import Foundation
import Platform
import Testing

/// The syslog daemons of Linux between a program on the same host and Stele: what they forward by each transport, in
/// each framing and header, arrives once and is read.
@Suite(.serialized) struct SyslogDaemonTests {
  /// A way from the daemon to Stele: the source there, how its frames end, and what the daemon's file says of it.
  private struct Way {
    var source: String
    var frame: String
    var action: (UInt16) -> String
  }

  private static let texts = [
    "plain", "200 OK \"x\" [y] \u{e9} \\", "[1] a: b", String(repeating: "long ", count: 150) + "end",
  ]

  /// A message as syslog(3) writes it, and one of RFC 5424, of each text.
  private static let messages = texts.flatMap { text in
    [
      "<172>Nov 23 21:35:25 shop[4711]: \(text)",
      "<172>1 2026-11-23T21:35:25.123456+00:00 edge-1 shop 4711 ID1 - \(text)",
    ]
  }

  private let scratch: Scratch
  private let certificates: Certificates
  private let log: SteleLog

  init() throws {
    scratch = try Scratch()
    certificates = try Certificates(in: scratch)
    log = try SteleLog(in: scratch)
  }

  /// Gives all messages to the socket `in.sock` that `program` makes, and looks at what Stele stores.
  private func forward(_ ways: [Way], by start: (Daemon) throws -> Child) throws {
    let daemon = try Daemon(
      log,
      sources: """
          - {name: udp, listen: "udp://127.0.0.1:0", format: none}
          - {name: counted, listen: "tcp://127.0.0.1:0", format: none}
          - {name: lines, listen: "tcp://127.0.0.1:0", format: none}
          - {name: unix, listen: "unix-stream://\(scratch.file("out.sock"))", format: none}
          - name: tls
            listen: tls://127.0.0.1:0
            format: none
            certificate: \(certificates.file("server.crt"))
            key: \(certificates.file("server.key"))
            client_ca: \(certificates.file("ca.crt"))
            clients: [{san: edge-1.example.com, hosts: [edge-1]}]

        """)
    let program = try start(daemon)
    var input: Socket?
    waitUntil("\(program.name)'s socket: \(program.complaints)") {
      input = try? Socket(.datagram, connectedTo: .unix(path: scratch.file("in.sock")))
      return input != nil
    }
    for message in Self.messages { try input?.sendAll(Array(message.utf8)) }
    for way in ways { daemon.waitFor(Self.messages.count, from: way.source) }
    program.stop()
    daemon.stop()
    try log.expectIntact()
    for way in ways {
      let events = try log.events("source.id = \(way.source)")
      // What the daemon says of itself may come, too.
      let own = events.filter { $0.text("syslog.app") == "shop" }
      // rsyslog keeps the blank behind a tag's colon as the first byte of the text.
      let texts = own.map { $0.text("message") ?? "" }.map { $0.hasPrefix(" ") ? String($0.dropFirst()) : $0 }
      #expect(texts == Self.texts.flatMap { [$0, $0] }, "\(way.source)")
      for event in own {
        #expect(
          event.text("syslog.host") == "edge-1" && event.text("syslog.procid") == "4711", "\(way.source)")
        #expect(event.number("syslog.pri") == 21 * 8 + 4 && event.text("frame") == way.frame, "\(way.source)")
        #expect(event.text("truncated") == "none" && event.fields["foreign"] as? Bool != true)
        #expect((event.text("source.peer_identity") != nil) == (way.source == "tls"))
      }
    }
  }

  @Test(.needs(.rsyslogd, .openssl)) func whatRsyslogForwardsIsRead() throws {
    func action(_ transport: String, _ template: String, _ options: String = "") -> (UInt16) -> String {
      { port in
        "*.* action(type=\"omfwd\" target=\"127.0.0.1\" port=\"\(port)\" protocol=\"\(transport)\" "
          + "template=\"RSYSLOG_\(template)\" \(options))\n"
      }
    }
    let secure = [
      #"TCP_Framing="octet-counted" StreamDriver="ossl" StreamDriverMode="1" StreamDriverAuthMode="x509/name""#,
      #"StreamDriverPermittedPeers="edge-1.example.com""#,
      #"StreamDriver.CAFile="\#(certificates.file("ca.crt"))""#,
      #"StreamDriver.CertFile="\#(certificates.file("client.crt"))""#,
      #"StreamDriver.KeyFile="\#(certificates.file("client.key"))""#,
    ].joined(separator: " ")
    let ways = [
      // What came as RFC 5424 has no colon behind its tag here.
      Way(source: "udp", frame: "udp", action: action("udp", "TraditionalForwardFormat")),
      Way(
        source: "counted", frame: "octet",
        action: action("tcp", "SyslogProtocol23Format", #"TCP_Framing="octet-counted""#)),
      Way(
        source: "lines", frame: "lf",
        action: action("tcp", "TraditionalForwardFormat", #"TCP_Framing="traditional""#)),
      Way(source: "tls", frame: "octet", action: action("tcp", "ForwardFormat", secure)),
    ]
    try forward(ways) { daemon in
      var text = """
        global(workDirectory="\(scratch.path)" localHostname="edge-1")
        module(load="imuxsock" SysSock.Use="off")
        input(type="imuxsock" Socket="\(scratch.file("in.sock"))" UseSpecialParser="off" UseSysTimeStamp="off")

        """
      for way in ways { text += way.action(try daemon.port(way.source)) }
      try scratch.write("rsyslog.conf", text)
      return try Child(
        #require(Program.rsyslogd.path),
        ["-n", "-f", scratch.file("rsyslog.conf"), "-i", scratch.file("rsyslog.pid")], name: "rsyslog",
        in: scratch)
    }
  }

  @Test(.needs(.syslogNG, .openssl)) func whatSyslogNGForwardsIsRead() throws {
    func action(_ driver: String, _ options: String) -> (UInt16) -> String {
      { "\(driver)(\"127.0.0.1\" port(\($0)) \(options))" }
    }
    let secure =
      "transport(tls) tls(key-file(\"\(certificates.file("client.key"))\") "
      + "cert-file(\"\(certificates.file("client.crt"))\") ca-file(\"\(certificates.file("ca.crt"))\") "
      + "peer-verify(required-trusted))"
    let ways = [
      Way(source: "udp", frame: "udp", action: action("network", "transport(udp)")),
      Way(source: "counted", frame: "octet", action: action("syslog", "transport(tcp)")),
      Way(source: "lines", frame: "lf", action: action("network", "transport(tcp)")),
      Way(source: "unix", frame: "lf") { _ in "unix-stream(\"\(scratch.file("out.sock"))\")" },
      Way(source: "tls", frame: "octet", action: action("syslog", secure)),
    ]
    try forward(ways) { daemon in
      var text = """
        @version: 3.35
        options { time-reopen(1); keep-hostname(yes); };
        source in { unix-dgram("\(scratch.file("in.sock"))" host-override("edge-1") flags(syslog-protocol)); };

        """
      for way in ways {
        let port = way.source == "unix" ? 0 : try daemon.port(way.source)
        text += "log { source(in); destination { \(way.action(port)); }; };\n"
      }
      try scratch.write("syslog-ng.conf", text)
      let files = [("-f", "conf"), ("-R", "persist"), ("-c", "control"), ("-p", "pid")]
      return try Child(
        #require(Program.syslogNG.path),
        ["-F", "--no-caps"] + files.flatMap { [$0, scratch.file("syslog-ng.\($1)")] }, name: "syslog-ng",
        in: scratch)
    }
  }
}
