import Events
import Formats
import Testing

@Suite struct EnvoyLineTests {
  @Test func theDefaultFormatFillsEveryField() throws {
    let line =
      #"[2026-04-15T20:17:00.310Z] "POST /api/v1/locations?x=1 HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "#
      + #""nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80""#
    let fields = try Reader("envoy/default").fields(line)
    #expect(fields[.timeStart] == "2026-04-15T20:17:00.310000000Z")
    #expect(fields[.timeEnd] == "2026-04-15T20:17:00.536000000Z")
    #expect(fields[.timeQuality] == "explicit_tz")
    #expect(fields[.httpMethod] == "POST")
    #expect(fields[.urlPath] == "/api/v1/locations")
    #expect(fields[.httpVersion] == "2")
    #expect(fields[.httpStatus] == "204")
    #expect(fields[.termActor] == "none")
    #expect(fields[.bytesBodyIn] == "154")
    #expect(fields[.bytesBodyOut] == "0")
    #expect(fields[.durationActive] == "226000000")
    #expect(fields[.durationUpstream] == "100000000")
    #expect(fields[.forwardedFor] == "10.0.35.28")
    #expect(fields[.userAgent] == "nsq2http")
    #expect(fields[.idRequest] == "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2")
    #expect(fields[.urlHost] == "locations")
    #expect(fields[.lbServer] == "tcp://10.0.2.1:80")
    #expect(fields[.outcome] == "success")
    #expect(fields[.lbProduct] == "envoy")
  }

  @Test func aConnectionIsNoRequest() throws {
    let line = #"[2026-04-15T20:17:00.310Z] "- - -" 0 UF,URX 1 2 30 - "-" "-" "-" "-" "10.0.0.1:80""#
    let fields = try Reader("envoy/default").fields(line)
    #expect(fields[.kind] == "tcp")
    #expect(fields[.durationTotal] == "30000000")
    #expect(fields[.durationActive] == nil)
    #expect(fields[.bytesOut] == "2")
    #expect(fields[.termActor] == "server")
    #expect(fields[.termPhase] == "connect")
    #expect(fields[.outcome] == "failure")
    #expect(fields[.durationUpstream] == "dash")
    #expect(fields[.serverIP] == "10.0.0.1")
  }

  @Test func aQuoteInAUserAgentIsReadWhenThereIsOneReading() throws {
    let line =
      #"[2026-04-15T20:17:00.310Z] "GET / HTTP/1.1" 200 - 0 0 1 1 "-" "say "hi"" "id" "host" "10.0.0.1:80""#
    #expect(try Reader("envoy/default").fields(line)[.userAgent] == #"say "hi""#)
  }

  @Test func forgedFieldsAreNotBelieved() throws {
    let line =
      #"[2026-04-15T20:17:00.310Z] "GET / HTTP/1.1" 200 - 0 0 1 1 "-" "x" "forged-id" "forged-host" "#
      + #""10.9.9.9:1" "#
      + #""id" "host" "10.0.0.1:80""#
    let fields = try Reader("envoy/default").read(line).fields
    #expect(fields[.parserFormat] == nil)
    #expect(fields[.idRequest] == nil)
    #expect(fields[.message] == line)
  }

  @Test func istioHasClusterAndAddresses() throws {
    let line =
      #"[2026-04-15T20:17:00.310Z] "GET /status/418 HTTP/1.1" 418 - via_upstream - "-" 0 135 4 4 "-" "#
      + #""curl/7.60.0" "#
      + #""84961386-6d84-929d-98bd-c5aee93b5c88" "httpbin:8000" "127.0.0.1:80" inbound|8000|http "#
      + "127.0.0.1:41854 [2001:db8::1]:80 10.44.1.23:37652 outbound_.8000_._.httpbin default"
    let fields = try Reader("auto").fields(line)
    #expect(fields[.parserFormat] == "istio/default")
    #expect(fields[.termDetails] == "via_upstream")
    #expect(fields[.lbBackend] == "inbound|8000|http")
    #expect(fields[.lbIP] == "127.0.0.1")
    #expect(fields[.lbPort] == "41854")
    #expect(fields[.localIP] == "2001:db8::1")
    #expect(fields[.localPort] == "80")
    #expect(fields[.clientIP] == "10.44.1.23")
    #expect(fields[.tlsSNI] == "outbound_.8000_._.httpbin")
    #expect(fields[.lbRoute] == "default")
    #expect(fields[.outcome] == "failure")
  }

  @Test func attemptsAreOneMoreThanRetries() throws {
    let reader = try Reader("envoy:'%UPSTREAM_REQUEST_ATTEMPT_COUNT% %RESPONSE_FLAGS_LONG%'")
    #expect(reader.fields("3 UpstreamRequestTimeout")[.retries] == "2")
    #expect(reader.fields("0 NoRouteFound")[.retries] == "0")
    #expect(reader.fields("1 UpstreamRequestTimeout")[.termTimeout] == "true")
    #expect(reader.fields("1 SomeExtensionFlag,DownstreamRemoteReset")[.outcome] == "aborted")
  }

  @Test func unixAddressesStayWhole() throws {
    let fields = try Reader("envoy:'%DOWNSTREAM_REMOTE_ADDRESS% %DURATION%'").fields("/run/x.sock 5")
    #expect(fields[.clientEndpoint] == "/run/x.sock")
    #expect(fields[.clientIP] == nil)
  }
}
