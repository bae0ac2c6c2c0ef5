import Bytes
import Formats
import Templates
import TestSupport

extension SplitMix64 {
  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }

  mutating func chance(_ oneIn: Int) -> Bool { below(oneIn) == 0 }
}

/// Formats of all load balancers, and a syslog header around some of them.
enum SampleFormats {
  static let combined = compileNginx(
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
      + "\"$http_referer\" \"$http_user_agent\"", "nginx/combined")

  static let timed = compileNginx(
    "$remote_addr [$time_iso8601] \"$request\" $status $bytes_sent $request_time \"$http_x_forwarded_for\" "
      + "ua=\"$upstream_addr\" us=\"$upstream_status\" cs=$upstream_cache_status id=$request_id $geoip_city",
    "nginx/timed")

  static let httplog = compileHAProxy(
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs "
      + "%{+Q}r", "haproxy/httplog",
    Captures(request: ["Host", "X-Request-ID", "X-Foo"], response: ["Content-Type"]))

  static let tcplog = compileHAProxy(
    "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq", "haproxy/tcplog",
    Captures(request: [], response: []))

  static let envoy = compileEnvoy(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% "
      + "%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% "
      + "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" "
      + "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" \"%DOWNSTREAM_REMOTE_ADDRESS%\"\n",
    "envoy/default")

  /// Everything under `+X`, and text with backslashes, in JSON and in CBOR.
  static let encoded =
    compileHAProxy(
      "hex %{+X}ci:%{+X}cp %{+X}rt %{+X}ms %{+X}Ts %{+Q,+E}HU %{+E}[req.hdr(User-Agent)]", "haproxy:hex",
      Captures())
    + compileHAProxy(
      "%{+json}o %(ip)ci %(port)cp %(status)ST %(time)Ta %(path)HP %(agent)[req.hdr(User-Agent)] %(x)[var(txn.x)]",
      "haproxy:json", Captures())
    + compileHAProxy(
      "%{+cbor}o %(ip)ci %(port)cp %(status)ST %(time)Ta %(path)HP %(agent)[req.hdr(User-Agent)]",
      "haproxy:cbor",
      Captures())

  /// An RFC 3164 header whose message may have the HAProxy formats.
  static let syslog = Template(
    name: "rfc3164",
    literals: ["<", ">", " ", " ", "[", "]: ", ""].map { Array($0.utf8) },
    slots: [
      Slot("syslog.pri", .integer, syntax: .priority), Slot("syslog.time", .syslogTime, syntax: .time),
      Slot("syslog.host", .text, syntax: .host), Slot("syslog.app", .text, syntax: .tag),
      Slot("syslog.procid", .integer, syntax: .number),
      Slot("message", .text, syntax: .any, alternatives: httplog + tcplog),
    ])

  /// What one source tries: all of them.
  static let all =
    combined + timed + httplog + tcplog + envoy + [syslog] + encoded + HAProxyMessages.templates

  private static func compileNginx(_ format: String, _ name: String) -> [Template] {
    do { return try NginxFormat.compile(format, name: name) } catch { preconditionFailure("\(error)") }
  }

  private static func compileHAProxy(_ format: String, _ name: String, _ captures: Captures) -> [Template] {
    do {
      return try HAProxyFormat.compile(format, name: name, captures: captures)
    } catch { preconditionFailure("\(error)") }
  }

  private static func compileEnvoy(_ format: String, _ name: String) -> [Template] {
    do { return try EnvoyFormat.compile(format, name: name) } catch { preconditionFailure("\(error)") }
  }
}

/// Makes lines of a format, values of all kinds in its slots: common ones, odd ones, and none.
struct LineMaker {
  var random: SplitMix64

  static let addresses = [
    "192.0.2.1", "192.0.2.77", "198.51.100.4", "203.0.113.9", "203.0.113.200", "10.0.0.1", "2001:db8::1",
    "2001:db8:0:1::7", "fe80::1", "::ffff:192.0.2.1", "2001:DB8::1", "010.0.0.1", "unix:", "-",
    "unix", "999.1.1.1", "::ffff:c000:201",
  ]
  static let targets = [
    "/", "/index.html", "/api/v1/orders?id=17", "/api/v1/orders?id=18&full=1", "/static/app.js",
    "http://www.example.com/a/b?q=1", "*", "/search?", "/very/long/path/with/many/parts.php?x=y", "-",
    "/caf\u{e9}?n=1",
  ]
  static let words = [
    "-", "", "alpha", "beta", "be_app", "fe_https~", "fe_http", "srv01", "srv02", "<NOSRV>",
    "www.example.com",
    "HIT", "MISS", "text/html", "9b2e0c6a-6a3f-4f2e-9d58-0d3c5b1f7a11", "0123456789abcdef",
    "00112233445566778899aabbccddeeff", "17", "Mozilla/5.0 (X11)", "a b", "caf\u{e9}", "x\"y", "Berlin",
    "x#22y", "x#41y", "<BADREQ>", "is DOWN",
  ]
  static let lists = [
    "-", "10.0.0.1:80", "10.0.0.1:80, 10.0.0.2:80", "10.0.0.1:80 : 10.0.0.3:8080", "502, 200", "200",
    "203.0.113.7, 198.51.100.4",
  ]

  mutating func line(_ template: Template) -> [UInt8] {
    var out = template.literals[0]
    for (place, slot) in template.slots.enumerated() {
      out += value(slot)
      out += template.literals[place + 1]
    }
    return out
  }

  /// A line of one of `formats`, now and then damaged.
  mutating func line(of formats: [Template]) -> [UInt8] {
    var line = line(random.pick(formats))
    if random.chance(40) { line.removeLast(random.below(line.count)) }
    if random.chance(60) { line = Array("no format has this \(random.below(5))".utf8) }
    return line
  }

  private mutating func value(_ slot: Slot) -> [UInt8] {
    if !slot.alternatives.isEmpty {
      if slot.name == "http.request", random.chance(4) {
        return Array(
          random.pick(["<BADREQ>", "GET /cut", "GET / HTTP/2.0", "-", "GET /a b HTTP/1.1", ""]).utf8)
      }
      if random.chance(12) { return Array(random.pick(Self.words).utf8) }
      return line(random.pick(slot.alternatives))
    }
    return Array(text(slot).utf8)
  }

  private mutating func text(_ slot: Slot) -> String {
    switch slot.name {
    case "http.method": return random.pick(["GET", "POST", "HEAD", "-"])
    case "url.target": return random.pick(Self.targets)
    case "http.version": return random.pick(["1.0", "1.1", "2.0", "HTTP/1.1", "3"])
    case "term.raw":
      return random.pick(["----", "--", "sH--", "cD--", "SC--", "PR--", "LR", "--VN", "UF,URX", "UT", "-"])
    case "upstream.addr", "upstream.status", "forwarded_for": return random.pick(Self.lists)
    default: break
    }
    switch slot.column {
    case .text where slot.syntax == .cbor:
      return random.pick([
        "F6", "18C8", "01", "26", "6161", "7F613C6162FF", "F5", "6D2F6123323262", "9F01FF",
        "6A3139322E302E322E31",
      ])
    case .text where slot.syntax == .phrase:
      return random.pick([
        "is DOWN", "is UP", "is stopping", "is UP/READY", "enters drain state", "stopped", "is a teapot",
      ])
    case .text where slot.name == "lb.capacity":
      return random.pick([
        "1 active and 0 backup servers left. 0 sessions active, 0 requeued, 0 remaining in queue", "?",
      ])
    case .address: return random.pick(Self.addresses)
    case .integer: return number()
    case .plusInteger: return (random.chance(8) ? "+" : "") + number()
    case .decimal: return random.pick(["0.000", "0.123", "1.5", "12.250", "3", "-", "0.0000015"])
    case .status:
      return random.pick(["200", "204", "301", "404", "499", "500", "503", "000", "0", "-1", "-"])
    case .clfTime: return clfTime()
    case .isoTime: return isoTime()
    case .hexInteger: return random.pick(["00D8", "D6D8", "1F90A", "1B", "-", "0", "007b"])
    case .hexAddress:
      return random.pick([
        "C0000201", "0A000001", "20010DB8000000000000000000000001", "-", "c0000201", "unix",
      ])
    case .syslogTime where random.chance(5):
      return random.pick([
        "Jan 1 2026 00:00:07", "Jan 2 00:00:09", "Jan  1 00:00:08.25", "Jan  1 00:00:07 2026",
        "Dec 31 23:59:60",
      ])
    case .syslogTime: return "Jan \(random.pick([" 1", " 2", "11", "01"])) 00:\(two(60)):\(two(60))"
    case .text, .identifier:
      return random.chance(4)
        ? Self.hexadecimal(&random, [8, 16, 32][random.below(3)]) : random.pick(Self.words)
    }
  }

  private mutating func number() -> String {
    random.pick(["0", "1", "17", "200", "1500", "-1", "-", "007", "65536", "\(random.below(100_000))"])
  }

  static func hexadecimal(_ random: inout SplitMix64, _ count: Int) -> String {
    String((0..<count).map { _ in random.pick(Array("0123456789abcdef")) })
  }

  private mutating func two(_ bound: Int) -> String {
    let number = random.below(bound)
    return number < 10 ? "0\(number)" : "\(number)"
  }

  private mutating func clfTime() -> String {
    if random.chance(30) { return "31/Feb/2026:00:00:00 +0000" }
    if random.chance(30) { return random.pick(["31/Dec/2025:23:59:60 +0000", "31/Dec/2025:23:59:60.123"]) }
    let date = "0\(1 + random.below(3))/Jan/2026:\(two(24)):\(two(60)):\(two(60))"
    return date + random.pick(["", ".\(100 + random.below(900))", " +0000", " +0200", " -0530"])
  }

  private mutating func isoTime() -> String {
    let date = "2026-01-0\(1 + random.below(3))T\(two(24)):\(two(60)):\(two(60))"
    return date
      + random.pick(["Z", ".\(100 + random.below(900))Z", "+00:00", "+02:00", ".123456789Z", "+0100", ""])
  }
}
