import Formats
import Templates
import Testing

@Suite struct CompileErrorTests {
  @Test(
    arguments: [
      ("haproxy:'%ci %'", 4, "unfinished"), ("haproxy:'%zz'", 1, "unknown"),
      ("haproxy:'a %{+Q'", 3, "unfinished"),
      ("haproxy:'%[src'", 1, "unfinished"), ("haproxy:'%[]'", 1, "empty"),
      ("haproxy:'100% sure %ci'", 4, "unexpected"),
      ("haproxy:'%5'", 1, "unexpected"), ("haproxy:'%(a b)ci'", 3, "unexpected"),
      ("haproxy:'%(a:int)ci'", 4, "unknown"),
      ("haproxy:'%(a'", 1, "unfinished"), ("haproxy:'%{+cbor,+bin}o %(a)ci'", 15, "unsupported"),
      ("haproxy:'%{+json}o %ci'", 0, "empty"),
      ("haproxy:'plain'", 0, "empty"),
      ("haproxy:'%{+Q}'", 5, "unfinished"), ("haproxy:'%[lua.f(\"]\")'", 1, "unfinished"),
      ("nginx:'$remote_addr $'", 14, "unfinished"), ("nginx:'${host'", 0, "unfinished"),
      ("nginx:'${ho-st}'", 4, "unexpected"),
      ("nginx:'$-'", 1, "unexpected"), ("nginx:'none'", 0, "empty"),
      ("envoy:'%REQ(X'", 4, "unfinished"), ("envoy:'%req%'", 1, "unexpected"),
      ("envoy:'%PROTOCOL'", 0, "unfinished"),
      ("envoy:'%REQ%'", 0, "unfinished"), ("envoy:'%REQ(X):%'", 8, "unexpected"),
      ("envoy:'%PROTOCOL!%'", 9, "unexpected"),
      ("envoy:'%'", 1, "unfinished"), ("envoy:''", 0, "empty"),
    ] as [(String, Int, String)])
  func errorsPointAtTheirPlace(_ spec: String, _ offset: Int, _ kind: String) {
    let error = #expect(throws: FormatError.self) { try FormatSpec.parse(spec) }
    #expect(error?.offset == offset)
    #expect(error?.kind.rawValue == kind)
  }

  @Test func theCaretStandsUnderThePlace() throws {
    let error = #expect(throws: FormatError.self) { try FormatSpec.parse("haproxy:'%ci %TSC x'") }
    #expect(
      error.map(String.init(describing:))
        == "%ci %TSC x\n     ^ no such alias: %TSC; did you mean %tsc?")
  }

  @Test func longStringsAreCutAroundThePlace() throws {
    let long = String(repeating: "%ci ", count: 50) + "%zz" + String(repeating: " %cp", count: 50)
    let error = #expect(throws: FormatError.self) { try HAProxyFormat.compile(long, name: "haproxy:x") }
    let lines = try #require(error).description.split(separator: "\n")
    let caret = try #require(lines[1].firstIndex(of: "^"))
    let column = lines[1].distance(from: lines[1].startIndex, to: caret)
    #expect(lines[0].dropFirst(column).hasPrefix("zz"))
    #expect(lines[0].count < 120)
  }

  @Test(arguments: [
    ("nginx/combine", "nginx/combined"), ("haproxy/htplog", "haproxy/httplog"),
    ("envoy/defualt", "envoy/default"),
  ])
  func unknownNamesTellTheNearest(_ name: String, _ near: String) {
    let error = #expect(throws: FormatError.self) { try FormatSpec.parse(name) }
    #expect(error?.note.contains("did you mean \(near)?") == true)
  }

  @Test func unknownKindsAndEscapesAreErrors() {
    #expect(throws: FormatError.self) { try FormatSpec.parse("apache:'%h'") }
    #expect(throws: FormatError.self) { try FormatSpec.parse("nginx:escape=yaml '$host'") }
    #expect(throws: FormatError.self) { try FormatSpec.parse("nginx:'$host") }
    #expect(throws: FormatError.self) { try FormatSpec.parse("nginx:") }
  }

  @Test func quotesMayBeLeftOut() throws {
    let bare = try FormatSpec.parse(#"haproxy:%ci:%cp\ [%t]"#)
    let quoted = try FormatSpec.parse("haproxy:'%ci:%cp [%t]'")
    #expect(bare.map(\.literals) == quoted.map(\.literals))
    let own = try FormatSpec.parse(#"nginx:"$request" $status "$http_referer""#)
    #expect(own.first?.literals == [#"""#, #"" "#, #" ""#, #"""#].map { Array($0.utf8) })
    let first = try FormatSpec.parse(#"nginx:"$request" $status"#)
    #expect(first.first?.literals == [#"""#, #"" "#, ""].map { Array($0.utf8) })
    #expect(try FormatSpec.parse(#"nginx:"\"$host\" $status""#).first?.literals.first == [UInt8(ascii: "\"")])
    #expect(try FormatSpec.parse("none").isEmpty)
    #expect(try FormatSpec.parse("raw").isEmpty)
  }
}
