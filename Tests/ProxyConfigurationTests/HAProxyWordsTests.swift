import Testing

@testable import ProxyConfiguration

/// What HAProxy 2.6 made of the same words in the argument of `http-request return … string`.
@Suite struct HAProxyWordsTests {
  private static let variables = ["V": "a b", "W": "x"]

  private func words(_ line: String) throws -> [String] {
    try HAProxyWords.split(Array(line.utf8)[...]) { Self.variables[$0] }
  }

  @Test(arguments: [
    (##"a\ b\#c\\d\'e\"f\x41\tg\nh\qi\1$V"##, "a b#c\\d'e\"fA\tg\nh\\qi\\1$V"),
    (#""a\ b""#, "a b"), (##""a\#b""##, "a#b"), (#""a\\b""#, "a\\b"), (#""a\'b""#, "a'b"),
    (#""a\"b""#, "a\"b"),
    (#""a\x41b""#, "aAb"), (#""a\tb\qc\1""#, "a\tb\\qc\\1"), (#""a\$Vb""#, "a$Vb"), (#""a$V.""#, "aa b."),
    (#""a${V}.""#, "aa b."), (#""a${U-def}.""#, "adef."), (#""a${U}.""#, "a."), (#""a${V-def}.""#, "aa b."),
    (#"'a\ b$V"\\'"#, #"a\ b$V"\\"#), (#"ab"c d"ef'g h'i"#, "abc defg hi"), (#"x\$V"#, #"x\$V"#),
    (#"${W}x"#, "${W}x"), ("x''y", "xy"), (#""a#b""#, "a#b"), ("'c#d'", "c#d"), ("e#f", "e"),
    (#""a$Ub""#, "a"),
    (#""a${W}b$W""#, "axbx"), (#""a${U[*]}""#, "a"), (#""it's""#, "it's"), (#""${U-a b}""#, "a b"),
    (#""${U-a\}b}""#, #"a\b}"#), (#""${U-$W}""#, "$W"), (#""a${W-}b""#, "axb"), (#""$W"'$W'"$W""#, "x$Wx"),
  ])
  func oneWord(_ line: String, _ word: String) throws {
    #expect(try words(line) == [word])
  }

  @Test(arguments: [#"'a\'b'"#, #""a$""#, #""a$.b""#, #"a\x4z"#, #""a"#, #""${W""#, #""${W:-x}""#])
  func whatHAProxyRefuses(_ line: String) {
    #expect(throws: HAProxyWords.Flaw.self) { try words(line) }
  }

  @Test func blanksAndCommentsSeparate() throws {
    #expect(try words("  a\tb  'c d' # e") == ["a", "b", "c d"])
    #expect(try words("a '' b") == ["a", "", "b"])
    #expect(try words(#"x "${V[*]}" y"#) == ["x", "a", "b", "y"])
    #expect(try words("# nothing") == [])
  }

  @Test(arguments: [
    ("", false), ("0", false), ("1", true), ("!0", true), ("defined(V)", true), ("defined(U)", false),
    ("streq(a,a)", true), ("strneq(a,a)", false), ("strstr(abc,bc)", true),
    ("version_atleast(2.4-dev19)", true),
    ("version_atleast(99)", false), ("version_before(2.4)", false), ("version_before(99.1)", true),
    ("feature(OPENSSL) && streq(a,b)", false), ("streq(a,b) || streq(b,b)", true),
    ("1 || 0 && 0", true), ("(1 || 0) && 0", false), ("!(streq(a,b))", true),
  ])
  func conditions(_ text: String, _ holds: Bool) throws {
    #expect(try HAProxyConditions.holds(text) { Self.variables[$0] } == holds)
  }

  @Test(arguments: ["nothing", "nothing(", "(1", "1 1", "&&", "1 &&", "gurk(1)"])
  func whatIsNoCondition(_ text: String) {
    #expect(throws: HAProxyConditions.Flaw.self) { try HAProxyConditions.holds(text) { _ in nil } }
  }

  @Test func releasesCompare() {
    let ascending = ["2.4-dev2", "2.4-dev19", "2.4", "2.4.3", "2.10", "3.0"]
    for (a, b) in zip(ascending, ascending.dropFirst()) {
      #expect(HAProxyConditions.parts(a).lexicographicallyPrecedes(HAProxyConditions.parts(b)), "\(a) \(b)")
    }
  }
}
