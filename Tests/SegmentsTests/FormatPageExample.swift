import Bytes
import Cryptography
import MerkleLog
import Segments
import Templates
import Testing

/// The smallest segment, made of fixed numbers in place of random ones: one control entry, as a new log has
/// it.
struct FormatPageExample {
  static let origin = "example.com/log"
  static let created: Int64 = 1_767_225_600_000_000_000  // 2026-01-01T00:00:00Z
  static let envelope: [UInt8] = [5]
  static let metadata = EntryMetadata(time: created + 1_000_000, source: 0, flags: 4, kind: .control)

  let key: VerifierKey
  let raw: [UInt8]
  let seed: SaltKey
  let headerSize: Int
  let header: BlockHeader
  let payload: [UInt8]
  let file: [UInt8]
  let leaf: Digest
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
    let (payload, contents) = Self.encode(raw)
    self.payload = payload
    leaf = try Self.leaf(seed, raw)
    var tree = CompactRange()
    tree.append(leaf)
    header = BlockHeader(
      segment: id, number: 0, firstIndex: 0, contents: contents, storedByteCount: payload.count,
      previousChain: start,
      tree: tree)
    var head = ByteBuffer()
    header.encode(to: &head)
    let chain = payload.withView { BlockHeader.chain(previous: start, header: head.view, stored: $0) }
    let offset = out.count
    out.append(head.view)
    out.append(payload)
    out.append(chain)
    SegmentFooter(blocks: [SegmentFooter.Block(header, at: offset)], firstGroup: 0, groups: [], chain: chain)
      .encode(to: &out)
    file = out.view.array
    seal = Seal(
      origin: Self.origin, segment: id, firstIndex: 0, endIndex: 1, root: tree.root, chain: chain,
      byteCount: file.count, fileHash: SHA256.hash(out.view), previous: nil)
    let head1 = Checkpoint(origin: signer.name, size: 1, root: tree.root)
    checkpoint = try SignedCheckpoint(head1, signedBy: signer).note.bytes
  }

  private static func encode(_ raw: [UInt8]) -> ([UInt8], BlockContents) {
    let matcher = Matcher([])
    var builder = BlockBuilder(for: matcher)
    raw.withView { raw in envelope.withView { builder.append(unparsed: raw, metadata, envelope: $0) } }
    var out = ByteBuffer()
    let contents = builder.finish(matcher, sourceNames: [SourceName(0, "stele")], to: &out)
    return (out.view.array, contents)
  }

  private static func leaf(_ seed: SaltKey, _ raw: [UInt8]) throws -> Digest {
    var hasher = try EntryHasher(seed: seed)
    return try raw.withView { raw in
      try envelope.withView { try hasher.leaf(index: 0, metadata, envelope: $0, raw: raw) }
    }
  }
}
