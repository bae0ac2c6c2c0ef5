import Bytes
import Cryptography
import MerkleLog
import Segments
import Templates
import Testing

/// The smallest segment, made of fixed numbers in place of random ones: two control entries, as a new log has
/// them before its blocks are joined.
struct FormatPageExample {
  static let origin = "example.com/log"
  static let created: Int64 = 1_767_225_600_000_000_000  // 2026-01-01T00:00:00Z
  static let envelope: [UInt8] = [5]
  static let metadata = EntryMetadata(time: created + 1_000_000, source: 0, flags: 4, kind: .control)

  let key: VerifierKey
  let keys: LogKeys
  let raw: [UInt8]
  /// The entry that names the next one-time key.
  let keyRaw: [UInt8]
  let seed: SaltKey
  let headerSize: Int
  let header: BlockHeader
  let payload: [UInt8]
  let file: [UInt8]
  let leaf: Digest
  /// Chain value of the first block, and root of the tree of both entries.
  let firstChain: Digest
  let root: Digest
  let seal: Seal
  let checkpoint: [UInt8]

  init() throws {
    var secret = ByteBuffer()
    for byte in 0..<32 { secret.append(UInt8(byte)) }
    let signer = SignerKey(name: try #require(KeyName(Self.origin)), key: try SigningKey(seed: secret.view))
    key = signer.verifier
    raw = Array(#"{"type":"created","origin":"\#(Self.origin)","key":"\#(signer.verifier)"}"#.utf8)
    seed = try #require((0..<32).map { UInt8(0x20 + $0) }.withView { SaltKey($0) })
    let id = SegmentID(high: 0x0706_0504_0302_0100, low: 0x0F0E_0D0C_0B0A_0908)
    let segment = SegmentHeader(
      seed: seed, id: id, created: Self.created, previous: SegmentID(high: 0, low: 0), origin: Self.origin,
      tree: CompactRange())
    var out = ByteBuffer()
    segment.encode(to: &out)
    headerSize = out.count
    let start = try SegmentHeader.decode(out.view).chainStart
    let keyRaw = Array(
      KeyRecord(number: 1, key: try Self.oneTimeKey(1).verifier.publicKey.required, signature: nil).text.utf8)
    var tree = CompactRange()
    var chain = start
    var first = start
    var index: [SegmentFooter.Block] = []
    var parts: [(header: BlockHeader, payload: [UInt8], leaf: Digest)] = []
    for (number, raw) in [raw, keyRaw].enumerated() {
      let (payload, contents) = Self.encode(raw)
      let leaf = try Self.leaf(seed, raw, index: UInt64(number))
      tree.append(leaf)
      let header = BlockHeader(
        segment: id, number: number, firstIndex: UInt64(number), contents: contents,
        storedByteCount: payload.count, previousChain: chain, tree: tree)
      parts.append((header, payload, leaf))
      index.append(SegmentFooter.Block(header, at: out.count))
      var head = ByteBuffer()
      header.encode(to: &head)
      chain = payload.withView { BlockHeader.chain(previous: chain, header: head.view, stored: $0) }
      out.append(head.view)
      out.append(payload)
      out.append(chain)
      if number == 0 { first = chain }
    }
    (header, payload, leaf) = parts[0]
    (self.keyRaw, firstChain, root) = (keyRaw, first, tree.root)
    SegmentFooter(blocks: index, firstGroup: 0, groups: [], chain: chain).encode(to: &out)
    file = out.view.array
    seal = Seal(
      origin: Self.origin, segment: id, firstIndex: 0, endIndex: 2, root: tree.root, chain: chain,
      byteCount: file.count, fileHash: SHA256.hash(out.view), previous: nil,
      keys: SealKeys(
        number: 0, next: try Self.oneTimeKey(2).verifier.publicKey.required,
        checkpoint: NamedKey(number: 1, key: try Self.oneTimeKey(1).verifier.publicKey.required, epoch: 0)))
    var signed = try SignedCheckpoint(
      Checkpoint(origin: signer.name, size: 2, root: tree.root), signedBy: signer)
    try signed.sign(with: Self.oneTimeKey(0))
    checkpoint = signed.note.bytes
    keys = LogKeys(origin: signer.verifier, first: try Self.oneTimeKey(0).verifier)
  }

  private static func encode(_ raw: [UInt8]) -> ([UInt8], BlockContents) {
    let matcher = Matcher([])
    var builder = BlockBuilder(for: matcher)
    raw.withView { raw in envelope.withView { builder.append(unparsed: raw, metadata, envelope: $0) } }
    var out = ByteBuffer()
    let contents = builder.finish(matcher, sourceNames: [SourceName(0, "stele")], to: &out)
    return (out.view.array, contents)
  }

  private static func leaf(_ seed: SaltKey, _ raw: [UInt8], index: UInt64) throws -> Digest {
    var hasher = try EntryHasher(seed: seed)
    return try raw.withView { raw in
      try envelope.withView { try hasher.leaf(index: index, metadata, envelope: $0, raw: raw) }
    }
  }
}

extension FormatPageExample {
  /// A one-time key, whose secret is 32 times `secret`: 0 signs the first checkpoint, 1 the next; 2 the next seal.
  private static func oneTimeKey(_ secret: UInt8) throws -> SignerKey {
    var seed = ByteBuffer()
    seed.append([UInt8](repeating: secret, count: SigningKey.seedSize))
    let origin = try #require(KeyName(Self.origin))
    let name = secret == 2 ? origin.sealKey(1) : origin.checkpointKey(UInt64(secret))
    return SignerKey(name: name, key: try SigningKey(seed: seed.view))
  }
}

extension PublicKey? {
  fileprivate var required: PublicKey { get throws { try #require(self) } }
}
