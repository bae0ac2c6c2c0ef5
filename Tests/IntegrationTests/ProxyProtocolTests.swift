import Platform
import Testing

/// Real HAProxy in `mode tcp` between a sender and Stele, with both versions of its header.
@Suite(.serialized) struct ProxyProtocolTests {
  @Test(.needs(.haproxy, .openssl), .timeLimit(.minutes(10)))
  func theSenderBehindHAProxyIsThePeer() throws {
    let scratch = try Scratch()
    let log = try SteleLog(in: scratch)
    let certificates = try Certificates(in: scratch)
    let daemon = try Daemon(
      log,
      sources: """
          - {name: plain, listen: "tcp://127.0.0.1:0", proxy_protocol: true, allow: [127.0.0.1]}
          - name: secure
            listen: tls://127.0.0.1:0
            proxy_protocol: true
            certificate: \(certificates.file("server.crt"))
            key: \(certificates.file("server.key"))
            client_certificate: none

        """)
    let ways = [
      ("plain", "send-proxy"), ("plain", "send-proxy-v2"), ("secure", "send-proxy ssl verify none"),
      ("secure", "send-proxy-v2 ssl verify none"),
    ]
    let ports = try freePorts(ways.count)
    var text = "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 10s\n  timeout server 10s\n"
    for (port, (source, options)) in zip(ports, ways) {
      text += "listen to-\(port)\n  bind 127.0.0.1:\(port)\n"
      text += "  server stele 127.0.0.1:\(try daemon.port(source)) \(options)\n"
    }
    try scratch.write("tcp.cfg", text)
    let haproxy = try Child(
      #require(Program.haproxy.path), ["-f", scratch.file("tcp.cfg")], name: "haproxy", in: scratch)
    waitUntil("HAProxy: \(haproxy.complaints)") { ports.allSatisfy { accepts($0) } }
    for (port, (source, options)) in zip(ports, ways) {
      let client = try Socket(.stream, connectedTo: .ip(loopback, port: port))
      let own = try localPort(client)
      try client.sendAll(Array("<134>1 - - - - - - by \(options)\n".utf8))
      let query = "source.id = \(source) and source.peer_port = \(own)"
      waitUntil("the message by \(options): \(daemon.child.complaints)") {
        ((try? log.events(query)) ?? []).count == 1
      }
      #expect(try log.events(query).first?.text("source.peer_ip") == "127.0.0.1")
    }
    haproxy.stop()
    daemon.stop()
    try log.expectIntact()
  }
}
