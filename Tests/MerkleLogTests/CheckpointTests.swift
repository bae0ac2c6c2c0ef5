import Bytes
import Cryptography
import MerkleLog
import Testing

@Suite struct CheckpointTests {
  static func checkpoint() throws -> Checkpoint {
    var range = CompactRange()
    for leaf in leaves(5) { range.append(leaf) }
    return Checkpoint(origin: try #require(KeyName(Vectors.origin)), size: range.size, root: range.root)
  }

  static func parse(_ text: String) throws(NoteError) -> Checkpoint {
    try text.utf8Bytes.withView { (text) throws(NoteError) in try Checkpoint(text) }
  }

  @Test func signsTheVectorByteForByteAndOpensIt() throws {
    let checkpoint = try Self.checkpoint()
    #expect(checkpoint.text == Vectors.text)
    let signed = try SignedCheckpoint(checkpoint, signedBy: Vectors.signer())
    #expect(signed.note.bytes == Vectors.note.utf8Bytes)
    let opened = try open(signed.note.bytes)
    #expect(opened == signed)
    #expect(try open((Vectors.note + Vectors.cosignature).utf8Bytes).checkpoint == checkpoint)
  }

  @Test func everyFlippedBitIsRefused() throws {
    let note = Vectors.note.utf8Bytes
    for bit in 0..<(8 * note.count) {
      var bad = note
      bad[bit / 8] ^= 1 << (bit % 8)
      #expect(throws: (any Error).self, "bit \(bit)") { try open(bad) }
    }
  }

  @Test func everyCutAndEveryAddedByteIsRefused() throws {
    let note = Vectors.note.utf8Bytes
    for count in 0..<note.count {
      #expect(throws: (any Error).self, "first \(count)") { try open(Array(note.prefix(count))) }
      #expect(throws: (any Error).self, "without \(count)") {
        try open(Array(note[..<count]) + Array(note[(count + 1)...]))
      }
    }
    for byte: UInt8 in [0, 0x0A, 0x20, 0x41] {
      #expect(throws: (any Error).self) { try open(note + [byte]) }
    }
  }

  @Test func keyMustBeNamedAsTheOrigin() throws {
    let other = try SignerKey.generate(name: #require(KeyName("example.com/other")))
    let checkpoint = try Self.checkpoint()
    #expect(throws: NoteError.self) { try SignedCheckpoint(checkpoint, signedBy: other) }
    var note = try SignedNote(text: checkpoint.text.utf8Bytes)
    try note.sign(with: other)
    let key = other.verifier
    let bytes = note.bytes
    let error = #expect(throws: NoteError.self) {
      try bytes.withView { (view) throws(NoteError) in _ = try SignedCheckpoint(view, key: key) }
    }
    #expect(error?.reason == .wrongOrigin(checkpoint.origin))
  }

  @Test func secondSignatureIsVerifiedWhenItsKeyIsGiven() throws {
    var signed = try SignedCheckpoint(Self.checkpoint(), signedBy: Vectors.signer())
    let oneTime = try SignerKey.generate(name: #require(KeyName("lbaudit.example/node1/one-time")))
    try signed.sign(with: oneTime)
    let opened = try open(signed.note.bytes, [oneTime.verifier])
    #expect(opened.verified == [try Vectors.key(), oneTime.verifier])
    var bad = signed.note.bytes
    // Another base64 digit, whichever stands there.
    bad[bad.count - 10] = bad[bad.count - 10] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
    #expect(try open(bad).verified == [Vectors.key()])
    #expect(throws: NoteError.self) { try open(bad, [oneTime.verifier]) }
    // The one-time signature alone does not make it the log's.
    var alone = try SignedNote(text: Self.checkpoint().text.utf8Bytes)
    try alone.sign(with: oneTime)
    #expect(throws: NoteError.self) { try open(alone.bytes, [oneTime.verifier]) }
  }

  @Test func emptyTreeHasOneRoot() throws {
    let empty = "example.com/log\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
    let checkpoint = try Self.parse(empty)
    #expect(checkpoint.size == 0 && checkpoint.root == CompactRange().root)
    #expect(checkpoint.text == empty)
  }

  @Test func extensionLinesAreToleratedAndNotWritten() throws {
    let checkpoint = try Self.parse(Vectors.text + "more\nand more\n")
    #expect(checkpoint == (try Self.checkpoint()))
    #expect(checkpoint.text == Vectors.text)
  }

  @Test(arguments: [
    ("", NoteError.Reason.missingLine, 1), ("a\n", .missingLine, 2), ("a\n5\n", .missingLine, 3),
    ("\n5\nROOT\n", .origin, 1), ("a b\n5\nROOT\n", .origin, 1), ("a\n05\nROOT\n", .size, 2),
    ("a\n00\nROOT\n", .size, 2), ("a\n\nROOT\n", .size, 2), ("a\n+5\nROOT\n", .size, 2),
    ("a\n-5\nROOT\n", .size, 2), ("a\n5 \nROOT\n", .size, 2), ("a\n0x5\nROOT\n", .size, 2),
    ("a\n18446744073709551616\nROOT\n", .size, 2), ("a\n99999999999999999999999\nROOT\n", .size, 2),
    ("a\n0\nROOT\n", .root, 3), ("a\n5\n\n", .root, 3), ("a\n5\nAAAA\n", .root, 3),
    ("a\n5\nROOT \n", .root, 3), ("a\n5\nROOT", .missingLine, 3), ("a\n5\nROOT\n\n", .extensionLine, 4),
    ("a\n5\nROOT\nx\n\ny\n", .extensionLine, 5), ("a\n5\nROOT\nx", .noFinalLineFeed, 4),
  ])
  func malformedTextsAreRefusedWithTheLine(text: String, reason: NoteError.Reason, line: Int) {
    let root = "C3TUMA55gFbNSHKLT7AenxWtPgp5UPvFiXT/Z1MnHSQ="
    let text = text.split(separator: "ROOT", omittingEmptySubsequences: false).joined(separator: root)
    let error = #expect(throws: NoteError.self) { try Self.parse(text) }
    #expect(error?.reason == reason && error?.line == line, "\(String(describing: error))")
  }

  @Test func largestSizeIsRead() throws {
    let text = "a\n18446744073709551615\nC3TUMA55gFbNSHKLT7AenxWtPgp5UPvFiXT/Z1MnHSQ=\n"
    #expect(try Self.parse(text).size == .max)
  }
}
