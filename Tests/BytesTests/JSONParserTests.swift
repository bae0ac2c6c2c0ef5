import Bytes
import Testing

@Suite struct JSONParserTests {
  private func parse(_ text: String) throws(JSONError) -> JSONValue {
    try Array(text.utf8).withView { (text) throws(JSONError) in try JSONValue(parsing: text) }
  }

  @Test(arguments: [
    #"{"type":"key","number":18446744073709551615,"list":[],"of":[{"a":-1},null,true,false],"":{}}"#,
    #""quote \" backslash \\ feed \n tab \t return \r nul \u0000 é 😀""#, "0",
    "-170141183460469231731687303715884105728",
  ])
  func whatIsPrintedReadsBack(text: String) throws {
    #expect(try parse(text).text == text)
  }

  @Test func escapesAndBlanksAreRead() throws {
    #expect(
      try parse(" [ \"\\u00e9\\ud83d\\ude00\\/\\b\\f\" ,\t1\r\n] ")
        == .list([.text("é😀/\u{8}\u{c}"), .integer(1)]))
  }

  @Test(arguments: [
    ("", 0), ("{", 1), (#"{"a"}"#, 1), (#"{"a":1,}"#, 7), (#"{"a":1,"a":2}"#, 7), ("[1,]", 3), ("01", 0),
    ("1.5", 1), ("-", 0),
    (#""\ud83d""#, 7), (#""\ud83dx""#, 7), (#""\ude00""#, 1), (#""\u+123""#, 3), (#""\x""#, 2), ("\"\n\"", 1),
    (#""a"#, 0),
    ("nul", 0), ("1 2", 2), ("+1", 0),
  ])
  func whatIsNoJSONIsRefusedWithThePlace(text: String, offset: Int) {
    #expect(throws: JSONError(offset: offset)) { try parse(text) }
  }

  @Test func textThatIsNoUTF8IsRefused() {
    #expect(throws: JSONError(offset: 0)) {
      try ([0x22, 0xFF, 0x22] as [UInt8]).withView { (text) throws(JSONError) in try JSONValue(parsing: text)
      }
    }
  }

  @Test func valuesAreNestedToALimit() throws {
    #expect(try parse(String(repeating: "[", count: 16) + String(repeating: "]", count: 16)) != .null)
    #expect(throws: JSONError.self) {
      try parse(String(repeating: "[", count: 17) + String(repeating: "]", count: 17))
    }
  }

  @Test func membersAreFoundByName() throws {
    let value = try parse(#"{"a":{"b":[7,"x"]}}"#)
    #expect(value["a"]?["b"]?.items?.first?.integer(UInt8.self) == 7)
    #expect(value["a"]?["b"]?.items?.last?.string == "x")
    #expect(value["b"] == nil)
    #expect(JSONValue.integer(256).integer(UInt8.self) == nil)
  }
}
