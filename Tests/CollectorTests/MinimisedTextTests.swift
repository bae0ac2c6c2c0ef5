import Bytes
import Syslog
import TestSupport
import Testing

@testable import Collector

private func masked(
  _ text: String, _ place: ParameterMask.Place = .url,
  _ parameters: MinimiseRules.Parameters = .named(["token", "card"])
) -> String {
  var out = ByteBuffer()
  let isMasked = Array(text.utf8).withView { ParameterMask(parameters).mask($0, place, to: &out) }
  #expect(isMasked || out.isEmpty)
  return isMasked ? out.view.text : text
}

@Suite struct ParameterMaskTests {
  @Test(arguments: [
    ("/?token=abc", "/?token=***"), ("/?a=1&token=abc&b=2", "/?a=1&token=***&b=2"),
    ("/?token=a&token=b", "/?token=***&token=***"), ("/?TOKEN=abc", "/?TOKEN=***"),
    ("/?%74oken=abc", "/?%74oken=***"), ("/?%54%4F%4b%45%4e=abc", "/?%54%4F%4b%45%4e=***"),
    ("/?a=1;token=abc;b=2", "/?a=1;token=***;b=2"), ("/?token=abc;def", "/?token=***"),
    ("/?token=a=b==", "/?token=***"), ("/?token=", "/?token="), ("/?xtoken=abc", "/?xtoken=abc"),
    ("/?token_x=abc", "/?token_x=abc"), ("/?card[number]=4", "/?card[number]=***"),
    ("/?user%5Btoken%5D=4", "/?user%5Btoken%5D=***"), ("/#token=abc", "/#token=***"),
    ("/?token=a b\"c", "/?token=***"), ("/;token=x/y", "/;token=***"),
    ("/?next=%2Fx%3Ftoken%3Dabc%26y%3D1&z=2", "/?next=%2Fx%3Ftoken%3D***%26y%3D1&z=2"),
    ("/?next=%252Fx%253Ftoken%253Dabc%2526y%253D1", "/?next=%252Fx%253Ftoken%253D***%2526y%253D1"),
    ("/?token%3Dabc&b=1", "/?token%3D***&b=1"), ("/%", "/%"), ("/?token=%", "/?token=***"),
  ])
  func valuesOfNamedParametersAreMasked(text: String, expected: String) {
    #expect(masked(text) == expected)
  }

  @Test(arguments: [
    (#"open() "/x?token=abc" failed, card=1, x"#, #"open() "/x?token=***" failed, card=*** x"#),
    ("a=1; token=abc; b=2", "a=1; token=***; b=2"), ("{token=abc|x}", "{token=***|x}"),
    (#"\x16\x03token=abc"#, #"\x16\x03token=***"#), (#"x\u0026token=abc"#, #"x\u0026token=***"#),
    ("#16#03token=abc", "#16#03token=***"),
  ])
  func inOtherTextsValuesEndEarlier(text: String, expected: String) {
    #expect(masked(text, .text) == expected)
  }

  @Test func aRequestKeepsItsVersion() {
    #expect(masked("GET /?token=a b HTTP/1.1", .request) == "GET /?token=*** HTTP/1.1")
  }

  @Test(arguments: [
    ("/a?b=1&c=2;d=3&e&f=", "/a?b=***&c=***;d=***&***&f="), ("/a?bare", "/a?***"), ("/a?", "/a?"),
    ("/a", "/a"),
    ("/a?x=a;b", "/a?x=***"),
  ])
  func allValuesOfAQueryAreMasked(text: String, expected: String) {
    #expect(masked(text, .url, .all) == expected)
  }

  @Test func aQueryAloneNeedsNoQuestionMark() { #expect(masked("a=1&b", .query, .all) == "a=***&***") }
}

@Suite struct CardMaskTests {
  private func masked(_ text: String, isCut: Bool = false) -> String {
    var out = ByteBuffer()
    let isMasked = Array(text.utf8).withView { CardMask.mask($0, isCut: isCut, to: &out) }
    return isMasked ? out.view.text : text
  }

  @Test(arguments: [
    ("4111111111111111", "****************"), ("a=5500005555555559&", "a=****************&"),
    ("4111 1111 1111 1111", "**** **** **** ****"), ("3782-822463-10005", "****-******-*****"),
    ("4111+1111+1111+1111", "****+****+****+****"),
    ("4111%201111%201111%201111", "****%20****%20****%20****"),
    ("4222222222222", "*************"), ("6304000000000000000", "*******************"),
    ("200 4111111111111111 1234", "200 **************** 1234"), ("x4111111111111111x", "x****************x"),
    ("4111111111111112", "4111111111111112"), ("411111111111111", "411111111111111"),
    ("41111111111111114111", "41111111111111114111"), ("1700000000000000000", "1700000000000000000"),
    ("0000000000000000", "0000000000000000"),
  ])
  func numbersWhoseCheckDigitIsRightAreMasked(text: String, expected: String) {
    #expect(masked(text) == expected)
  }

  /// The standard's test: of ten numbers that differ in the last digit, exactly one is a card's.
  @Test func ofTenNumbersOneIsMasked() {
    for length in 13...19 {
      let stem = "5" + String(repeating: "37", count: 9).prefix(length - 2)
      #expect((0..<10).count { masked(stem + "\($0)").hasPrefix("*") } == 1)
    }
  }

  @Test func theBeginningOfANumberIsMaskedWhereTheLineWasCut() {
    #expect(masked("x 4111 11", isCut: true) == "x **** **")
    #expect(masked("x 4111 11") == "x 4111 11")
  }
}

@Suite struct AddressMaskTests {
  private func masked(_ text: String, _ action: MinimiseRules.Action = .network(v4: 24, v6: 48)) throws
    -> String
  {
    let mask = AddressMask(action, Pseudonyms(PseudonymKey([UInt8](repeating: 7, count: 16))))
    var out = ByteBuffer()
    return try Array(text.utf8).withView { try mask.mask($0, to: &out) ? out.view.text : $0.text }
  }

  @Test(arguments: [
    ("client: 203.0.113.7, x", "client: 203.0.113.0, x"), ("203.0.113.7:80", "203.0.113.0:80"),
    ("[2001:db8:1:2::3]:80", "[2001:db8:1::]:80"), ("2001:db8:1:2::3:", "2001:db8:1:::"),
    ("x=2001:DB8:1:2::3;", "x=2001:db8:1::;"), ("::ffff:203.0.113.7", "::ffff:203.0.113.0"),
    ("for:203.0.113.7", "for:203.0.113.0"), ("Chrome/131.0.0.9 203.0.113.7", "Chrome/131.0.0.9 203.0.113.0"),
    ("/user/203.0.113.7", "/user/203.0.113.0"),
    ("08:00:00 std::abort() 1.2.3", "08:00:00 std::abort() 1.2.3"),
    ("203.0.113.7-203.0.113.8", "203.0.113.0-203.0.113.0"), ("999.0.113.7", "999.0.113.7"),
    ("deadbeef203.0.113.7", "deadbeef203.0.113.0"), ("203.0.113.7.", "203.0.113.0."),
  ])
  func addressesInTextsAreFound(text: String, expected: String) throws {
    #expect(try masked(text) == expected)
  }

  @Test func aLongAddressBeforeAPortGetsBrackets() throws {
    let text = try masked("203.0.113.7:80 x", .pseudonym)
    #expect(text.hasPrefix("[fd") && text.hasSuffix("]:80 x"))
    #expect(try masked("203.0.113.7 x", .pseudonym).hasPrefix("fd"))
  }
}
