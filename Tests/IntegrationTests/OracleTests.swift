import Bytes
import Formats
import Foundation
import Platform
import Testing

@testable import stele

/// Each load balancer logs the same requests twice, as text and as JSON, and `stele check-source` compares
/// what the two say: whatever a client sends, no field may be read otherwise than the load balancer itself
/// means it.
@Suite(.serialized) struct OracleTests {
  /// What `check-source --json` prints.
  struct Checked: Decodable {
    struct Finding: Decodable {
      var kind, id: String
      var field, text, json, note: String?
      struct Line: Decodable { var raw: String }
      var text_line, json_line: Line?
    }
    struct Count: Decodable { var compared, different: Int }
    var joined, differing, missing, text_lines, json_lines, text_lines_without_id, json_lines_without_id: Int
    var unread_text: [Int]
    var fields: [String: Count]
    var findings: [Finding]
  }

  private func check(
    _ scratch: Scratch, _ format: String, _ text: String, _ json: String = "json.log", _ flags: String...
  ) throws -> Checked {
    let run = try run(
      stelePath,
      ["check-source", "--format", format, scratch.file(text), scratch.file(json), "--json"] + flags,
      in: scratch)
    let result = try JSONDecoder().decode(Checked.self, from: Data(run.output))
    #expect(run.status == (result.differing > 0 ? 2 : result.missing > 0 ? 3 : 0))
    return result
  }

  /// Expects no finding but those that `allowed` explains. Of each field one is shown.
  private func expectNone(_ findings: [Checked.Finding], _ what: String, allowed: (Checked.Finding) -> Bool) {
    var shown: Set<String> = []
    for finding in findings where !allowed(finding) && shown.insert(finding.field ?? finding.kind).inserted {
      Issue.record(
        """
        \(what): \(finding.kind) \(finding.field ?? ""): \(finding.text ?? "") in JSON \(finding.json ?? ""); \
        \(finding.note ?? "")
        \(finding.text_line?.raw.prefix(700) ?? "")
        \(finding.json_line?.raw.prefix(900) ?? "")
        """)
    }
  }

  /// Every request that was sent stands in the JSON log exactly once: its number is there. Lines without one
  /// are those of requests that the load balancer could not read.
  private func expectEachOnce(_ scratch: Scratch, _ count: Int, bytes: Bool = false) throws {
    var found: [String: Int] = [:]
    var unknown = 0
    for line in scratch.read("json.log").split(separator: 10) {
      let members = try FlatJSON(Array(line), escapesAreBytes: bytes).members
      let texts = ["n", "request", "url.target"].compactMap { name in members.first { $0.name == name }?.value
      }
      let texts2 = texts.map { String(decoding: $0, as: UTF8.self) }
      let number =
        texts2.first.flatMap { Int($0) }
        ?? texts2.lazy.compactMap {
          $0.firstMatch(of: /\/(?:app|two|gone|denied)\/(\d+)\//).flatMap { Int($0.1) }
        }.first
      if let number { found["\(number)", default: 0] += 1 } else { unknown += 1 }
    }
    #expect(found.values.allSatisfy { $0 == 1 })
    #expect(
      found.count + unknown >= count && found.count * 10 > count * 9, "\(found.count), \(unknown), \(count)")
  }

  // MARK: Nginx

  private static let nginxText =
    #"$request_id $remote_addr:$remote_port - $remote_user [$time_iso8601] "$request" $status $body_bytes_sent "#
    + #""$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_length $request_time $bytes_sent "#
    + #"[$upstream_addr] [$upstream_status] [$upstream_response_time] "$http_cookie" $ssl_protocol $ssl_cipher "#
    + #""$ssl_client_s_dn" "$ssl_client_i_dn" $ssl_client_serial $ssl_client_verify "$host" $msec $connection "#
    + #"$connection_requests "$args" $scheme $server_addr $server_port"#

  private static let nginxIngress =
    #"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "#
    + #""$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] "#
    + "$upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"

  private static func nginxJSON(_ time: String) -> String {
    let texts: [(String, String)] = [
      ("id.request", "request_id"), ("n", "http_x_n"), ("request", "request"), ("client.ip", "remote_addr"),
      ("user", "remote_user"),
      ("http.method", "request_method"), ("url.target", "request_uri"), ("http.version", "server_protocol"),
      ("http.referrer", "http_referer"), ("user_agent", "http_user_agent"),
      ("forwarded_for", "http_x_forwarded_for"),
      ("upstream.addr", "upstream_addr"), ("upstream.status", "upstream_status"),
      ("upstream.response", "upstream_response_time"),
      ("tls.version", "ssl_protocol"), ("tls.cipher", "ssl_cipher"),
      ("tls.client.subject", "ssl_client_s_dn"),
      ("tls.client.issuer", "ssl_client_i_dn"), ("tls.client.serial", "ssl_client_serial"),
      ("tls.client.verify", "ssl_client_verify"), ("url.host", "host"), ("url.query", "args"),
      ("url.scheme", "scheme"), ("local.ip", "server_addr"), ("lb.backend", "proxy_upstream_name"),
    ]
    let numbers: [(String, String)] = [
      ("client.port", "remote_port"), ("http.status", "status"), ("bytes.body_out", "body_bytes_sent"),
      ("bytes.in", "request_length"), ("dur.active:s", "request_time"), ("bytes.out", "bytes_sent"),
      ("id.conn", "connection"), ("id.conn_req", "connection_requests"), ("local.port", "server_port"),
    ]
    let members = texts.map { "\"\($0.0)\":\"$\($0.1)\"" } + numbers.map { "\"\($0.0)\":$\($0.1)" }
    return "{\(members.joined(separator: ",")),\(time)}"
  }

  @Test(.needs(.nginx, .openssl), .timeLimit(.minutes(3))) func nginxMeansWhatStele() throws {
    let scratch = try Scratch()
    let certificates = try Certificates(in: scratch)
    let backend = try Backend()
    defer { backend.stop() }
    let ports = try freePorts(3)
    let file = try scratch.configure(
      "oracle-nginx.conf",
      [
        "WEB": "\(ports[0])", "SECURE": "\(ports[1])", "DEAD": "\(ports[2])", "BACKEND": "\(backend.port)",
        "USER": getuid() == 0 ? "user nobody nogroup;" : "", "TEXT": Self.nginxText,
        "INGRESS": Self.nginxIngress,
        "JSON": Self.nginxJSON(#""time_end:s":$msec"#),
        "SECONDS": Self.nginxJSON(#""time_end":"$time_iso8601""#),
      ])
    let nginx = try Child(
      try #require(Program.nginx.path), ["-p", scratch.path, "-c", file, "-g", "daemon off;"], name: "nginx",
      in: scratch)
    waitUntil("Nginx: \(nginx.complaints)") { accepts(ports[0]) }
    var traffic = try OracleTraffic(seed: 1, web: ports[0], secure: ports[1], certificates)
    try traffic.run(1500)
    nginx.stop(SIGQUIT)
    try expectEachOnce(scratch, traffic.sent)

    // Where Nginx could not read the request line, its variables are empty, but `$request` is the line all
    // the same.
    func isUnread(_ finding: Checked.Finding) -> Bool {
      finding.json == "nothing (empty)" && finding.json_line?.raw.contains(#""url.target":"","#) == true
    }
    for (format, file, json) in [
      ("nginx:'\(Self.nginxText)'", "text.log", "json.log"), ("nginx/ingress", "ingress.log", "seconds.log"),
    ] {
      let checked = try check(scratch, format, file, json)
      expectNone(checked.findings, file, allowed: isUnread)
      #expect(
        checked.joined >= traffic.sent && checked.unread_text.isEmpty, "\(file): \(checked.unread_text.count)"
      )
      for field in ["user_agent", "upstream.addr", "time_end", "dur.active", "http.status", "http.referrer"] {
        #expect((checked.fields[field]?.compared ?? 0) >= traffic.sent, "\(file): \(field)")
      }
      #expect((checked.fields["url.target"]?.compared ?? 0) > traffic.sent * 9 / 10)
    }
  }

  // MARK: HAProxy

  private static let haproxyText =
    "%ID %ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r "
    + "%[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc "
    + "%U %Th %Ti %Tq %Td %Tt %Tu %rt %lc %pid %fi:%fp %bi:%bp %si:%sp [%t]"

  private static func haproxyJSON() -> String {
    let members = [
      #""id.request":"%[unique-id]""#, #""n":"%[var(txn.n),json(ascii)]""#, #""client.ip":"%[src]""#,
      #""client.port":%[src_port]"#, #""local.ip":"%[dst]""#, #""local.port":%[dst_port]"#,
      #""lb.frontend":"%f""#,
      #""lb.tls":"%[ssl_fc]""#, #""lb.backend":"%b""#, #""lb.server":"%s""#, #""time_start":"%tr""#,
      #""http.status":%ST"#, #""bytes.out":%B"#, #""bytes.in":%U"#, #""term.raw":"%tsc""#,
      #""retries":"%rc""#,
      #""conns.process":%ac"#, #""conns.frontend":%fc"#, #""conns.backend":%bc"#, #""conns.server":%sc"#,
      #""queue.server":%sq"#, #""queue.backend":%bq"#, #""dur.request:ms":%TR"#, #""dur.queue:ms":%Tw"#,
      #""dur.connect:ms":%Tc"#, #""dur.response:ms":%Tr"#, #""dur.active:ms":%Ta"#,
      #""dur.handshake:ms":%Th"#,
      #""dur.idle:ms":%Ti"#, #""dur.until_request:ms":%Tq"#, #""dur.data:ms":%Td"#, #""dur.total:ms":%Tt"#,
      #""dur.user:ms":%Tu"#, #""id.req_counter":%rt"#, #""id.log_counter":%lc"#, #""lb.pid":%pid"#,
      #""http.method":"%[capture.req.method,json(ascii)]""#,
      #""url.target":"%[capture.req.uri,json(ascii)]""#,
      #""http.req_headers.1":"%[var(txn.agent),json(ascii)]""#, #""tls.version":"%[ssl_fc_protocol]""#,
      #""tls.cipher":"%[ssl_fc_cipher]""#, #""tls.sni":"%[ssl_fc_sni,json(ascii)]""#,
      #""time_accept:s":%Ts.%ms"#,
    ]
    return "{\(members.joined(separator: ","))}"
  }

  @Test(.needs(.haproxy, .openssl), .timeLimit(.minutes(3))) func haproxyMeansWhatStele() throws {
    let scratch = try Scratch()
    let certificates = try Certificates(in: scratch)
    let backend = try Backend()
    defer { backend.stop() }
    let tee = try Receiver.start()
    let ports = try freePorts(3)
    let file = try scratch.configure(
      "oracle-haproxy.conf",
      [
        "WEB": "\(ports[0])", "SECURE": "\(ports[1])", "DEAD": "\(ports[2])", "BACKEND": "\(backend.port)",
        "TEE": "\(tee.port)", "TEXT": Self.haproxyText, "JSON": Self.haproxyJSON(),
      ])
    let haproxy = try Child(try #require(Program.haproxy.path), ["-f", file], name: "haproxy", in: scratch)
    waitUntil("HAProxy: \(haproxy.complaints)") { accepts(ports[0]) }
    var traffic = try OracleTraffic(seed: 2, web: ports[0], secure: ports[1], certificates)
    try traffic.run(1500)
    waitUntil("all lines") { tee.messages.count >= traffic.sent }
    Clock.sleep(nanoseconds: 300_000_000)
    haproxy.stop(SIGTERM)
    var text: [UInt8] = [], json: [UInt8] = []
    // HAProxy writes # for nothing but #XX, so that this mark stands where it was put.
    let mark = Array(" #JSON# ".utf8)
    for message in tee.messages {
      guard let place = message.firstRange(of: mark) else { continue }
      text += message[..<place.lowerBound] + [10]
      json += message[place.upperBound...] + [10]
    }
    try scratch.write("text.log", text)
    try scratch.write("json.log", json)
    try expectEachOnce(scratch, traffic.sent, bytes: true)
    let checked = try check(
      scratch, "haproxy:'\(Self.haproxyText)'", "text.log", "json.log", "--byte-escapes")
    expectNone(checked.findings, "HAProxy") { _ in false }
    // What is no request has no id.
    #expect(checked.text_lines_without_id == checked.json_lines_without_id)
    #expect(checked.joined + checked.text_lines_without_id >= traffic.sent && checked.unread_text.isEmpty)
    for field in ["http.req_headers.1", "client.ip", "retries", "term.raw", "url.target", "bytes.out"] {
      #expect(
        (checked.fields[field]?.compared ?? 0) > traffic.sent * 9 / 10,
        "\(field) \(checked.fields.keys.sorted())")
    }
  }

  // MARK: Envoy

  private static let envoyText =
    #"%STREAM_ID% [%START_TIME%] "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% "#
    + "%DURATION% %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_WIRE_BYTES_RECEIVED% "
    + "%DOWNSTREAM_WIRE_BYTES_SENT% %UPSTREAM_HOST% %UPSTREAM_CLUSTER% %UPSTREAM_REQUEST_ATTEMPT_COUNT% "
    + "%RESPONSE_CODE_DETAILS% %DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %CONNECTION_ID% "
    + #"%REQUEST_DURATION% %RESPONSE_DURATION% "%REQUESTED_SERVER_NAME%" "%DOWNSTREAM_PEER_SUBJECT%" "%ROUTE_NAME%""#

  private static let istio =
    #"[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% "#
    + #"%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "#
    + #""%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "#
    + #"%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "#
    + #""%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% "#
    + "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%"

  private static func envoyJSON() -> String {
    let members = [
      ("id.request", "%REQ(X-REQUEST-ID)%"), ("stream", "%STREAM_ID%"), ("time_start", "%START_TIME%"),
      ("http.method", "%REQ(:METHOD)%"), ("url.target", "%REQ(:PATH)%"), ("http.version", "%PROTOCOL%"),
      ("http.status", "%RESPONSE_CODE%"), ("term.raw", "%RESPONSE_FLAGS%"), ("dur.active:ms", "%DURATION%"),
      ("client.ip", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"), ("client.port", "%DOWNSTREAM_REMOTE_PORT%"),
      ("local.ip", "%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%"), ("local.port", "%DOWNSTREAM_LOCAL_PORT%"),
      ("bytes.in", "%DOWNSTREAM_WIRE_BYTES_RECEIVED%"), ("bytes.out", "%DOWNSTREAM_WIRE_BYTES_SENT%"),
      ("bytes.body_in", "%BYTES_RECEIVED%"), ("bytes.body_out", "%BYTES_SENT%"),
      ("lb.server", "%UPSTREAM_HOST%"),
      ("lb.backend", "%UPSTREAM_CLUSTER%"), ("term.details", "%RESPONSE_CODE_DETAILS%"),
      ("tls.version", "%DOWNSTREAM_TLS_VERSION%"), ("tls.cipher", "%DOWNSTREAM_TLS_CIPHER%"),
      ("id.conn", "%CONNECTION_ID%"), ("dur.request:ms", "%REQUEST_DURATION%"),
      ("dur.first_byte:ms", "%RESPONSE_DURATION%"), ("tls.sni", "%REQUESTED_SERVER_NAME%"),
      ("tls.client.subject", "%DOWNSTREAM_PEER_SUBJECT%"), ("lb.route", "%ROUTE_NAME%"),
      ("forwarded_for", "%REQ(X-FORWARDED-FOR)%"), ("user_agent", "%REQ(USER-AGENT)%"),
      ("url.host", "%REQ(:AUTHORITY)%"), ("dur.upstream:ms", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
      ("upstream.failure", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
      ("lb.port", "%UPSTREAM_LOCAL_PORT%"), ("term.connection", "%CONNECTION_TERMINATION_DETAILS%"),
    ]
    return members.map { #"                          "\#($0.0)": "\#($0.1)""# }.joined(separator: "\n")
  }

  /// Envoy escapes nothing: a line in which a client has put what separates values is kept whole, and no
  /// other line says anything else than the JSON.
  @Test(.needs(.envoy, .openssl), .timeLimit(.minutes(3))) func envoyMeansWhatStele() throws {
    let scratch = try Scratch()
    let certificates = try Certificates(in: scratch)
    let backend = try Backend()
    defer { backend.stop() }
    let ports = try freePorts(3)
    try scratch.write("text.format", Self.envoyText + "\n")
    try scratch.write("istio.format", Self.istio + "\n")
    let file = try scratch.configure(
      "oracle-envoy.yaml",
      [
        "WEB": "\(ports[0])", "SECURE": "\(ports[1])", "DEAD": "\(ports[2])", "BACKEND": "\(backend.port)",
        "JSON": Self.envoyJSON(),
      ])
    let envoy = try Child(
      try #require(Program.envoy.path),
      [
        "-c", file, "--disable-hot-restart", "--concurrency", "1", "--file-flush-interval-msec", "50", "-l",
        "warn",
      ],
      name: "envoy", in: scratch)
    waitUntil("Envoy: \(envoy.complaints.suffix(1_000))") { envoy.isRunning ? accepts(ports[1]) : true }
    try #require(envoy.isRunning, "\(envoy.complaints)")
    var traffic = try OracleTraffic(seed: 3, web: ports[0], secure: ports[1], certificates, wildness: 10)
    try traffic.run(1200)
    let sent = traffic.sent
    waitUntil("all lines") { scratch.read("json.log").count(where: { $0 == 10 }) >= sent }
    envoy.stop()
    try expectEachOnce(scratch, traffic.sent, bytes: true)
    try scratch.write(
      "stream.log",
      scratch.text("json.log").replacing(#""id.request""#, with: #""id""#)
        .replacing(#""stream""#, with: #""id.request""#))
    for (format, text, json) in [
      ("envoy/default", "default.log", "json.log"), ("istio/default", "istio.log", "json.log"),
      ("envoy:'\(Self.envoyText)'", "text.log", "stream.log"),
    ] {
      // In its JSON, Envoy writes bytes that are not UTF-8 as \u00XX.
      let checked = try check(scratch, format, text, json, "--byte-escapes")
      expectNone(checked.findings, text) { finding in
        finding.kind == "missing_in_text" && finding.note?.contains("does not fit") == true
      }
      #expect(checked.joined > traffic.sent / 2, "\(text): \(checked.joined)")
      #expect(checked.joined + checked.unread_text.count + checked.text_lines_without_id >= traffic.sent)
    }
  }
}
