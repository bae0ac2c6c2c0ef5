import Foundation
import TestSupport
import Testing

@Suite struct LintTests {
  private static let haproxy = """
    global
      log ring@stele len 8192 format rfc5424 local0
    ring stele
      maxlen 8192
      server stele 127.0.0.1:6514 log-proto octet-count
    defaults
      log global
      mode http
      option dontlognull
      log-format "%ci:%cp [%tr] %ID %hr %{+Q}r %lc"
      error-log-format "%ci:%cp [%t] %lc"
    frontend web
      capture request header Host len 128

    """

  @Test func findingsAreStatus3WithPlaceAndMend() throws {
    let sandbox = try Sandbox()
    try sandbox.write("haproxy.cfg", Self.haproxy)
    let found = try sandbox.stele("lint", "@haproxy.cfg")
    #expect(found.status == 3)
    let text = found.text
    #expect(text.contains("\(sandbox.path("haproxy.cfg")):9: hole: haproxy-dontlognull (frontend web)\n"))
    #expect(text.contains("  lost: ") && text.contains("  mend: remove 'option dontlognull'"))
    #expect(text.contains("1 hole, 0 risks, 0 gaps"))
  }

  @Test func nothingFoundIsStatus0() throws {
    let sandbox = try Sandbox()
    try sandbox.write("haproxy.cfg", Self.haproxy.replacing("  option dontlognull\n", with: ""))
    let found = try sandbox.stele("lint", "@haproxy.cfg")
    #expect(found.status == 0, "\(found.text)")
    #expect(found.text.contains("0 holes, 0 risks, 0 gaps"))
  }

  @Test func jsonIsOneObject() throws {
    let sandbox = try Sandbox()
    try sandbox.write("lb", Self.haproxy)
    let found = try sandbox.stele("lint", "@lb", "--kind", "haproxy", "--json")
    #expect(found.status == 3)
    let object = try #require(Sandbox.object(found.text))
    let findings = try #require(object["findings"] as? [[String: Any]])
    #expect(findings.count == 1)
    #expect(findings.first?["rule"] as? String == "haproxy-dontlognull")
    #expect(findings.first?["line"] as? Int == 9)
    let formats = try #require(object["formats"] as? [[String: Any]])
    #expect(formats.contains { $0["name"] as? String == "haproxy:web" && $0["line"] as? Int == 10 })
  }

  @Test func levelsLeaveOut() throws {
    let sandbox = try Sandbox()
    try sandbox.write("nginx.conf", "events {}\nhttp {\n access_log /var/log/a;\n server { listen 80; }\n}\n")
    #expect(try sandbox.stele("lint", "@nginx.conf").status == 3)
    #expect(try sandbox.stele("lint", "--level", "risk", "@nginx.conf").status == 0)
  }

  @Test func whatCannotBeReadHasItsOwnStatus() throws {
    let sandbox = try Sandbox()
    #expect(try sandbox.stele("lint", "@none.cfg").status == 66)
    #expect(try sandbox.stele("lint").status == 64)
    #expect(try sandbox.stele("lint", "--kind", "apache", "x").status == 64)
    try sandbox.write("haproxy.cfg", "frontend a\n log-format 'x\n")
    let broken = try sandbox.stele("lint", "@haproxy.cfg")
    #expect(broken.status == 1)
    #expect(broken.errors.contains("haproxy.cfg:2: column "))
    try sandbox.write("what", "x\n")
    #expect(try sandbox.stele("lint", "@what").status == 1)
  }

  @Test func theSameFileIsAFormat() throws {
    let sandbox = try Sandbox()
    try sandbox.write("haproxy.cfg", Self.haproxy)
    let line = #"192.0.2.1:5 [06/Feb/2024:12:14:14.655] 7f00 {shop} "GET / HTTP/1.1" 12"#
    let explained = try sandbox.stele("explain", "--format=@" + sandbox.path("haproxy.cfg"), line)
    #expect(explained.status == 0, "\(explained.text)\(explained.errors)")
    #expect(explained.text.hasPrefix("haproxy:web"))
    try sandbox.makeLog()
    try sandbox.write("lines", line + "\nno such line\n")
    let replayed = try sandbox.stele(
      "replay", "@lines", "--into", "@log", "--format=@" + sandbox.path("haproxy.cfg"), "--strict")
    #expect(replayed.status == 3)
    let found = try sandbox.stele("search", "@log", "id.log_counter = 12", "--output", "raw")
    #expect(found.text == line + "\n")
  }
}
