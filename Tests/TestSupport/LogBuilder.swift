import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments
import Templates

/// One entry to be written.
public struct TestEntry: Sendable {
  public var raw: [UInt8]
  public var envelope: [UInt8]
  public var metadata: EntryMetadata

  public init(raw: [UInt8], envelope: [UInt8], metadata: EntryMetadata) {
    self.raw = raw
    self.envelope = envelope
    self.metadata = metadata
  }
}

/// How far the finishing of a segment has come: every state that a crash may leave, and the last.
public enum FinishStage: Sendable {
  /// `NNN.open` without a footer.
  case open
  /// `NNN.open` with only so many bytes of its footer.
  case partialFooter(Int)
  /// `NNN.open` with its footer.
  case footer
  /// `NNN.open` with its footer, and the seal.
  case sealed
  /// `NNN.open` with its small blocks, and `NNN.rewrite` being written.
  case rewriting
  /// As before, with `NNN.rewrite` whole and the seal of it.
  case rewriteSealed
  /// `NNN.segment` and its seal, with the `NNN.open` of small blocks left over.
  case leftOver
  case finished
}

/// Writes small logs, without the writer: also in states and with contents that the writer never makes. The
/// same calls give the same bytes.
public final class LogBuilder {
  /// The blocks of one segment, before they are encoded.
  public struct Segment {
    public var id: SegmentID
    public var seed: SaltKey
    public var previous: SegmentID
    public var tree: CompactRange
    public var blocks: [[TestEntry]] = []

    public init(id: SegmentID, seed: SaltKey, previous: SegmentID, tree: CompactRange) {
      (self.id, self.seed, self.previous, self.tree) = (id, seed, previous, tree)
    }
  }

  public struct EncodedSegment {
    /// Header and blocks.
    public var bytes: [UInt8]
    public var footer: [UInt8]
    public var blockOffsets: [Int]
    public var chain: Digest
    public var tree: CompactRange
    public var groups: [Subtree]
    public var header: SegmentHeader
    public var file: [UInt8] { bytes + footer }
  }

  public let path: String
  public let origin: KeyName
  public let signer: SignerKey
  public var key: VerifierKey { signer.verifier }
  public private(set) var tree = CompactRange()
  /// All leaf hashes, by index.
  public private(set) var leaves: [Digest] = []
  public private(set) var entries: [TestEntry] = []
  /// Trees that end with a `key` entry, by size: those of the checkpoints.
  public private(set) var checkpoints: [UInt64: (signer: NamedKey, root: Digest)] = [:]
  /// The key of the next checkpoint, behind each entry that names one.
  private var named: [(size: UInt64, key: NamedKey)] = []
  private var lastSignature: [UInt8]?
  public var segment: Segment
  public var previousSeal: Digest?
  /// Every segment begun so far.
  public private(set) var segments: [Segment] = []
  private var finished = 0
  let seed: UInt8

  /// Begins a log in `path`, which must be a directory. Logs of different seeds have different keys and ids.
  public init(_ path: String, origin: String = "logs.example.com/test", seed: UInt8 = 1) throws {
    self.path = path
    self.seed = seed
    guard let name = KeyName(origin) else { throw DecodeError(.invalid, at: 0) }
    self.origin = name
    var bytes = ByteBuffer()
    for index in 0..<32 { bytes.append(UInt8(index) &+ seed) }
    signer = SignerKey(name: name, key: try SigningKey(seed: bytes.view))
    segment = Self.segment(seed, 0, SegmentID(high: 0, low: 0), CompactRange())
    named = [(0, try checkpointKey(0))]
    try write(Array(keys.text.utf8), to: FileNames.verifierKey)
  }

  private static func segment(_ seed: UInt8, _ number: Int, _ previous: SegmentID, _ tree: CompactRange)
    -> Segment
  {
    let key = [seed, UInt8(truncatingIfNeeded: number), UInt8(truncatingIfNeeded: number >> 8)]
    let digest = key.withView { SHA256.hash($0) }
    let bytes = digest.array
    let id = bytes.withView { SegmentID(high: $0.load64(at: 0), low: $0.load64(at: 8)) }
    return Segment(id: id, seed: SaltKey(digest), previous: previous, tree: tree)
  }

  public func write(_ bytes: [UInt8], to name: String) throws {
    try bytes.withView { try FileDescriptor(writing: path + "/" + name).write($0) }
  }

  // MARK: Entries

  /// `count` access log lines, the first of which is number `first`; some do not fit the template.
  public static func lines(_ count: Int, from first: Int = 0) -> [TestEntry] {
    (first..<first + count).map { number in
      let raw =
        number % 7 == 3
        ? "line \(number) fits no template"
        : "10.0.0.\(number % 5) \"GET /item/\(number) HTTP/1.1\" \(number % 11 == 0 ? 503 : 200) "
          + "\(number * 37 % 1000)"
      let metadata = EntryMetadata(
        time: 1_700_000_000_000_000_000 + Int64(number) * 1_000_003, source: 1, flags: 2, kind: .received)
      return TestEntry(
        raw: Array(raw.utf8), envelope: [2, 1, 4, 192, 0, 2, UInt8(number % 3)], metadata: metadata)
    }
  }

  public static func control(_ json: String, time: Int64 = 1_700_000_000_000_000_000) -> TestEntry {
    TestEntry(
      raw: Array(json.utf8), envelope: [5],
      metadata: EntryMetadata(time: time, source: 0, flags: 4, kind: .control))
  }

  public static let template: Template = {
    let request = Template(
      name: "request", literals: [[], Array(" ".utf8), Array(" ".utf8), []],
      slots: [Slot("http.method"), Slot("url.target"), Slot("http.version")])
    return Template(
      name: "test", literals: [[], Array(" \"".utf8), Array("\" ".utf8), Array(" ".utf8), []],
      slots: [
        Slot("client.ip", .address, syntax: .address),
        Slot("request", .text, syntax: .escaped, alternatives: [request]),
        Slot("http.status", .status, syntax: .status), Slot("bytes.out", .integer, syntax: .number),
      ])
  }()

  /// Appends one block to the segment. What is written for a `key` entry depends on what stands before it.
  public func append(_ block: [TestEntry]) throws {
    var block = block
    var hasher = try EntryHasher(seed: segment.seed)
    for place in block.indices {
      let isKey = block[place].raw == Self.key.raw
      if isKey { block[place].raw = Array(try nextKey().text.utf8) }
      let leaf = try Self.leaf(block[place], UInt64(leaves.count), &hasher)
      leaves.append(leaf)
      tree.append(leaf)
      if isKey { try signTree() }
    }
    segment.blocks.append(block)
    entries += block
  }

  /// The entry that ends the next checkpoint's tree.
  private func nextKey() throws -> KeyRecord {
    let number = UInt64(named.count)
    return KeyRecord(number: number, key: try checkpointKey(number).key, signature: lastSignature)
  }

  /// Signs the tree that ends with a `key` entry, and goes on to the next key.
  private func signTree() throws {
    guard let signer = named.last?.key else { return }
    let checkpoint = Checkpoint(origin: origin, size: tree.size, root: tree.root)
    lastSignature = try oneTimeKey(signer.number).sign(Array(checkpoint.text.utf8))
    checkpoints[tree.size] = (signer, tree.root)
    named.append((tree.size, try checkpointKey(signer.number + 1)))
  }

  /// The key of the next checkpoint, as the entries before `size` name it.
  func named(before size: UInt64) -> NamedKey? { named.last { $0.size <= size }?.key }

  private static func leaf(_ entry: TestEntry, _ index: UInt64, _ hasher: inout EntryHasher) throws -> Digest
  {
    try entry.envelope.withView { envelope in
      try entry.raw.withView { raw in
        try hasher.leaf(index: index, entry.metadata, envelope: envelope, raw: raw)
      }
    }
  }

  // MARK: Files

  /// Encodes a segment. The trees in its headers are computed from its own entries; `alter` may change a
  /// header, given with the block's number, before it is hashed. The source's name is part of the stored
  /// bytes and not of the entries.
  public static func encode(
    _ segment: Segment, origin: String, sourceName: String = "test",
    alter: (Int, inout BlockHeader) -> Void = { _, _ in }
  ) throws -> EncodedSegment {
    let header = SegmentHeader(
      seed: segment.seed, id: segment.id, created: 1_700_000_000_000_000_000, previous: segment.previous,
      origin: origin, tree: segment.tree)
    var out = ByteBuffer()
    header.encode(to: &out)
    var chain = try SegmentHeader.decode(out.view).chainStart
    var tree = segment.tree
    var groups: [Subtree] = []
    var blocks: [SegmentFooter.Block] = []
    let matcher = Matcher([[template]])
    for (number, entries) in segment.blocks.enumerated() {
      let (payload, contents, leaves) = try encode(
        entries, first: tree.size, segment.seed, matcher, sourceName)
      let first = tree.size
      for leaf in leaves { tree.append(leaf, level: 0) { if $0.level >= 8 { groups.append($0) } } }
      var header = BlockHeader(
        segment: segment.id, number: number, firstIndex: first, contents: contents,
        storedByteCount: payload.count,
        previousChain: chain, tree: tree)
      alter(number, &header)
      var head = ByteBuffer()
      header.encode(to: &head)
      chain = payload.withView { BlockHeader.chain(previous: chain, header: head.view, stored: $0) }
      blocks.append(SegmentFooter.Block(header, at: out.count))
      out.append(head.view)
      out.append(payload)
      out.append(chain)
    }
    let footer = SegmentFooter(
      blocks: blocks, firstGroup: segment.tree.size >> 8, groups: groups.filter { $0.level == 8 }.map(\.hash),
      chain: chain)
    var end = ByteBuffer()
    footer.encode(to: &end)
    return EncodedSegment(
      bytes: out.view.array, footer: end.view.array, blockOffsets: blocks.map(\.offset), chain: chain,
      tree: tree,
      groups: groups, header: header)
  }

  private static func encode(
    _ entries: [TestEntry], first: UInt64, _ seed: SaltKey, _ matcher: borrowing Matcher, _ name: String
  ) throws -> (payload: [UInt8], contents: BlockContents, leaves: [Digest]) {
    var result = MatchResult(for: matcher)
    var builder = BlockBuilder(for: matcher)
    var hasher = try EntryHasher(seed: seed)
    var leaves: [Digest] = []
    for (row, entry) in entries.enumerated() {
      entry.raw.withView { raw in
        entry.envelope.withView { envelope in
          if entry.metadata.kind == .control {
            builder.append(unparsed: raw, entry.metadata, envelope: envelope)
          } else {
            matcher.match(raw, list: 0, into: &result)
            builder.append(raw, result, entry.metadata, envelope: envelope, hasSameEnvelope: false)
          }
        }
      }
      leaves.append(try leaf(entry, first + UInt64(row), &hasher))
    }
    var payload = ByteBuffer()
    let names = [SourceName(0, "stele"), SourceName(1, name)]
    let contents = builder.finish(matcher, sourceNames: names, to: &payload)
    return (payload.view.array, contents, leaves)
  }

  /// Ends the segment in the given state, and begins the next.
  @discardableResult public func finish(_ stage: FinishStage = .finished) throws -> EncodedSegment {
    let first = segment.tree.size
    let small = try Self.encode(segment, origin: "\(origin)")
    switch stage {
    case .open: try write(small.bytes, to: FileNames.name(first, .open))
    case .partialFooter(let count):
      try write(small.bytes + small.footer.prefix(count), to: FileNames.name(first, .open))
    case .footer: try write(small.file, to: FileNames.name(first, .open))
    case .sealed:
      try write(small.file, to: FileNames.name(first, .open))
      try writeSeal(small)
    case .rewriting:
      let large = try joined()
      try write(small.bytes, to: FileNames.name(first, .open))
      try write(Array(large.bytes.prefix(large.bytes.count / 2)), to: FileNames.name(first, .rewrite))
    case .rewriteSealed:
      let large = try joined()
      try write(small.bytes, to: FileNames.name(first, .open))
      try write(large.file, to: FileNames.name(first, .rewrite))
      try writeSeal(large)
    case .leftOver:
      let large = try joined()
      try write(small.bytes, to: FileNames.name(first, .open))
      try write(large.file, to: FileNames.name(first, .segment))
      try writeSeal(large)
    case .finished:
      try write(small.file, to: FileNames.name(first, .segment))
      try writeSeal(small)
    }
    segments.append(segment)
    finished += 1
    segment = Self.segment(seed, finished, segment.id, tree)
    return small
  }

  /// The segment with all its blocks in one.
  private func joined() throws -> EncodedSegment {
    var joined = segment
    joined.blocks = [segment.blocks.flatMap { $0 }]
    return try Self.encode(joined, origin: "\(origin)")
  }

  /// The seal of an encoded segment, after the seal before.
  public func seal(_ encoded: EncodedSegment) throws -> Seal {
    Seal(
      origin: "\(origin)", segment: encoded.header.id, firstIndex: encoded.header.firstIndex,
      endIndex: encoded.tree.size, root: encoded.tree.root, chain: encoded.chain,
      byteCount: encoded.file.count,
      fileHash: encoded.file.withView { SHA256.hash($0) }, previous: previousSeal,
      keys: try sealKeys(encoded))
  }

  private func writeSeal(_ encoded: EncodedSegment) throws {
    let seal = try seal(encoded)
    try write(try sign(seal), to: FileNames.name(seal.firstIndex, .seal))
    previousSeal = seal.textHash
  }

  public func sign(_ seal: Seal) throws -> [UInt8] {
    var note = try SignedNote(text: Array(seal.text.utf8))
    try note.sign(with: signer)
    try note.sign(with: try sealKey(seal.keys.number))
    return note.bytes
  }

  /// A checkpoint of the first `size` entries, with the one-time signature if they end with a `key` entry.
  public func checkpoint(_ size: Int? = nil) throws -> [UInt8] {
    var tree = CompactRange()
    for leaf in leaves.prefix(size ?? leaves.count) { tree.append(leaf) }
    let checkpoint = Checkpoint(origin: origin, size: tree.size, root: tree.root)
    var signed = try SignedCheckpoint(checkpoint, signedBy: signer)
    if let signer = checkpoints[tree.size]?.signer { try signed.sign(with: oneTimeKey(signer.number)) }
    return signed.note.bytes
  }

  public func writeCheckpoint(_ size: Int? = nil) throws {
    try write(checkpoint(size), to: FileNames.checkpoint)
  }

  /// Writes the full tiles of level 1 and above.
  public func writeTiles() throws {
    var tree = CompactRange()
    var hashes: [Int: [Digest]] = [:]
    for leaf in leaves {
      tree.append(leaf, level: 0) {
        if $0.level >= 8, $0.level % 8 == 0 { hashes[$0.level / 8, default: []].append($0.hash) }
      }
    }
    _ = try Directory(making: path + "/tile")
    for (level, hashes) in hashes {
      _ = try Directory(making: path + "/tile/\(level)")
      for tile in 0..<hashes.count / 256 {
        var bytes = ByteBuffer()
        for hash in hashes[tile * 256..<tile * 256 + 256] { bytes.append(hash) }
        try write(bytes.view.array, to: "\(TilePath(.hashes(level: level), index: UInt64(tile)))")
      }
    }
  }
}
