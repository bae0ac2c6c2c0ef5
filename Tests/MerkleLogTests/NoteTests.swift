import Bytes
import Cryptography
import MerkleLog
import Testing

func parse(_ note: [UInt8]) throws(NoteError) -> SignedNote {
  try note.withView { (note) throws(NoteError) in try SignedNote(note) }
}

func open(_ note: [UInt8], _ others: [VerifierKey] = []) throws -> SignedCheckpoint {
  let key = try Vectors.key()
  return try note.withView { (note) throws(NoteError) in try SignedCheckpoint(note, key: key, others: others)
  }
}

@Suite struct NoteTests {
  @Test func signsTheVectorByteForByte() throws {
    var note = try SignedNote(text: Vectors.text.utf8Bytes)
    try note.sign(with: Vectors.signer())
    #expect(note.bytes == Vectors.note.utf8Bytes)
    #expect(try note.verify(with: [Vectors.key()]) == [Vectors.key()])
  }

  /// The examples of the C2SP signed-note page and of Go's `sumdb/note`.
  @Test(arguments: [
    (
      "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
      "This is an example message.\n\n— example.com/foo "
        + "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
    ),
    (
      "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
      "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
        + "\n— PeterNeumann "
        + "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    ),
  ])
  func verifiesPublishedExamples(key: String, text: String) throws {
    let key = try VerifierKey(key)
    let note = try parse(text.utf8Bytes)
    #expect(try note.verify(with: [key]) == [key])
    #expect(note.bytes == text.utf8Bytes)
    var bad = text.utf8Bytes
    bad[3] ^= 1
    #expect(throws: NoteError.self) { try parse(bad).verify(with: [key]) }
  }

  @Test func unknownSignaturesAreCarriedAndPassedOver() throws {
    let bytes = (Vectors.note + Vectors.cosignature).utf8Bytes
    let note = try parse(bytes)
    #expect(note.signatures.count == 2)
    #expect(note.signatures[1].keyID == 0x2032_4abe)
    #expect(note.signatures[1].bytes.count == 72)
    #expect(note.bytes == bytes)
    #expect(try note.verify(with: [Vectors.key()]) == [Vectors.key()])
    #expect(try note.verify(with: [VerifierKey(Vectors.witness), Vectors.key()]).count == 2)
    #expect(throws: NoteError.self) { try note.verify(with: []) }
  }

  @Test func wrongSignatureByKnownKeyRefusesTheNote() throws {
    let name = try #require(KeyName("example.com/other"))
    let other = try SignerKey.generate(name: name)
    var note = try parse(Vectors.note.utf8Bytes)
    let wrong = try other.sign("another text\n".utf8Bytes)
    note.append(NoteSignature(name: name, keyID: other.verifier.id, bytes: wrong))
    #expect(try note.verify(with: [Vectors.key()]) == [Vectors.key()])
    let keys = [try Vectors.key(), other.verifier]
    let error = #expect(throws: NoteError.self) { try note.verify(with: keys) }
    #expect(error?.reason == .badSignature(name) && error?.line == 6)
  }

  @Test func sameNameWithAnotherKeyIsUnknown() throws {
    let key = try SignerKey.generate(name: #require(KeyName(Vectors.origin))).verifier
    let note = try parse(Vectors.note.utf8Bytes)
    let error = #expect(throws: NoteError.self) { try note.verify(with: [key]) }
    #expect(error?.reason == .noKnownSignature)
  }

  @Test func textMayHoldEmptyLinesAndSignatureLines() throws {
    for text in ["a\n\nb\n", "\n", "a\n\n", "\n\n\n", "— a b\n\nx\n"] {
      var note = try SignedNote(text: text.utf8Bytes)
      try note.sign(with: Vectors.signer())
      let again = try parse(note.bytes)
      #expect(again == note, "\(text.debugDescription)")
      #expect(try again.verify(with: [Vectors.key()]).count == 1)
    }
  }

  @Test func sixteenSignaturesAndMoreAreRead() throws {
    func note(_ count: Int) -> [UInt8] {
      ("t\n\n" + String(repeating: "— n AAAAAAA=\n", count: count)).utf8Bytes
    }
    #expect(try parse(note(16)).signatures.count == 16)
    #expect(try parse(note(SignedNote.maximumSignatures)).signatures.count == SignedNote.maximumSignatures)
    let error = #expect(throws: NoteError.self) { try parse(note(SignedNote.maximumSignatures + 1)) }
    #expect(error?.reason == .tooManySignatures && error?.line == 3 + SignedNote.maximumSignatures)
  }

  @Test(arguments: [
    ("", NoteError.Reason.noFinalLineFeed, 0), ("a", .noFinalLineFeed, 0), ("a\n", .noEmptyLine, 0),
    ("a\n\n", .signatureLine, 3), ("\n— n AAAAAAA=\n", .noEmptyLine, 0),
    ("a\n\n— n AAAAAAA=", .noFinalLineFeed, 0),
    ("a\n\n- n AAAAAAA=\n", .signatureLine, 3), ("a\n\n—n AAAAAAA=\n", .signatureLine, 3),
    ("a\n\n— n\n", .signatureLine, 3), ("a\n\n— AAAAAAA=\n", .signatureLine, 3),
    ("a\n\n—  AAAAAAA=\n", .signatureLine, 3), ("a\n\n— n \n", .signatureLine, 3),
    ("a\n\n— n  AAAAAAA=\n", .signatureLine, 3), ("a\n\n— n+m AAAAAAA=\n", .signatureLine, 3),
    ("a\n\n— n\u{A0}m AAAAAAA=\n", .signatureLine, 3), ("a\n\n— n AAAAAAA= \n", .signatureLine, 3),
    ("a\n\n— n AAAAAAA\n", .signatureLine, 3), ("a\n\n— n AAAAAAB=\n", .signatureLine, 3),
    ("a\n\n— n AAAAAA==\n", .signatureLine, 3), ("a\n\n— n AAAA_AA=\n", .signatureLine, 3),
    ("a\n\n— n AAAAAAA=\nx\n", .signatureLine, 4), ("a\n\n— n AAAAAAA=\n\n", .signatureLine, 5),
    ("a\r\n\n— n AAAAAAA=\n", .controlCharacter, 1), ("a\nb\t\n\n— n AAAAAAA=\n", .controlCharacter, 2),
    ("a\n\n— n AAAAAAA=\0\n", .controlCharacter, 3),
  ])
  func malformedNotesAreRefusedWithTheLine(note: String, reason: NoteError.Reason, line: Int) {
    let error = #expect(throws: NoteError.self) { try parse(note.utf8Bytes) }
    #expect(error?.reason == reason && error?.line == line, "\(String(describing: error))")
  }

  @Test func invalidUTF8AndTooLargeAreRefused() {
    let error = #expect(throws: NoteError.self) { try parse([0x61, 0xFF] + "\n\n— n AAAAAAA=\n".utf8Bytes) }
    #expect(error?.reason == .notUTF8)
    let large = [UInt8](repeating: 0x61, count: SignedNote.maximumSize) + "\n\n— n AAAAAAA=\n".utf8Bytes
    #expect(throws: NoteError.self) { try parse(large) }
  }

  @Test func onlyCleanTextIsSigned() {
    for text in ["", "a", "a\tb\n", "a\0\n"] {
      #expect(throws: NoteError.self) { try SignedNote(text: text.utf8Bytes) }
    }
    #expect(throws: NoteError.self) { try SignedNote(text: [0xC3, 0x0A]) }
  }
}
