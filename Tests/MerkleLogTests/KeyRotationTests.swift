import Bytes
import Cryptography
import MerkleLog
import Testing

@Suite struct KeyRotationTests {
  private static func signer(_ seed: UInt8, _ name: String = Vectors.origin) throws -> SignerKey {
    var bytes = ByteBuffer()
    bytes.append([UInt8](repeating: seed, count: 32))
    return SignerKey(name: try #require(KeyName(name)), key: try SigningKey(seed: bytes.view))
  }

  private static func read(_ text: String) throws -> KeyRotation {
    try text.utf8Bytes.withView { try KeyRotation($0) }
  }

  @Test func noteSaysWhoFollowsWhomAndIsSignedByBoth() throws {
    let old = try Vectors.signer()
    let new = try Self.signer(7)
    let rotation = try KeyRotation(old: old.verifier, new: new.verifier, index: 42)
    #expect(
      rotation.text
        == """
        stele key rotation v1
        origin lbaudit.example/node1
        old \(Vectors.vkey)
        new \(new.verifier)
        index 42

        """)
    let note = try rotation.note(old: old, new: new)
    #expect(note.signatures.map(\.keyID) == [old.verifier.id, new.verifier.id])
    let again = try note.bytes.withView { try SignedNote($0) }
    #expect(try KeyRotation(again) == rotation)
    #expect(try Self.read(rotation.text) == rotation)
  }

  @Test func oneSignatureIsNotEnough() throws {
    let old = try Vectors.signer()
    let new = try Self.signer(7)
    let other = try Self.signer(8)
    let rotation = try KeyRotation(old: old.verifier, new: new.verifier, index: 42)
    let text = rotation.text.utf8Bytes
    var byOld = try SignedNote(text: text)
    try byOld.sign(with: old)
    #expect(throws: NoteError(.noKnownSignature)) { try KeyRotation(byOld) }
    var byNew = try SignedNote(text: text)
    try byNew.sign(with: new)
    try byNew.sign(with: other)
    #expect(throws: NoteError(.noKnownSignature)) { try KeyRotation(byNew) }
    byNew.append(NoteSignature(name: old.name, keyID: old.verifier.id, bytes: byNew.signatures[0].bytes))
    #expect(throws: NoteError.self) { try KeyRotation(byNew) }
    byOld.append(byNew.signatures[0])
    #expect(try KeyRotation(byOld) == rotation)
  }

  @Test func everyOtherSpellingIsRefused() throws {
    let (old, new) = (try Vectors.signer().verifier, try Self.signer(7).verifier)
    let text = try KeyRotation(old: old, new: new, index: 42).text
    #expect((try? Self.read(text)) != nil)
    let wrong = [
      text.replacing("v1", with: "v2"), text.replacing("index 42", with: "index 042"),
      text.replacing("origin lbaudit.example/node1", with: "origin lbaudit.example/node2"),
      text.replacing("index 42\n", with: "index 42"), text + "index 43\n", text.replacing("old", with: "new"),
      text.replacing("index 42\n", with: ""), text.replacing("\(new)", with: "\(old)"),
      text.replacing("\(new)", with: "\(try Self.signer(7, "lbaudit.example/node2").verifier)"),
      text.replacing("\(new)", with: Vectors.witness), "",
    ]
    for text in wrong { #expect(throws: NoteError.self, "\(text)") { try Self.read(text) } }
  }

  @Test func theKeyInForceIsTheOneOfThatSize() throws {
    let keys = try [1, 2, 3].map { try Self.signer($0).verifier }
    var log = LogKeys(origin: keys[0])
    #expect(log.origin(at: 0) == keys[0] && log.origin(at: .max) == keys[0])
    log.rotate(try KeyRotation(old: keys[0], new: keys[1], index: 10))
    log.rotate(try KeyRotation(old: keys[1], new: keys[2], index: 20))
    let inForce = [UInt64(0), 9, 10, 11, 20, 21, .max].map { log.origin(at: $0) }
    #expect(inForce == [keys[0], keys[0], keys[0], keys[1], keys[1], keys[2], keys[2]])
    #expect(log.origins == keys)
    #expect(log.rotations.map(\.index) == [10, 20])
    #expect(try log.text.utf8Bytes.withView { try LogKeys($0) } == log)
    // Not by another than the last key, not to one that there was, not backwards.
    let fresh = try Self.signer(4).verifier
    #expect(log.isFollowed(by: try KeyRotation(old: keys[2], new: fresh, index: 21)))
    #expect(!log.isFollowed(by: try KeyRotation(old: keys[1], new: fresh, index: 21)))
    #expect(!log.isFollowed(by: try KeyRotation(old: keys[2], new: keys[0], index: 21)))
    #expect(!log.isFollowed(by: try KeyRotation(old: keys[2], new: fresh, index: 20)))
    // Two keys cannot have ended at the same entry.
    let twice = log.text.replacing("until 20", with: "until 10")
    #expect(throws: KeyError.self) { try twice.utf8Bytes.withView { try LogKeys($0) } }
  }

  @Test func aFormerKeySignsNothingBehindItsEnd() throws {
    let old = try Vectors.signer()
    let new = try Self.signer(7)
    var keys = LogKeys(origin: old.verifier)
    keys.rotate(try KeyRotation(old: old.verifier, new: new.verifier, index: 5))
    func read(_ signed: SignedCheckpoint) throws -> UInt64 {
      try signed.note.bytes.withView { try SignedCheckpoint($0, keys: keys).checkpoint.size }
    }
    let root = leafHash([])
    let before = Checkpoint(origin: old.name, size: 5, root: root)
    let behind = Checkpoint(origin: old.name, size: 6, root: root)
    #expect(try read(SignedCheckpoint(before, signedBy: old)) == 5)
    #expect(throws: NoteError(.noKnownSignature)) { try read(SignedCheckpoint(before, signedBy: new)) }
    #expect(throws: NoteError(.superseded(index: 5))) { try read(SignedCheckpoint(behind, signedBy: old)) }
    var both = try SignedCheckpoint(behind, signedBy: old)
    try both.sign(with: new)
    #expect(try read(both) == 6)
  }
}
