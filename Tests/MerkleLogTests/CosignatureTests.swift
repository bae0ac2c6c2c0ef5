import Bytes
import Cryptography
import MerkleLog
import Testing

extension Vectors {
  static let cosignedNote = note + cosignature

  /// The witness whose seed is the bytes 32 to 63.
  static func cosigner() throws -> CosignerKey {
    var seed = ByteBuffer()
    seed.append((32..<64).map { UInt8($0) })
    let name = try #require(KeyName("witness.example/w1"))
    return CosignerKey(SignerKey(name: name, key: try SigningKey(seed: seed.view)))
  }
}

@Suite struct CosignatureTests {
  @Test func theVectorIsMadeByteByByte() throws {
    let cosigner = try Vectors.cosigner()
    #expect("\(cosigner.verifier)" == Vectors.witness)
    let signature = try cosigner.cosign(Vectors.text.utf8Bytes, at: 1_700_000_000)
    #expect(signature.line + "\n" == Vectors.cosignature)
    #expect(4 + signature.bytes.count == 76)
    let line = Array(Vectors.cosignature.utf8Bytes.dropLast()).withView { NoteSignature(line: $0) }
    #expect(line == signature)
  }

  @Test func theVectorIsVerified() throws {
    let note = try Vectors.cosignedNote.utf8Bytes.withView { try SignedNote($0) }
    let witness = try VerifierKey(Vectors.witness)
    #expect(note.cosignatures(by: [witness]) == [Cosignature(key: witness, time: 1_700_000_000)])
    #expect(try note.verify(with: [try Vectors.key(), witness]).count == 2)
    #expect(witness.isCosigner && !witness.isSupported)
    // A log's key is no witness's, and the other way round.
    #expect(note.cosignatures(by: [try Vectors.key()]).isEmpty)
    let asLog = Vectors.cosignedNote.utf8Bytes.withView { try? SignedCheckpoint($0, key: witness) }
    #expect(asLog == nil)
  }

  @Test func everyFlippedBitIsFound() throws {
    let witness = try VerifierKey(Vectors.witness)
    let cosigner = try Vectors.cosigner()
    let good = try cosigner.cosign(Vectors.text.utf8Bytes, at: 1_700_000_000)
    for bit in 0..<good.bytes.count * 8 {
      var bytes = good.bytes
      bytes[bit / 8] ^= 1 << (bit % 8)
      #expect(!witness.verifies(signature: bytes, of: Vectors.text.utf8Bytes), "bit \(bit)")
    }
    #expect(!witness.verifies(signature: Array(good.bytes.dropLast()), of: Vectors.text.utf8Bytes))
    #expect(!witness.verifies(signature: good.bytes, of: Vectors.text.utf8Bytes + [0x0A]))
  }

  @Test func timesBeyondTheFormatAreRefusedAndTheNewestCounts() throws {
    let cosigner = try Vectors.cosigner()
    let text = Vectors.text.utf8Bytes
    var note = try SignedNote(text: text)
    note.append(try cosigner.cosign(text, at: 1 << 63))
    #expect(note.cosignatures(by: [cosigner.verifier]).isEmpty)
    for time in [5, 9, 7] as [UInt64] { note.append(try cosigner.cosign(text, at: time)) }
    #expect(note.cosignatures(by: [cosigner.verifier]).map(\.time) == [9])
  }
}

@Suite struct WitnessPolicyTests {
  /// Verifier keys of witnesses, with made-up names and real keys.
  private func witness(_ number: UInt8) throws -> VerifierKey {
    var seed = ByteBuffer()
    seed.append([UInt8](repeating: number, count: 32))
    let name = try #require(KeyName("witness.example/\(number)"))
    return CosignerKey(SignerKey(name: name, key: try SigningKey(seed: seed.view))).verifier
  }

  private func policy(_ text: String) throws -> WitnessPolicy {
    try text.utf8Bytes.withView { try WitnessPolicy($0) }
  }

  /// The example of the specification: two of three X, and any of three Y.
  private func example() throws -> (WitnessPolicy, [VerifierKey]) {
    let keys = try (1...6).map { try witness(UInt8($0)) }
    var text = "# an example\n\nlog \(Vectors.vkey)   https://log.example/\n"
    for (place, key) in keys.enumerated() {
      text +=
        "\twitness \(place < 3 ? "X" : "Y")\(place % 3 + 1) \(key) \(place == 0 ? "http://127.0.0.1:1" : "")\n"
    }
    text += "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n"
    text += "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
    return (try policy(text), keys)
  }

  @Test func theExampleIsRead() throws {
    let (policy, keys) = try example()
    #expect(policy.logs.map(\.url) == ["https://log.example/"])
    #expect(policy.logs.map(\.key) == [try Vectors.key()])
    #expect(policy.witnesses.map(\.name) == ["X1", "X2", "X3", "Y1", "Y2", "Y3"])
    #expect(policy.witnesses.map(\.key) == keys)
    #expect(policy.witnesses.map(\.url) == ["http://127.0.0.1:1", nil, nil, nil, nil, nil])
    #expect(policy.quorum == "X-and-Y" && policy.needsWitnesses)
  }

  @Test func everySetOfSignersIsJudged() throws {
    let (policy, keys) = try example()
    for set in 0..<64 {
      let signed = keys.indices.filter { set & 1 << $0 != 0 }
      let wanted = signed.count { $0 < 3 } >= 2 && signed.contains { $0 >= 3 }
      #expect(policy.isSatisfied(by: signed.map { keys[$0] }) == wanted, "set \(set)")
    }
    // One who signs twice counts once.
    #expect(!policy.isSatisfied(by: [keys[0], keys[0], keys[3]]))
  }

  @Test func noneNeedsNobody() throws {
    let policy = try policy("quorum none\n")
    #expect(policy.isSatisfied(by: []) && !policy.needsWitnesses)
  }

  @Test func oneWitnessCanBeTheQuorum() throws {
    let key = try witness(1)
    let policy = try policy("witness a \(key)\nquorum a\n")
    #expect(policy.isSatisfied(by: [key]) && !policy.isSatisfied(by: []))
    #expect(!policy.isSatisfied(by: [try witness(2)]))
  }

  @Test(arguments: [
    ("", PolicyError.Reason.noQuorum, 0), ("quorum none", .noFinalLineFeed, 1),
    ("quorum a\n", .unknownName, 1), ("quorum none\nquorum none\n", .secondQuorum, 2),
    ("wit\n", .keyword, 1), ("quorum\n", .wordCount, 1), ("quorum none none\n", .wordCount, 1),
    ("quorum none\r\n", .controlCharacter, 1), ("a\u{7F}\n", .controlCharacter, 1),
    ("witness a\n", .wordCount, 1), ("witness a LOG\n", .keyType, 1), ("log W1\n", .keyType, 1),
    ("log LOG a b\n", .wordCount, 1), ("log LOG\nlog LOG\n", .duplicateKey, 2),
    ("witness a W1\nwitness b W1\n", .duplicateKey, 2), ("witness a W1\nwitness a W2\n", .duplicateName, 2),
    ("witness none W1\n", .reservedName, 1), ("group none any a\n", .unknownName, 1),
    ("witness a W1\ngroup none any a\n", .reservedName, 2),
    ("witness a W1\ngroup a any a\n", .duplicateName, 2),
    ("group g any\n", .wordCount, 1), ("witness a W1\ngroup g any b\n", .unknownName, 2),
    ("witness a W1\ngroup g any a a\n", .usedTwice, 2),
    ("witness a W1\ngroup g any a\ngroup h any a\n", .usedTwice, 3),
    ("witness a W1\ngroup g 2 a\n", .threshold, 2), ("witness a W1\ngroup g 0 a\n", .threshold, 2),
    ("witness a W1\ngroup g 01 a\n", .threshold, 2), ("witness a W1\ngroup g some a\n", .threshold, 2),
    ("quorum g\nwitness g W1\n", .unknownName, 1),
  ])
  func whatIsNoPolicyIsRefused(text: String, reason: PolicyError.Reason, line: Int) throws {
    let joined = text.replacing("LOG", with: Vectors.vkey).replacing("W1", with: "\(try witness(1))")
      .replacing("W2", with: "\(try witness(2))")
    let error = #expect(throws: PolicyError.self) { try policy(joined) }
    #expect(error?.reason == reason && error?.line == line, "\(error.map { "\($0)" } ?? "")")
  }
}
