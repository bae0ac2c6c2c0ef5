import Formats
import Templates

/// Lines as load balancers and their senders write them.
enum SampleLines {
  static let bodies: [[UInt8]] =
    [
      #"192.0.2.1 - alice [24/Mar/2026:10:03:58 +0000] "GET /a/b?x=17 HTTP/1.1" 200 148 "-" "curl/8.5.0""#,
      #"2001:db8::7 - - [01/Jan/2026:00:00:00 -0530] "\x16\x03\x01" 400 0 "-" "-" "203.0.113.7, 10.0.0.1""#,
      #"127.0.0.1:55662 [23/Nov/2026:05:06:15.990] http-in~ app/srv1 0/0/1/23/24 200 312 - - ---- "#
        + #"1/1/0/0/0 0/0 {www.example.com|curl} {text/html} "GET /index.html HTTP/1.1""#,
      #"127.0.0.1:55662 [23/Nov/2026:05:06:15.990] http-in http-in/<NOSRV> -1/-1/-1/-1/+5 400 0 - - PR-- "#
        + #"1/1/0/0/+3 0/0 "<BADREQ>""#,
      "unix:1 [08/Mar/2026:10:11:12.345] tcp-in db/pg1 1/0/5007 2948 cD 3/2/1/1/0 0/0",
      #"192.0.2.1 - - [24/Mar/2026:10:03:58 +0000] "GET /x HTTP/1.1" 200 148 "" "" 37042 345 "fe" "be" "s1" "#
        + #"0 0 1 2 3 ---- 1 1 0 0 0 0 0 "" "" "#,
      #"[2026-04-15T20:17:00.310Z] "GET /status/418 HTTP/1.1" 418 UF,DC 0 135 4 3 "-" "curl/7.88" "#
        + #""84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80""#,
      #"[2026-04-15T20:17:00.310Z] "- - -" 0 UH via_upstream - "-" 0 0 0 - "-" "-" "-" "-" "-" - - "#
        + "10.44.1.23:80 10.44.1.1:2 sni default",
      #"10.0.0.9 - - [01/Jan/2026:00:00:00 +0000] "GET /a HTTP/1.1" 200 13 "-" "curl/8" 78 0.102 "#
        + "[web-80] [] 10.244.0.5:8080, [2001:db8::5]:8080 : 10.244.0.6:8080 0, 0 : 13 0.100, 0.001 : 0.001 "
        + "502, - : 200 0123456789abcdef0123456789abcdef",
      "Connect from 192.0.2.1:33317 to 192.0.2.2:80 (http-in/HTTP)",
      "192.0.2.1:33317 [08/Mar/2026:10:11:12.345] https/1: SSL handshake failure",
    ].map { Array(($0 as String).utf8) }

  static let headers: [[UInt8]] =
    [
      "<134>1 2026-11-23T05:06:15.990678+00:00 lb1 haproxy 7332 - - ",
      "<134>1 - - - - - - ", "<134>1 2026-01-01T00:00:00Z lb1 app 1 ID7 [a@1 k=\"v \\\" ]\"][b@1] \u{FEFF}",
      "<190>Nov 23 08:03:58 lb1 nginx: ", "<190>Jan  1 00:00:01 lb-1.example haproxy[42]: ",
      "<134>Jan 01 00:00:01 haproxy[42]: ", "<190>2026-01-01T00:00:00.5+02:00 2001:db8::1 haproxy[42]: ",
      "2026-01-01T00:00:00.123456789-00:30 ", "<6>", "",
    ].map { Array(($0 as String).utf8) }

  static let withHeaders: [[UInt8]] = headers.enumerated().flatMap { place, header in
    let one: [UInt8] = header + bodies[place % 4]
    let two: [UInt8] = header + bodies[(place + 2) % 4]
    return [one, two + [0x0A] + header, header]
  }

  static let formats: [[UInt8]] =
    [
      #"nginx:$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer""#,
      #"nginx:escape=json '{"t":"$time_iso8601","m":"$request_method","rt":$request_time}'"#,
      "nginx:escape=none $http_x|$args|$request|$msec $request $pipe",
      "haproxy:'%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %hr %hs %{+Q}r'",
      "haproxy:'%{+Q,+X}o %T %Ts.%ms %{-Q}HM %HP%HQ %HU %hrl %hsl %[src] %[req.hdr(a),lower] %%'",
      "haproxy:%H\\ %lc\\ %ID\\ %rt\\ %[capture.req.hdr(0)]\\ %{+E}HV",
      #"envoy:[%START_TIME(%s.%3f)%] "%REQ(:METHOD)% %REQ(A?B):12%" %RESPONSE_CODE% %DURATION% %%"#,
      "envoy:%DOWNSTREAM_REMOTE_ADDRESS% %UPSTREAM_HOST% %DYNAMIC_METADATA(a:b)% %PROTOCOL%",
    ].map { Array(($0 as String).utf8) }
}

/// The templates of a shipped format.
func shipped(_ name: String) -> [Template] { (try? ShippedFormats.named(name)) ?? [] }
