import Bytes
import Templates
import Testing

/// Values that may hold the literals which end them.
@Suite struct ReadingTests {
  private func template(_ parts: [(Slot, String)], _ first: String = "") -> Template {
    Template(
      name: "t", literals: [Array(first.utf8)] + parts.map { Array($0.1.utf8) }, slots: parts.map(\.0))
  }

  private enum Reading: Equatable {
    case values([String])
    case ambiguous
    case failed(Int)
  }

  private func read(_ template: Template, _ line: String) -> Reading {
    let matcher = Matcher([[template]])
    var result = MatchResult(for: matcher)
    let bytes = Array(line.utf8)
    return bytes.withView { view in
      matcher.match(view, list: 0, into: &result)
      if result.node < 0 { return result.isAmbiguous ? .ambiguous : .failed(result.failureOffset) }
      var values: [String] = []
      for index in 0..<result.values.count {
        let value = result.values[index]
        values.append(view[Int(value.start), Int(value.end)].text)
      }
      return .values(values)
    }
  }

  private let any = Slot("a", .text, syntax: .any)
  private let number = Slot("n", .integer, syntax: .number)

  @Test func oneReadingIsTaken() {
    let two = template([(any, "\" \""), (any, "\" "), (number, "")], "\"")
    #expect(read(two, #""x" "y" 5"#) == .values(["x", "y", "5"]))
    // The number decides where the second text ends, though its literal occurs before.
    let one = template([(any, "\" "), (number, "")], "\"")
    #expect(read(one, #""x" y" 5"#) == .values([#"x" y"#, "5"]))
    #expect(read(one, #""x" 7" 5"#) == .values([#"x" 7"#, "5"]))
  }

  @Test func severalReadingsAreAmbiguous() {
    let two = template([(any, "\" \""), (any, "\" "), (number, "")], "\"")
    #expect(read(two, #""x" "y" "z" 5"#) == .ambiguous)
    #expect(read(template([(any, "-"), (any, "")]), "a-b-c") == .ambiguous)
  }

  @Test func noReadingFailsWhereTheFirstFails() {
    let one = template([(any, "\" "), (number, "!")], "\"")
    #expect(read(one, #""x" y" z!"#) == .failed(4))
    #expect(read(one, #""x"#) == .failed(1))
  }

  /// Neither from the front nor from the back is the one reading found by taking the nearest literal.
  @Test func aReadingInTheMiddleIsFound() {
    let middle = template([(any, " "), (number, " "), (any, "")])
    #expect(read(middle, "a b 5 c d") == .values(["a b", "5", "c d"]))
    #expect(read(middle, "a b 5 6 d") == .ambiguous)
    #expect(read(middle, "a b c d") == .failed(2))
  }

  @Test func hostileLinesCostBoundedWork() {
    let many = template(Array(repeating: (any, "\" \""), count: 12) + [(number, "")], "\"")
    #expect(read(many, "\"" + String(repeating: "\" \"", count: 20_000) + "5") == .ambiguous)
    let numbers = template(Array(repeating: (any, " "), count: 4) + [(number, " "), (any, "x")])
    #expect(read(numbers, String(repeating: "1 ", count: 30_000)) != .values([]))
  }

  @Test func optionalPartsAreThereOrNot() {
    let part = Template(
      name: "p", literals: [Array(", k: \"".utf8), Array("\"".utf8)], slots: [Slot("v", syntax: .escaped)])
    let optional = Slot("o", .text, syntax: .optional, alternatives: [part])
    let whole = template([(Slot("m", .text, syntax: .item), ""), (optional, ""), (optional, ";")])
    #expect(read(whole, #"a, k: "1", k: "2";"#) == .values(["a", #", k: "1""#, "1", #", k: "2""#, "2"]))
    #expect(read(whole, #"a, k: "1";"#) == .values(["a", #", k: "1""#, "1", ""]))
    #expect(read(whole, "a;") == .failed(2))
    #expect(read(whole, ", k: \"\";") == .values(["", ", k: \"\"", "", ""]))
    #expect(read(whole, #"a, k: "1", k: "2", k: "3";"#) == .failed(9))
  }

  @Test(arguments: [
    ("{\"a\":1}", 7), ("[1,\"]\"]", 7), ("\"a\\\"b\"", 6), ("null", 4), ("-1.5e3", 6), ("", 0),
    ("{\"a\":\"}\"}", 9),
  ])
  func jsonValuesKnowTheirEnd(_ value: String, _ count: Int) {
    let json = Slot("j", .text, syntax: .json)
    #expect(read(template([(json, ",x")]), value + ",x") == .values([value]))
    #expect(read(template([(json, "}")]), value + "}") == .values([value]))
    #expect(value.utf8.count == count)
  }

  @Test func longLiteralsBehindQuickValuesAreComparedWhole() {
    let text = Template(name: "s", literals: [[34], [34]], slots: [Slot("t", .text, syntax: .backslash)])
    let string = Slot("j", .text, syntax: .json, alternatives: [text])
    let number = Slot("n", .integer, syntax: .json)
    let line = template([(string, ",\"a long name\":"), (number, ",\"another one\":"), (string, "}")], "{")
    #expect(read(line, #"{"x","a long name":5,"another one":null}"#) == .values([#""x""#, "x", "5", "null"]))
    #expect(
      read(line, #"{null,"a long name":null,"another one":"\""}"#)
        == .values(["null", "null", #""\"""#, #"\""#]))
    #expect(read(line, #"{"x","a long nome":5,"another one":null}"#) == .failed(1))
    #expect(read(line, #"{"x","a long name":5,"another ono":null}"#) == .failed(19))
  }
}
