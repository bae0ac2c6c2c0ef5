import Bytes
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentWriter
import Segments
import TestSupport
import Testing

/// Who has one of the two keys that an origin key's rotation needs, or the one that gave way.
@Suite struct RotationForgeryTests {
  /// Who has a private key.
  private final class Holder: Sendable {
    let key: SignerKey
    init(_ key: consuming SignerKey) { self.key = key }
  }

  /// A log of which somebody copied the private key that signed first.
  private struct Log {
    let path: String
    let keys: LogKeys
    let thief: Holder

    /// Two segments; with a rotation between them where `isRotated`.
    init(_ path: String, isRotated: Bool) throws {
      self.path = path + "/log"
      let origin = try #require(KeyName("logs.example.com/rotated"))
      keys = try LogCreation.create(directory: self.path, origin: origin, keyPath: path + "/log.key")
      thief = Holder(try LogCreation.readKey(path + "/log.key"))
      let writer = try open()
      try writer.append(control: [#"{"type":"heartbeat"}"#])
      if isRotated {
        _ = try writer.rotate(
          to: NextKey(directory: self.path, keyPath: path + "/log.key", .generated))
      }
      try writer.append(control: [#"{"type":"heartbeat"}"#])
      try writer.close()
    }

    func open() throws -> LogWriter {
      var options = WriterOptions()
      options.keyPath = path + ".key"
      return try LogWriter(directory: path, key: LogCreation.readKey(path + ".key"), options: options)
    }

    /// Verifies with what `stele init` printed; quickly, and not.
    func judge() throws -> (status: Inspect.ExitStatus, findings: [Finding]) {
      var reports: [VerifyReport] = []
      for isQuick in [true, false] {
        var verifier = Verifier(path)
        verifier.key = keys.origin
        verifier.firstKey = keys.first
        verifier.isQuick = isQuick
        reports.append(try verifier.run())
      }
      #expect(reports[0].exitStatus == reports[1].exitStatus, "\(reports.map(\.findings))")
      return (reports[1].exitStatus, reports[1].findings)
    }

    /// Replaces the origin key's signatures under a note by those of other keys; the one-time signature stays.
    func sign(_ name: String, by sign: (inout SignedNote) throws -> Void) throws {
      let directory = try Directory(path)
      let bytes = try directory.readFile(name, limit: SignedNote.maximumSize)
      let old = try SignedNote(bytes.view)
      var note = try SignedNote(text: old.text)
      try sign(&note)
      for signature in old.signatures where signature.name != keys.origin.name { note.append(signature) }
      try note.bytes.withView { try directory.replaceFile(name, with: $0, mode: 0o444) }
    }

    func put(_ keys: LogKeys) throws {
      try Array(keys.text.utf8).withView { try Directory(path).replaceFile("vkey", with: $0, mode: 0o444) }
    }

    /// Seals and checkpoint, the oldest first.
    var notes: [String] {
      get throws {
        try Directory(path).names().filter { $0.hasSuffix(".seal") }.sorted() + [FileNames.checkpoint]
      }
    }
  }

  @Test func aStolenKeySignsNothingBehindItsRotation() throws {
    try withTemporaryDirectory { path in
      let log = try Log(path, isRotated: true)
      let files = try readTree(log.path)
      let clean = try log.judge()
      #expect(clean.status == .fine && clean.findings.map(\.kind) == [.keyRotation])
      func restore() throws {
        try removeTree(log.path)
        try writeTree(files, to: log.path)
      }
      // Each note behind the rotation by itself.
      for name in try log.notes.suffix(2) {
        try log.sign(name) { try $0.sign(with: log.thief.key) }
        let told = try log.judge()
        #expect(told.status == .damage)
        #expect(told.findings.contains { $0.kind == .badSignature && $0.file == name }, "\(told.findings)")
        #expect(told.findings.contains { $0.text.contains("former key") }, "\(told.findings)")
        try restore()
      }
      // All of them, in a directory that was never told of another key.
      for name in try log.notes { try log.sign(name) { try $0.sign(with: log.thief.key) } }
      try log.put(log.keys)
      #expect(try log.judge().status == .damage)
    }
  }

  /// Lets an entry replace the key, and what stands behind it be signed by another's key.
  private static func forge(
    _ log: Log, by usurper: Holder, _ sign: (inout SignedNote) throws -> Void
  ) throws {
    let writer = try log.open()
    let index = writer.tree.size
    let rotation = try KeyRotation(old: log.keys.origin, new: usurper.key.verifier, index: index)
    var note = try SignedNote(text: Array(rotation.text.utf8))
    try sign(&note)
    let record: JSONValue = [
      "type": "key_rotation", "note": .text(String(decoding: note.bytes, as: UTF8.self)),
    ]
    try writer.append(control: [record.text], plan: try writer.makePlan())
    try writer.close()
    for name in try log.notes.suffix(2) { try log.sign(name) { try $0.sign(with: usurper.key) } }
    var keys = log.keys
    keys.rotate(rotation)
    try log.put(keys)
  }

  @Test func aRotationThatTheOldKeyDidNotSignIsFound() throws {
    try withTemporaryDirectory { path in
      let log = try Log(path, isRotated: false)
      let usurper = Holder(try SignerKey.generate(name: log.keys.origin.name))
      try Self.forge(log, by: usurper) { try $0.sign(with: usurper.key) }
      let told = try log.judge()
      #expect(told.status == .damage)
      #expect(told.findings.contains { $0.text.contains("not signed by both") }, "\(told.findings)")
    }
  }

  @Test func aRotationThatTheNewKeyDidNotSignIsFound() throws {
    try withTemporaryDirectory { path in
      let log = try Log(path, isRotated: false)
      let other = Holder(try SignerKey.generate(name: log.keys.origin.name))
      try Self.forge(log, by: other) { try $0.sign(with: log.thief.key) }
      #expect(try log.judge().status == .damage)
    }
  }

  /// The lawful twin: who has both writes a rotation that everybody follows, and who has the present key is
  /// asked nothing else.
  @Test func aRotationThatBothSignedIsFollowed() throws {
    try withTemporaryDirectory { path in
      let log = try Log(path, isRotated: false)
      let next = Holder(try SignerKey.generate(name: log.keys.origin.name))
      try Self.forge(log, by: next) {
        try $0.sign(with: log.thief.key)
        try $0.sign(with: next.key)
      }
      let told = try log.judge()
      #expect(told.status == .fine && told.findings.map(\.kind) == [.keyRotation], "\(told.findings)")
    }
  }

  /// A statement that was made once is about one entry: it cannot be said again somewhere else.
  @Test func aReplayedRotationIsFound() throws {
    try withTemporaryDirectory { path in
      let log = try Log(path, isRotated: false)
      let next = Holder(try SignerKey.generate(name: log.keys.origin.name))
      let early = try KeyRotation(old: log.keys.origin, new: next.key.verifier, index: 2)
      let note = try early.note(old: log.thief.key, new: next.key)
      let writer = try log.open()
      try writer.append(control: [KeyRotationRecord(note).text], plan: try writer.makePlan())
      try writer.close()
      #expect(try log.judge().status == .damage)
    }
  }
}
