import Bytes
import Collector
import Cryptography
import Inspect
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter
import Segments
import Templates
import TestSupport
import Testing

/// A log that the writer makes, in a directory of its own, with what is done to it.
final class ActLog {
  let directory: TemporaryDirectory
  let path: String
  let key: VerifierKey
  private let recipients: [Recipient]
  var keyPath: String { path + ".key" }

  /// Entries of each segment behind the first, whose only entry is `created`.
  static let sizes = [300, 20, 40]

  /// With recipients, messages are encrypted to them.
  init(recipients: [TestIdentity] = []) throws {
    self.recipients = try recipients.map { try $0.recipient() }
    directory = try TemporaryDirectory()
    path = directory.file("log")
    let origin = try #require(KeyName("logs.example.com/acts"))
    key = try LogCreation.create(directory: path, origin: origin, keyPath: path + ".key").origin
    let writer = try open()
    for size in Self.sizes { try Self.append(size, writer, try writer.makePlan()) }
    try writer.close()
  }

  func open() throws -> LogWriter {
    var options = WriterOptions()
    options.recipients = recipients
    return try LogWriter(directory: path, key: try LogCreation.readKey(keyPath), options: options)
  }

  static func raw(_ number: Int) -> [UInt8] { LogBuilder.lines(1, from: number)[0].raw }

  /// Appends lines as one block of the plan's segment.
  static func append(_ count: Int, _ writer: LogWriter, _ plan: SegmentPlan) throws {
    // A segment ends with a checkpoint, which adds an entry.
    if let open = writer.plan, open !== plan { try writer.checkpoint() }
    try LogBuilder.append(LogBuilder.lines(count, from: Int(writer.tree.size)), to: writer, plan)
  }

  func withSession<R>(_ body: (any LogSession, borrowing SignerKey) throws -> R) throws -> R {
    let session = try LogOpening.session(directory: path, keyPath: keyPath)
    let key = try LogCreation.readKey(keyPath)
    let result = try body(session, key)
    try session.close()
    return result
  }

  @discardableResult func erase(_ entries: [UInt64]) throws -> EraseAct.Outcome {
    let act = EraseAct(
      path, entries: entries, authority: "case 17", reason: "Art. 17", approver: "J. Doe")
    return try withSession { session, key in try act.run(session, key: key) }
  }

  /// Keeps no more than so many bytes of sealed segments.
  @discardableResult func prune(keep: Int) throws -> PruneAct.Plan {
    let act = PruneAct(path, RetentionPolicy(size: keep, text: "size \(keep)"))
    return try withSession { session, _ in
      var table = HoldTable()
      try table.update(path)
      let plan = try act.plan(table)
      try act.run(session, table, plan)
      return plan
    }
  }

  func hold(_ name: String, _ first: UInt64, _ end: UInt64?) throws {
    try withSession { session, _ in
      try HoldAct.hold(session, path, name: name, first: first, end: end, reason: "why", authority: "who")
    }
  }

  func release(_ name: String) throws {
    try withSession { session, _ in
      try HoldAct.release(session, path, name: name, reason: "over", authority: "who")
    }
  }

  // MARK: Looking

  func verify(checkpoint: [UInt8]? = nil, recipient: TestIdentity? = nil) throws -> VerifyReport {
    var reports: [VerifyReport] = []
    for (quick, threads) in [(false, 1), (true, 1), (false, 2)] {
      var verifier = Verifier(path)
      verifier.key = key
      verifier.isQuick = quick
      verifier.threads = threads
      verifier.checkpoint = checkpoint
      verifier.recipient = try recipient?.recipientKey()
      reports.append(try verifier.run())
    }
    #expect(Set(reports.map(\.exitStatus)).count == 1, "\(reports.map(\.findings))")
    return reports[0]
  }

  /// Verifies, and returns what is damage.
  func damage() throws -> [Finding] { try verify().findings.filter { $0.severity == .damage } }

  func kinds(_ report: VerifyReport) -> [String] {
    report.findings.map { "\($0.kind.rawValue) \($0.severity.rawValue)" }
  }

  func name(_ first: UInt64, _ kind: FileNames.Kind) -> String { path + "/" + FileNames.name(first, kind) }

  func read(_ file: String) throws -> [UInt8]? {
    var bytes = ByteBuffer()
    do throws(SystemError) {
      try FileDescriptor(reading: file).readAll(limit: 1 << 24, into: &bytes)
    } catch { return nil }
    return bytes.view.array
  }

  /// Replaces a file, or removes it.
  func put(_ bytes: [UInt8]?, _ file: String) throws {
    let parent = try Directory(path)
    let name = String(file.dropFirst(path.utf8.count + 1))
    try parent.remove(name)
    if let bytes { try bytes.withView { try FileDescriptor(writing: file).write($0) } }
  }

  /// All files of the directory but the tiles.
  func files() throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for name in try Directory(path).names() where name != FileNames.tiles {
      files[name] = try read(path + "/" + name)
    }
    return files
  }

  func restore(_ files: [String: [UInt8]]) throws {
    for name in try self.files().keys where files[name] == nil { try put(nil, path + "/" + name) }
    for (name, bytes) in files { try put(bytes, path + "/" + name) }
  }

  /// Whether the bytes stand anywhere in the directory, as they are or in what a block decodes to.
  func holds(_ index: UInt64) throws -> Bool {
    let entry = try LogReader(path).entry(index)
    return !entry.raw.isEmpty
  }
}
