import Bytes
import Cryptography
import MerkleLog
import Testing

@Suite struct InclusionProofFileTests {
  static let text = """
    c2sp.org/tlog-proof@v1
    extra ZXZlbnQtMw==
    index 3
    T7cNqgptqvfpPys3xeXfczRmMP2KUZltUPHY7v8nlCY=
    P9HVoFmrFxo0X5kSyDwt2LeTO06VDmdJvIPbsfQ8y94=
    rjI5dK4fR82yRuuDuHBjZtQ8ZK0Pr0gMeerLnPSn6Kc=


    """ + Vectors.note + Vectors.cosignature

  static func parse(_ bytes: [UInt8]) throws(NoteError) -> InclusionProofFile {
    try bytes.withView { (bytes) throws(NoteError) in try InclusionProofFile(bytes) }
  }

  @Test func readsPrintsAndVerifies() throws {
    let file = try Self.parse(Self.text.utf8Bytes)
    #expect(file.extra == "event-3".utf8Bytes)
    #expect(file.index == 3 && file.hashes.count == 3)
    #expect(file.bytes == Self.text.utf8Bytes)
    let signed = try file.verify(leaf: leafHash("event-3".utf8Bytes), key: Vectors.key())
    #expect(signed.checkpoint.size == 5)
    #expect(throws: InclusionProofFileError.self) {
      try file.verify(leaf: leafHash("event-4".utf8Bytes), key: Vectors.key())
    }
  }

  @Test func withoutExtraAndWithoutHashes() throws {
    var range = CompactRange()
    range.append(leafHash([9]))
    let name = try #require(KeyName(Vectors.origin))
    let signed = try SignedCheckpoint(
      Checkpoint(origin: name, size: 1, root: range.root), signedBy: Vectors.signer())
    let file = InclusionProofFile(extra: nil, index: 0, hashes: [], checkpoint: signed.note)
    let again = try Self.parse(file.bytes)
    #expect(again == file)
    #expect(try again.verify(leaf: leafHash([9]), key: Vectors.key()) == signed)
  }

  @Test func noFlippedBitVerifies() throws {
    let bytes = Array(Self.text.utf8Bytes.prefix(Self.text.utf8Bytes.count - Vectors.cosignature.utf8.count))
    let extra = 23..<42
    let key = try Vectors.key()
    for bit in 0..<(8 * bytes.count) where !extra.contains(bit / 8) {
      var bad = bytes
      bad[bit / 8] ^= 1 << (bit % 8)
      #expect(throws: (any Error).self, "bit \(bit)") {
        try Self.parse(bad).verify(leaf: leafHash("event-3".utf8Bytes), key: key)
      }
    }
  }

  @Test(arguments: [
    ("", NoteError.Reason.proofHeader, 1), ("c2sp.org/tlog-proof@v2\n", .proofHeader, 1),
    ("c2sp.org/tlog-proof@v1", .proofHeader, 1), ("c2sp.org/tlog-proof@v1\n", .proofIndex, 2),
    ("c2sp.org/tlog-proof@v1\nextra AAA\nindex 3\n\n", .proofExtra, 2),
    ("c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 3\n\n", .proofIndex, 3),
    ("c2sp.org/tlog-proof@v1\nindex 03\n\n", .proofIndex, 2),
    ("c2sp.org/tlog-proof@v1\nindex\n\n", .proofIndex, 2),
    ("c2sp.org/tlog-proof@v1\nindex 3 \n\n", .proofIndex, 2),
    ("c2sp.org/tlog-proof@v1\nindex 3\nAAAA\n\n", .proofHash, 3),
    ("c2sp.org/tlog-proof@v1\nindex 3\n", .noEmptyLine, 3),
    ("c2sp.org/tlog-proof@v1\nindex 3\n\na\n\n- x\n", .signatureLine, 6),
  ])
  func malformedFilesAreRefusedWithTheLine(text: String, reason: NoteError.Reason, line: Int) {
    let error = #expect(throws: NoteError.self) { try Self.parse(text.utf8Bytes) }
    #expect(error?.reason == reason && error?.line == line, "\(String(describing: error))")
  }

  @Test func atMost63HashesAreRead() throws {
    let line = "T7cNqgptqvfpPys3xeXfczRmMP2KUZltUPHY7v8nlCY=\n"
    func file(_ count: Int) -> [UInt8] {
      ("c2sp.org/tlog-proof@v1\nindex 3\n" + String(repeating: line, count: count) + "\n" + Vectors.note)
        .utf8Bytes
    }
    #expect(try Self.parse(file(63)).hashes.count == 63)
    #expect(throws: NoteError.self) { try Self.parse(file(64)) }
  }
}
