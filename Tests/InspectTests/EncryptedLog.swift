import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter
import Segments
import Templates
import TestSupport

/// A log whose messages are encrypted, in a directory below `path`.
struct EncryptedLog {
  let path: String
  let key: VerifierKey
  var recipients: [TestIdentity] = [.ec]

  static let message = "SECRET GET /account/42"

  init(_ directory: String, recipients: [TestIdentity] = [.ec]) throws {
    guard let origin = KeyName("logs.example.com/closed") else { throw DecodeError(.invalid, at: 0) }
    path = directory + "/log"
    self.recipients = recipients
    key = try LogCreation.create(directory: path, origin: origin, keyPath: path + ".key").origin
  }

  var keysPath: String { path + ".next" }

  /// Opens a writer; of a copy of the directory, if one is given, that a crash left.
  func open(_ copy: String? = nil) throws -> LogWriter {
    var options = WriterOptions()
    options.recipients = try recipients.map { try $0.recipient() }
    return try LogWriter(
      directory: copy ?? path, key: try LogCreation.readKey(path + ".key"), options: options)
  }

  /// Appends a block of messages.
  static func append(_ count: Int, _ writer: LogWriter, _ plan: SegmentPlan) throws {
    // A segment ends with a checkpoint, which adds an entry.
    if let open = writer.plan, open !== plan { try writer.checkpoint() }
    let block = EncodedBlock(plan: plan)
    let matcher = Matcher([])
    var builder = BlockBuilder(for: matcher)
    var hasher = try EntryHasher(seed: try plan.messageSeed())
    let first = writer.tree.size
    for number in 0..<count {
      let metadata = EntryMetadata(time: Int64(first) + Int64(number), source: 1, flags: 2, kind: .received)
      try Array("\(message) \(first + UInt64(number))".utf8).withView { raw in
        try ([0] as [UInt8]).withView { envelope in
          builder.append(unparsed: raw, metadata, envelope: envelope)
          block.leaves.append(
            try hasher.leaf(index: first + UInt64(number), metadata, envelope: envelope, raw: raw))
        }
      }
    }
    block.contents = builder.finish(matcher, sourceNames: [SourceName(1, "test")], to: &block.payload)
    block.foldLeaves(first: first)
    try block.encrypt()
    try writer.append(block)
  }

  /// Entries 2 to 5 are a segment, 6 to 9 another; 3 and 7 are control entries, and so are the `key` entries
  /// at the ends.
  func fill() throws {
    let writer = try open()
    for _ in 0..<2 {
      let plan = try writer.makePlan()
      try Self.append(1, writer, plan)
      try writer.append(control: [#"{"type":"heartbeat"}"#])
      try Self.append(1, writer, plan)
      try writer.finishSegment()
    }
    try writer.close()
  }

  /// Writes control entries, sealed and under a checkpoint.
  func record(_ texts: [String], signed: Bool = true) throws {
    let writer = try open()
    try writer.append(control: texts)
    if signed { try writer.close() }
  }

  /// What the entries say, to somebody with that private key.
  func texts(_ identity: TestIdentity, _ path: String? = nil) throws -> [String] {
    let reader = try LogReader(path ?? self.path, key: key, recipient: try identity.recipientKey())
    return try (0..<reader.endIndex()).map { String(decoding: try reader.entry($0).raw, as: UTF8.self) }
  }

  /// The bytes of a key store.
  static func store(_ path: String) throws -> [UInt8] {
    var bytes = ByteBuffer()
    try FileDescriptor(reading: path).readAll(limit: 1 << 20, into: &bytes)
    return bytes.view.array
  }

  /// How many of its slots for segments hold a key.
  static func taken(_ path: String) throws -> Int {
    let bytes = try store(path)
    return (5..<13).count { slot in bytes[(slot * 512)..<(slot + 1) * 512].contains { $0 != 0 } }
  }

  /// The nonces of all encrypted blocks of a file.
  static func nonces(_ bytes: [UInt8]) throws -> [[UInt8]] {
    try bytes.withView { file in
      var scan = try SegmentScan(file)
      var nonces: [[UInt8]] = []
      while case .block(let block)? = try? scan.next() {
        if block.header.isEncrypted { nonces.append(block.stored.prefix(12).array) }
      }
      return nonces
    }
  }
}
