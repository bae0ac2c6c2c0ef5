import Bytes
import Events
import Testing

@Suite struct FieldTests {
  @Test func theTableIsInTheFieldsOrder() {
    #expect(Set(Field.allCases.map(\.name)).count == Field.allCases.count)
    for field in Field.allCases {
      #expect(Field(field.name) == field)
      #expect(!field.meaning.isEmpty)
    }
  }

  @Test(arguments: [
    ("http.staus", "http.status"), ("client_ip", "client.ip"), ("usr_agent", "user_agent"),
    ("dur.activ", "dur.active"),
  ])
  func theNearestFieldIsFound(_ name: String, _ field: String) {
    #expect(Field.nearest(to: name)?.name == field)
  }

  @Test func farFromEverythingIsNothing() {
    #expect(Field.nearest(to: "completely-different-thing") == nil)
    #expect(Spelling.nearest(to: "x", among: [String]()) == nil)
  }

  @Test func inputsEndAtLoggedFields() {
    for field in Field.allCases { #expect(!field.inputs.contains(field)) }
  }
}

@Suite struct AddressTests {
  private func address(_ text: String) -> Address? { Array(text.utf8).withView { Address($0) } }
  private func network(_ text: String) -> Network? { Array(text.utf8).withView { Network($0) } }

  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
    ("::1", "::1"),
    ("1::", "1::"), ("2001:DB8::0:1", "2001:db8::1"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
    ("1:0:0:2:0:0:0:3", "1:0:0:2::3"),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("::FFFF:c000:201", "::ffff:192.0.2.1"),
    ("::fffe:c000:201", "::fffe:c000:201"), ("1::ffff:c000:201", "1::ffff:c000:201"),
    ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
  ])
  func addressesAreReadAndShortened(_ text: String, _ expected: String) {
    #expect(address(text)?.description == expected)
  }

  @Test(arguments: [
    "", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.04x", "1..2.3", ":", ":::", "1::2::3", "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9", "12345::",
    "g::", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7", "fe80::1%eth0", "unix:", "1:2:3:4:5:6:7:1.2.3.4",
    "::1.2.3.4:5", "-",
  ])
  func othersAreNot(_ text: String) {
    #expect(address(text) == nil)
  }

  @Test(arguments: [
    ("203.0.113.0/24", "203.0.113.255", true), ("203.0.113.0/24", "203.0.114.0", false),
    ("0.0.0.0/0", "1.2.3.4", true),
    ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
    ("2001:db8::/32", "2001:db8:ffff::1", true),
    ("2001:db8::/32", "2001:db9::1", false), ("2001:db8::/65", "2001:db8:0:0:8000::", false),
    ("2001:db8::/65", "2001:db8:0:0:7fff::", true),
    ("::/0", "::1", true), ("::/0", "1.2.3.4", false), ("::1/128", "::1", true),
    ("10.0.0.5/8", "10.9.9.9", true),
  ])
  func networksHoldTheirAddresses(_ text: String, _ member: String, _ inside: Bool) throws {
    #expect(try #require(network(text)).contains(#require(address(member))) == inside)
  }

  @Test(arguments: ["1.2.3.4/33", "::/129", "1.2.3.4/", "/8", "1.2.3.4/-1", "1.2.3.4/8/8"])
  func whatIsNoNetworkIsNone(_ text: String) {
    #expect(network(text) == nil)
  }

  @Test func bytesOfEitherSizeAreAddresses() {
    #expect([192, 0, 2, 1].withView { Address(bytes: $0) }?.description == "192.0.2.1")
    #expect(([UInt8](repeating: 0, count: 15) + [1]).withView { Address(bytes: $0) }?.description == "::1")
    #expect([1, 2, 3].withView { Address(bytes: $0) } == nil)
  }
}
