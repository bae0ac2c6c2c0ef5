import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentWriter
import Segments
import Templates
import TestSupport
import Testing

/// A log that the real writer made, while somebody copied every private key that it ever had, and the whole
/// directory at every checkpoint.
///
///     segment   0..<2    created, key                                             sealed
///               2..<20   8 lines, key, 6 lines, 2 heartbeats, key                 sealed
///              20..<38   the same                                                 sealed
///              38..<56   the same                                                 being written
///
/// The trees that checkpoints 0 to 6 sign have 2, 11, 20, 29, 38, 47 and 56 entries.
struct GenuineLog: Sendable {
  let origin: KeyName
  let keys: LogKeys
  /// All that there ever were.
  private(set) var everyKey: Keyring
  /// The one-time keys in the store at the end.
  private(set) var unusedKeys = try? Keyring()
  /// The directory, and the key store beside it as `log.next`, after each checkpoint.
  private(set) var moments: [[String: [UInt8]]] = []

  /// The directory as it is when the attacker comes.
  var files: [String: [UInt8]] { moments[6].filter { $0.key != Self.storeName } }
  /// The directory as it was at an earlier checkpoint.
  func files(_ number: Int) -> [String: [UInt8]] { moments[number].filter { $0.key != Self.storeName } }
  func checkpoint(_ number: Int) -> [UInt8] { moments[number][FileNames.checkpoint] ?? [] }

  var originKey: Keyring { get throws { try Keyring([Self.originSeed]) } }
  /// What root finds: the origin key, and the one-time keys that are still to be used.
  var keysOfRoot: Keyring { get throws { try originKey + #require(unusedKeys) } }

  static let storeName = "log.next"
  private static let originSeed = [UInt8](repeating: 7, count: 32)
  private static let firstSeed = [UInt8](repeating: 8, count: 32)

  /// One for all tests.
  static func shared() throws -> GenuineLog { try made.get() }
  private static let made = Result { try withTemporaryDirectory { try GenuineLog($0) } }
  /// Another log of the same collector: same keys of the same name, other entries.
  static func other() throws -> GenuineLog { try madeOther.get() }
  private static let madeOther = Result { try withTemporaryDirectory { try GenuineLog($0, from: 5000) } }

  static func open(_ path: String, _ origin: KeyName, _ options: WriterOptions = WriterOptions()) throws
    -> LogWriter
  {
    var seed = ByteBuffer()
    seed.append(originSeed)
    let signer = SignerKey(name: origin, key: try SigningKey(seed: seed.view))
    return try LogWriter(directory: path + "/log", key: signer, options: options)
  }

  /// Makes the log as `path`/log, with lines numbered from `first` on.
  init(_ path: String, from first: Int = 0) throws {
    origin = try #require(KeyName("logs.example.com/genuine"))
    everyKey = try Keyring([Self.originSeed, Self.firstSeed])
    keys = try Self.create(path, origin)
    let writer = try Self.open(path, origin)
    try writer.append(control: [#"{"type":"created","origin":"\#(origin)"}"#])
    try end(writer, path)
    for segment in 0..<3 {
      let plan = try writer.makePlan()
      try Self.append(LogBuilder.lines(8, from: first + Int(writer.tree.size)), writer, plan)
      try note(writer, path)
      try Self.append(LogBuilder.lines(6, from: first + Int(writer.tree.size)), writer, plan)
      try writer.append(control: [#"{"type":"heartbeat"}"#, #"{"type":"heartbeat"}"#])
      if segment < 2 { try end(writer, path) } else { try note(writer, path) }
    }
  }

  /// As `LogCreation`, with a first one-time key that is known.
  private static func create(_ path: String, _ origin: KeyName) throws -> LogKeys {
    _ = try Directory(making: path + "/log")
    let store = try KeyStore(creating: path + "/" + storeName, origin: origin)
    try firstSeed.withView {
      try store.keep($0, .checkpoint, 0)
      try store.keep($0, .seal, 0)
    }
    let key = VerifierKey(name: origin, publicKey: try Keyring.publicKey(originSeed))
    let first = VerifierKey(name: origin.checkpointKey(0), publicKey: try Keyring.publicKey(firstSeed))
    let keys = LogKeys(origin: key, first: first)
    try Array(keys.text.utf8).withView {
      try FileDescriptor(writing: path + "/log/" + FileNames.verifierKey).write($0)
    }
    return keys
  }

  /// Appends lines as one block.
  static func append(_ entries: [TestEntry], _ writer: LogWriter, _ plan: SegmentPlan) throws {
    try LogBuilder.append(entries, to: writer, plan)
  }

  /// Writes a checkpoint, and copies all there is.
  private mutating func note(_ writer: LogWriter, _ path: String) throws {
    try writer.checkpoint()
    var files = try readTree(path + "/log")
    files[Self.storeName] = try readTree(path)[Self.storeName]
    moments.append(files)
    try copyKeys(path)
  }

  /// Writes a checkpoint, and ends the segment.
  private mutating func end(_ writer: LogWriter, _ path: String) throws {
    try note(writer, path)
    try writer.finishSegment()
    try writer.waitForSeals()
    try copyKeys(path)
  }

  private mutating func copyKeys(_ path: String) throws {
    let present = try Keyring(of: KeyStore.open(path + "/" + Self.storeName, origin: origin))
    unusedKeys = present
    everyKey = everyKey + present
  }
}
