import Platform
import Testing

@Suite struct AddressPrefixTests {
  @Test(arguments: [
    ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false),
    ("10.1.2.128/25", "10.1.2.129", true), ("10.1.2.128/25", "10.1.2.127", false),
    ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.6", false),
    ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
    ("2001:db8::/32", "2001:db8:ffff::1", true), ("2001:db8::/32", "2001:db9::", false),
    ("2001:db8::/65", "2001:db8::7fff:0:0:1", true), ("2001:db8::/65", "2001:db8::8000:0:0:1", false),
    ("::/0", "2001:db8::1", true), ("::/0", "192.0.2.1", false), ("::1", "::1", true), ("::1", "::2", false),
    // An IPv4 peer of a socket for both families, however either is written.
    ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("::ffff:10.0.0.0/104", "10.1.2.3", true),
    ("::ffff:10.0.0.0/104", "11.1.2.3", false), ("::ffff:192.0.2.7", "192.0.2.7", true),
  ])
  func aPrefixContainsWhatBeginsLikeIt(_ text: String, _ other: String, _ isIn: Bool) throws {
    let address = try #require(IPAddress(other))
    #expect(try AddressPrefix(text).contains(address) == isIn)
  }

  @Test(arguments: [
    ("10.1.2.3/8", "write 10.0.0.0/8, or 10.1.2.3 for it alone"),
    ("2001:db8::1/32", "write 2001:db8::/32, or 2001:db8::1 for it alone"),
    ("10.0.0.0/33", "0 to 32, not '33'"), ("::/129", "0 to 128, not '129'"), ("10.0.0.0/", "not ''"),
    ("10.0.0.0/+8", "not '+8'"), ("10.0.0.0/8/8", "not '8/8'"), ("localhost", "it is written as"),
    ("10.0.0/8", "it is written as"), ("", "it is written as"),
  ])
  func mistakesNameTheMend(_ text: String, _ mend: String) {
    do throws(AddressPrefix.Invalid) {
      _ = try AddressPrefix(text)
      Issue.record("no error")
    } catch { #expect("\(error)".contains(mend), "\(error)") }
  }

  @Test func aPrefixIsPrintedAsItIsWritten() throws {
    for text in ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0"] {
      #expect(try "\(AddressPrefix(text))" == text)
    }
  }
}
