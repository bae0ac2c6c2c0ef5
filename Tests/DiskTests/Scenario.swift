import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentWriter
import Segments
import Templates
import TestSupport

/// What must be in the log from some moment on: its tree of that size.
struct Promise: Sendable {
  var size: UInt64
  var root: Digest
}

/// One thing that is done to a log. Whoever adds an operation to the writer adds a step, and names it in
/// `Scenario.random`.
struct Step: Sendable {
  var name: String
  var run: @Sendable (LogUser) throws -> Void

  init(_ name: String, _ run: @escaping @Sendable (LogUser) throws -> Void) {
    self.name = name
    self.run = run
  }
}

extension Step {
  static let create = Step("create") { try $0.create() }
  static let open = Step("open") { try $0.open() }
  static let checkpoint = Step("checkpoint") { try $0.use { try $0.checkpoint() } }
  static let commit = Step("commit") { try $0.use { try $0.commit() } }
  static let finishSegment = Step("finish segment") { try $0.use { try $0.finishSegment() } }
  static let control = Step("control entry") { try $0.use { try $0.append(control: [#"{"type":"test"}"#]) } }
  /// Another origin key. What was being sealed is waited for before.
  static let rotate = Step("rotate") { try $0.rotate() }
  /// The writer ends as it should.
  static let close = Step("close") { user in
    try user.use { try $0.close() }
    user.leave()
  }
  /// The process dies; what it wrote stays in the kernel's memory.
  static let kill = Step("kill") { $0.leave() }

  /// Appends a block, not yet durable.
  static func append(_ entries: Int, of size: Int) -> Step {
    Step("append \(entries) × \(size) B") { try $0.append(entries, of: size) }
  }
}

/// A list of steps: logs are written, closed, left by a kill and opened again.
struct Scenario: Sendable {
  var steps: [Step]

  var description: String { steps.map(\.name).joined(separator: ", ") }

  /// A log that is made, and then used in two to four sessions.
  static func random(_ seed: UInt64) -> Scenario {
    var random = SplitMix64(seed)
    var steps = [Step.create]
    for _ in 0..<Int.random(in: 2...4, using: &random) {
      steps.append(.open)
      for _ in 0..<Int.random(in: 0...8, using: &random) { steps.append(anyStep(&random)) }
      steps.append(Int.random(in: 0..<3, using: &random) == 0 ? .close : .kill)
    }
    return Scenario(steps: steps)
  }

  private static func anyStep(_ random: inout SplitMix64) -> Step {
    switch Int.random(in: 0..<16, using: &random) {
    case 0..<5: .append(Int.random(in: 1...6, using: &random), of: Int.random(in: 10...200, using: &random))
    case 5..<7: .append(Int.random(in: 1...3, using: &random), of: Int.random(in: 500...3000, using: &random))
    case 7: .append(Int.random(in: 100...400, using: &random), of: 8)
    case 8..<10: .commit
    case 10..<12: .checkpoint
    case 12: .finishSegment
    case 13: Int.random(in: 0..<2, using: &random) == 0 ? .rotate : .finishSegment
    default: .control
    }
  }

  /// Every operation of the writer at least once, in few steps.
  static let thorough = Scenario(steps: [
    .create, .open, .append(3, of: 300), .commit, .append(2, of: 40), .checkpoint, .append(2, of: 900),
    .finishSegment, .append(300, of: 8), .commit, .append(1, of: 50), .kill,
    .open, .append(2, of: 60), .rotate, .append(2, of: 60), .control, .finishSegment, .append(2, of: 700),
    .checkpoint, .close,
  ])
}

/// Who uses the log: the state between the steps of one scenario.
final class LogUser {
  let recorder: DiskRecorder
  let log: String
  var keyPath: String { log + ".key" }
  private(set) var writer: LogWriter?
  private var random: SplitMix64

  init(_ recorder: DiskRecorder, seed: UInt64) {
    self.recorder = recorder
    log = recorder.root + "/log"
    random = SplitMix64(seed)
  }

  /// Runs the steps, each to its end in the background too, so that the same steps are always the same
  /// operations. That work in the background may be later than it was here is the crash's business.
  func run(_ steps: [Step]) throws {
    for step in steps {
      try step.run(self)
      try settle()
    }
  }

  private func settle() throws {
    guard let writer else { return }
    try writer.waitForSeals()
    if writer.durableIndex == writer.tree.size {
      recorder.mark(.promise(Promise(size: writer.tree.size, root: writer.tree.root)))
    }
  }

  func create() throws {
    guard let origin = KeyName("test.example/disk") else { preconditionFailure("that is a name") }
    _ = try LogCreation.create(directory: log, origin: origin, keyPath: keyPath)
    recorder.mark(.created)
  }

  func open() throws {
    var options = WriterOptions()
    options.sealThreads = 1
    options.keyPath = keyPath
    writer = try LogWriter(directory: log, key: LogCreation.readKey(keyPath), options: options)
  }

  func rotate() throws {
    try use { writer in
      try writer.finishSegment()
      try writer.waitForSeals()
      recorder.mark(.joined)
      _ = try writer.rotate(to: NextKey(directory: log, keyPath: keyPath, .generated), reason: "test")
    }
  }

  func leave() {
    writer = nil
    recorder.mark(.joined)
  }

  func use(_ body: (LogWriter) throws -> Void) throws {
    guard let writer else { preconditionFailure("a step before `open`") }
    try body(writer)
  }

  /// Appends a block of so many messages that no template fits and nothing can compress.
  func append(_ entries: Int, of size: Int) throws {
    try use { writer in
      let block = EncodedBlock(plan: try writer.plan ?? SegmentPlan())
      let first = writer.tree.size
      let envelope: [UInt8] = [0]
      let matcher = Matcher([])
      var builder = BlockBuilder(for: matcher)
      var hasher = try EntryHasher(seed: block.plan.seed)
      for number in 0..<UInt64(entries) {
        let metadata = EntryMetadata(
          time: 1_700_000_000_000_000_000 + Int64(first + number), source: 1, flags: 4, kind: .received)
        let raw = (0..<size).map { _ in UInt8.random(in: 33...126, using: &random) }
        let leaf = try raw.withView { raw in
          try envelope.withView { envelope in
            builder.append(unparsed: raw, metadata, envelope: envelope)
            return try hasher.leaf(index: first + number, metadata, envelope: envelope, raw: raw)
          }
        }
        block.leaves.append(leaf)
      }
      block.contents = builder.finish(matcher, sourceNames: [SourceName(1, "test")], to: &block.payload)
      block.foldLeaves(first: first)
      try writer.append(block)
    }
  }
}
