import Bytes
import Testing

@Suite struct Base64Tests {
  private func decode(_ text: String) throws(DecodeError) -> [UInt8] {
    try Array(text.utf8).withView { (text) throws(DecodeError) in try Base64.decode(text) }
  }

  /// RFC 4648 section 10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ])
  func knownAnswers(plain: String, text: String) throws {
    #expect(Array(plain.utf8).withView { Base64.encode($0) } == text)
    #expect(try decode(text) == Array(plain.utf8))
  }

  @Test func everyByteAndEverySizeComesBack() throws {
    let all = (0..<768).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 / 256) }
    for count in 0...all.count {
      let bytes = Array(all.prefix(count))
      #expect(try decode(bytes.withView { Base64.encode($0) }) == bytes)
    }
  }

  @Test(arguments: [
    ("Zg=", 3), ("Zg", 2), ("Z", 1), ("Zm9v\n", 5), ("Zh==", 1), ("Zm9=", 2), ("Z===", 1), ("====", 0),
    ("Zg==Zg==", 2), ("Zm-v", 2), ("Zm_v", 2), ("Zm9v Zg=", 4), ("=Zg=", 0), ("Zm9vZ\u{0}==", 5),
  ])
  func everyOtherSpellingIsRefusedWithTheOffset(text: String, offset: Int) {
    let error = #expect(throws: DecodeError.self) { try decode(text) }
    #expect(error?.offset == offset)
  }

  @Test func refusalLeavesTheOutputAsItWas() {
    var output = ByteBuffer()
    output.append([1, 2])
    #expect(throws: DecodeError.self) {
      try Array("Zm9vZh==".utf8).withView { (text) throws(DecodeError) in try Base64.decode(text, to: &output)
      }
    }
    #expect(output.view.array == [1, 2])
  }

  @Test func hexComesBackAndRefusesOtherSpellings() throws {
    let bytes = (0...255).map { UInt8($0) }
    let text = bytes.withView { Hex.encode($0) }
    #expect(text.hasPrefix("000102") && text.hasSuffix("fdfeff"))
    #expect(try Array(text.utf8).withView { (text) throws(DecodeError) in try Hex.decode(text) } == bytes)
    for (bad, offset) in [("0", 1), ("0G", 1), ("A0", 0), ("00 0", 2)] {
      let error = #expect(throws: DecodeError.self) {
        try Array(bad.utf8).withView { (text) throws(DecodeError) in try Hex.decode(text) }
      }
      #expect(error?.offset == offset)
    }
  }
}
