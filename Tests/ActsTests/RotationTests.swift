import Bytes
import Collector
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter
import Segments
import TestSupport
import Testing

/// A log whose origin key was replaced, as writers and readers see it.
@Suite struct RotationTests {
  /// Lets another key take the place of the present one, and goes on a little.
  @discardableResult private static func rotate(_ log: ActLog) throws -> KeyRotation {
    let outcome = try log.withSession { session, _ in
      try session.rotate(to: .generated, reason: "yearly")
    }
    #expect(outcome.isKeyReplaced)
    try grow(log)
    return outcome.rotation
  }

  private static func grow(_ log: ActLog) throws {
    let writer = try log.open()
    try ActLog.append(30, writer, try writer.makePlan())
    try writer.close()
  }

  private static func verify(_ log: ActLog, _ key: VerifierKey?, quick: Bool = false) throws -> VerifyReport {
    var verifier = Verifier(log.path)
    verifier.key = key
    verifier.isQuick = quick
    return try verifier.run()
  }

  /// Verifies with each key that the log had, and with none, quickly and whole: the rotations are told, and
  /// nothing else but what is `expected`.
  private static func check(
    _ log: ActLog, _ rotations: [KeyRotation], _ expected: [String] = []
  ) throws {
    let keys = [log.key] + rotations.map(\.new)
    for key in keys.map(Optional.some) + [nil] {
      for quick in [false, true] {
        let report = try verify(log, key, quick: quick)
        let told = Array(repeating: "key_rotation note", count: rotations.count)
        #expect(log.kinds(report).sorted() == (told + expected).sorted(), "\(report.findings)")
        #expect(report.logKeys?.rotations == rotations)
        #expect(report.checkpoint != nil && report.sealedSegments == report.segments)
      }
    }
  }

  @Test func everyKeyThatTheLogHadLeadsThroughAllOthers() throws {
    let log = try ActLog()
    let before = try #require(try log.read(log.keyPath))
    let first = try Self.rotate(log)
    try Self.check(log, [first])
    let second = try Self.rotate(log)
    #expect(first.old == log.key && second.old == first.new && first.index < second.index)
    try Self.check(log, [first, second])
    #expect(try Self.verify(log, log.key).exitStatus == .fine)
    let keys = try LogDirectory(log.path).keys()
    #expect(keys.rotations == [first, second] && keys.origin == second.new && keys.first != nil)
    // The file holds the new key, and nothing is left of what it was replaced by.
    #expect(try LogCreation.readKey(log.keyPath).verifier == second.new)
    #expect(try log.read(log.keyPath + ".new") == nil)
    #expect(try log.read(log.keyPath) != before)
    // A stranger's key leads nowhere.
    let stranger = try SignerKey.generate(name: log.key.name).verifier
    let report = try Self.verify(log, stranger)
    #expect(report.exitStatus == .damage && report.findings.contains { $0.kind == .badKey })
  }

  @Test func theCheckpointThatCoversTheRotationHasBothSignatures() throws {
    let log = try ActLog()
    let writer = try log.open()
    let next = try NextKey(directory: log.path, keyPath: nil, .file(Self.newKey(log)))
    let outcome = try writer.rotate(to: next)
    #expect(!outcome.isKeyReplaced)
    let note = try #require(try log.read(log.path + "/checkpoint")).withView { try SignedNote($0) }
    #expect(note.signatures.map(\.name).prefix(2) == [log.key.name, log.key.name])
    #expect(note.signatures.map(\.keyID).prefix(2) == [outcome.rotation.new.id, log.key.id])
    #expect(note.signatures.count == 3)
    try writer.append(control: [#"{"type":"heartbeat"}"#])
    try writer.checkpoint()
    let later = try #require(try log.read(log.path + "/checkpoint")).withView { try SignedNote($0) }
    #expect(later.signatures.map(\.keyID).first == outcome.rotation.new.id && later.signatures.count == 2)
    try writer.close()
    // The private key was nobody's to replace: the old one is refused with a word that helps.
    let error = #expect(throws: WriteError.self) { _ = try log.open() }
    #expect("\(error.map { "\($0)" } ?? "")".contains("at entry \(outcome.rotation.index) it gave way"))
    try Self.check(log, [outcome.rotation])
  }

  private static func newKey(_ log: ActLog, _ name: KeyName? = nil) throws -> String {
    let path = log.directory.file("next.key")
    try LogCreation.createKey(name: name ?? log.key.name, at: path)
    return path
  }

  @Test func keysThatCannotFollowAreRefused() throws {
    let log = try ActLog()
    let before = try log.files()
    let other = try Self.newKey(log, KeyName("logs.example.com/other"))
    for (file, text) in [(other, "another name"), (log.keyPath, "this log's before")] {
      let error = #expect(throws: WriteError.self) {
        _ = try NextKey(directory: log.path, keyPath: log.keyPath, .file(file))
      }
      #expect("\(error.map { "\($0)" } ?? "")".contains(text))
    }
    // One that is nobody's to replace must be given.
    #expect(throws: WriteError.self) { _ = try NextKey(directory: log.path, keyPath: nil, .generated) }
    #expect(try log.files() == before)
    #expect(try log.read(log.keyPath + ".new") == nil)
  }

  @Test func erasuresOfBothTimesHold() throws {
    let log = try ActLog()
    try log.erase([5, 310])
    let rotation = try Self.rotate(log)
    try Self.check(log, [rotation], ["erased note", "erased note"])
    try log.erase([6, 330])
    #expect(try log.damage() == [])
    // The old key's amendment where the new one's belongs: the old key, stolen, signs nothing any more.
    try log.open().close()
    #expect(try log.damage() == [])
  }

  @Test func copiesTellOfARotationWhoseSegmentWasRemoved() throws {
    let log = try ActLog()
    let first = try Self.rotate(log)
    let second = try Self.rotate(log)
    try Self.grow(log)
    #expect(try !log.prune(keep: 1).segments.isEmpty)
    #expect(try log.read(log.name(first.index, .segment)) == nil)
    try Self.check(log, [first, second], ["retention note"])
    // The copies are carried on when their own segments go.
    try Self.grow(log)
    try log.prune(keep: 1)
    try Self.grow(log)
    try Self.check(log, [first, second], ["retention note"])
    let third = try Self.rotate(log)
    try Self.check(log, [first, second, third], ["retention note"])
    try log.erase([try LogReader(log.path).endIndex() - 5])
    #expect(try log.damage() == [])
  }

  @Test func keysThatNothingConfirmsAreDamage() throws {
    let log = try ActLog()
    let rotation = try Self.rotate(log)
    let files = try log.files()
    func told(_ keys: LogKeys) throws -> [Finding.Kind] {
      try log.restore(files)
      try log.put(Array(keys.text.utf8), log.path + "/vkey")
      return try log.damage().map(\.kind)
    }
    let own = try LogDirectory(log.path).keys()
    #expect(try told(own) == [])
    // The line about the former key is gone; another index; another former key.
    var keys = own
    keys.former = []
    #expect(try told(keys) == [.badKey])
    keys = own
    keys.former[0].end -= 1
    #expect(try told(keys).contains(.badKey))
    keys = own
    let other = try SignerKey.generate(name: log.key.name).verifier
    keys.former.insert(LogKeys.Former(other, until: 1), at: 0)
    #expect(try told(keys).contains(.badKey))
    keys = own
    keys.former.append(LogKeys.Former(own.origin, until: rotation.index + 5))
    keys.origin = other
    #expect(try told(keys).contains(.badKey))
  }
}
