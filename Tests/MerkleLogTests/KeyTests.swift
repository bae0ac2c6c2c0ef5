import Bytes
import Cryptography
import MerkleLog
import Testing

@Suite struct KeyTests {
  @Test(arguments: [
    Vectors.vkey, Vectors.witness,
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
  ])
  func printsWhatItReads(text: String) throws {
    #expect(try VerifierKey(text).description == text)
    #expect(try VerifierKey(text + "\n").description == text)
  }

  @Test func keyOfTheSmallLog() throws {
    let signer = try Vectors.signer()
    let verifier = signer.verifier
    #expect(verifier.description == Vectors.vkey)
    #expect(verifier.id == 0x88af_a1b2)
    #expect(verifier == (try Vectors.key()))
    #expect(try !VerifierKey(Vectors.witness).isSupported)
  }

  @Test func signerKeyTextIsReadBack() throws {
    let signer = try Vectors.signer()
    var text = ByteBuffer()
    try signer.appendText(to: &text)
    let wanted = "PRIVATE+KEY+lbaudit.example/node1+88afa1b2+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    #expect(text.view.text == wanted)
    let again = try SignerKey(text.view)
    #expect(again.verifier == (try Vectors.key()))
    text.append(0x0A)
    let file = try SignerKey(text.view)
    #expect(try file.sign([1, 2, 3]) == signer.sign([1, 2, 3]))
  }

  @Test func newKeysSignAndDiffer() throws {
    let name = try #require(KeyName("example.com/log"))
    let first = try SignerKey.generate(name: name)
    let second = try SignerKey.generate(name: name)
    let (a, b) = (first.verifier, second.verifier)
    #expect(a != b)
    let signature = try first.sign([7])
    #expect(a.verifies(signature: signature, of: [7]))
    #expect(!b.verifies(signature: signature, of: [7]))
  }

  @Test(arguments: [
    ("", KeyError.Reason.fields), ("name", .fields), ("name+00000000", .fields),
    ("+88afa1b2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", .name),
    ("a b+88afa1b2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", .name),
    ("lbaudit.example/node1+88AFA1B2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", .id),
    ("lbaudit.example/node1+88afa1b+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", .id),
    ("lbaudit.example/node1+88afa1b3+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", .mismatch),
    ("lbaudit.example/node2+88afa1b2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4", .mismatch),
    ("lbaudit.example/node1+88afa1b2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG5", .mismatch),
    ("lbaudit.example/node1+88afa1b2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG", .key),
    ("lbaudit.example/node1+88afa1b2+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4\n\n", .key),
    ("lbaudit.example/node1+88afa1b2+", .key), ("lbaudit.example/node1+88afa1b2+AQ==", .key),
    ("lbaudit.example/node1+88afa1b2+AQOh", .size),
    ("witness.example/w1+20324abf+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X", .mismatch),
  ])
  func badVerifierKeysAreRefused(text: String, reason: KeyError.Reason) {
    let error = #expect(throws: KeyError.self) { try VerifierKey(text) }
    #expect(error?.reason == reason)
  }

  @Test func unknownTypesCanBeReadAndVerifyNothing() throws {
    let key = try VerifierKey("example.com/private+01020304+/wECAw==")
    #expect(key.type == 0xFF && key.key == [1, 2, 3] && key.id == 0x0102_0304 && !key.isSupported)
    #expect(!key.verifies(signature: Array(repeating: 0, count: 64), of: []))
  }

  @Test(arguments: [
    ("", KeyError.Reason.fields),
    ("lbaudit.example/node1+88afa1b2+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", .fields),
    ("PRIVATE+KEY+", .fields),
    ("PRIVATE+KEY+lbaudit.example/node1+88afa1b3+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", .mismatch),
    ("PRIVATE+KEY+lbaudit.example/node1+88afa1b2+AgABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", .type),
    ("PRIVATE+KEY+lbaudit.example/node1+88afa1b2+AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4=", .size),
    ("PRIVATE+KEY+lbaudit.example/node1+88afa1b2+AQAB?", .key),
  ])
  func badSignerKeysAreRefused(text: String, reason: KeyError.Reason) {
    let error = #expect(throws: KeyError.self) {
      try text.utf8Bytes.withView { (view) throws(KeyError) in _ = try SignerKey(view) }
    }
    #expect(error?.reason == reason)
  }

  @Test func namesAreComparedByteByByte() throws {
    let composed = try #require(KeyName("caf\u{E9}"))
    let decomposed = try #require(KeyName("cafe\u{301}"))
    #expect(composed != decomposed)
    for bad in ["", " ", "a b", "a\u{A0}b", "a\u{2003}b", "a+b", "a\tb", "a\nb", "a\u{1}", "a\u{85}"] {
      #expect(KeyName(bad) == nil, "\(bad.debugDescription)")
    }
    #expect([UInt8](arrayLiteral: 0x61, 0xC3).withView { KeyName($0) } == nil)
  }
}
