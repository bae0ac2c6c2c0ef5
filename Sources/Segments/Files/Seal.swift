import Bytes
import Cryptography
import MerkleLog

/// The statement about one finished segment that the origin key and a one-time key sign: the text of a C2SP
/// signed note.
///
///     stele seal v1
///     origin logs.example.com/edge-1
///     segment 5b1c…                      segment id, 32 hexadecimal digits
///     first 0                            index of the first entry
///     end 1000000                        index behind the last entry: the tree size
///     root C3TU…=                        root of the tree of that size
///     chain 9PpJ…=                       chain value of the last block
///     bytes 12582912                     size of the file
///     file OMnX…=                        SHA-256 of the whole file
///     previous Zk3Q…=                    SHA-256 of the text of the seal before; of the first segment: -
///     number 0                           counts the seals
///     next x3Vb…=                        public one-time key that signs the next seal
///     key 7 f0Qk…=                       number and public one-time key of the next checkpoint, as of `end`
///     epoch 0                            epoch of that key
///     signer Zb1A…=                      only where the key that the seal before named was lost: the public
///                                        one-time key that signs this one in its place
public struct Seal: Equatable, Sendable {
  public var origin: String
  public var segment: SegmentID
  public var firstIndex: UInt64
  public var endIndex: UInt64
  public var root: Digest
  public var chain: Digest
  public var byteCount: Int
  public var fileHash: Digest
  /// SHA-256 of the text of the seal before.
  public var previous: Digest?
  public var keys: SealKeys

  public init(
    origin: String, segment: SegmentID, firstIndex: UInt64, endIndex: UInt64, root: Digest, chain: Digest,
    byteCount: Int, fileHash: Digest, previous: Digest?, keys: SealKeys
  ) {
    self.origin = origin
    self.segment = segment
    self.firstIndex = firstIndex
    self.endIndex = endIndex
    self.root = root
    self.chain = chain
    self.byteCount = byteCount
    self.fileHash = fileHash
    self.previous = previous
    self.keys = keys
  }

  private static func base64(_ digest: Digest) -> String { digest.withView { Base64.encode($0) } }

  /// The note's text.
  public var text: String {
    """
    stele seal v1
    origin \(origin)
    segment \(segment)
    first \(firstIndex)
    end \(endIndex)
    root \(Self.base64(root))
    chain \(Self.base64(chain))
    bytes \(byteCount)
    file \(Self.base64(fileHash))
    previous \(previous.map(Self.base64) ?? "-")
    number \(keys.number)
    next \(Self.base64(keys.next.bytes))
    key \(keys.checkpoint.number) \(Self.base64(keys.checkpoint.key.bytes))
    epoch \(keys.checkpoint.epoch)
    \(keys.signer.map { "signer \(Self.base64($0.bytes))\n" } ?? "")
    """
  }

  /// What the next seal names as `previous`.
  public var textHash: Digest { Array(text.utf8).withView { SHA256.hash($0) } }

  /// Reads a note's text. Nil unless it is exactly what `text` prints.
  public init?(_ text: ByteView) {
    var values: [String: String] = [:]
    // By scalars: an origin may begin with a mark that, as a character, is one with the blank before it.
    let lines = text.text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    for line in lines.dropFirst() {
      let parts = line.split(separator: " ", maxSplits: 1)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
    }
    func digest(_ key: String) -> Digest? { values[key].flatMap { Self.digest($0) } }
    guard let origin = values["origin"], let id = values["segment"].flatMap(SegmentID.init(hex:)),
      let first = values["first"].flatMap({ UInt64($0) }), let end = values["end"].flatMap({ UInt64($0) }),
      let root = digest("root"), let chain = digest("chain"),
      let bytes = values["bytes"].flatMap({ Int($0) }),
      let file = digest("file"), let previous = values["previous"], let keys = SealKeys(values)
    else { return nil }
    self.init(
      origin: origin, segment: id, firstIndex: first, endIndex: end, root: root, chain: chain,
      byteCount: bytes,
      fileHash: file, previous: previous == "-" ? nil : digest("previous"), keys: keys)
    guard Array(self.text.utf8).withView({ $0 == text }) else { return nil }
  }

  fileprivate static func digest(_ text: some StringProtocol) -> Digest? {
    guard let bytes = Array(text.utf8).withView({ try? Base64.decode($0) }) else { return nil }
    return bytes.withView { Digest($0) }
  }
}

/// What a seal says of one-time keys.
public struct SealKeys: Equatable, Sendable {
  /// Number of the seal.
  public var number: UInt64
  /// Signs the next seal.
  public var next: PublicKey
  /// What the last entry before the segment's end says that names a key for a checkpoint.
  public var checkpoint: NamedKey
  /// Signs this seal, where the key that the seal before names was lost.
  public var signer: PublicKey?

  public init(number: UInt64, next: PublicKey, checkpoint: NamedKey, signer: PublicKey? = nil) {
    self.number = number
    self.next = next
    self.checkpoint = checkpoint
    self.signer = signer
  }

  fileprivate init?(_ values: [String: String]) {
    func key(_ text: some StringProtocol) -> PublicKey? {
      Seal.digest(text).flatMap { $0.withView { PublicKey($0) } }
    }
    let named = (values["key"] ?? "").split(separator: " ")
    guard let number = values["number"].flatMap({ UInt64($0) }),
      let next = values["next"].flatMap({ key($0) }),
      named.count == 2, let checkpoint = UInt64(named[0]), let named = key(named[1]),
      let epoch = values["epoch"].flatMap({ UInt64($0) })
    else { return nil }
    self.init(
      number: number, next: next, checkpoint: NamedKey(number: checkpoint, key: named, epoch: epoch),
      signer: values["signer"].flatMap { key($0) })
  }
}

/// The one-time key that a checkpoint will be, or was, signed with.
public struct NamedKey: Hashable, Sendable {
  /// Number of the checkpoint.
  public var number: UInt64
  public var key: PublicKey
  /// How often a chain of keys has begun anew before it.
  public var epoch: UInt64

  public init(number: UInt64, key: PublicKey, epoch: UInt64) {
    self.number = number
    self.key = key
    self.epoch = epoch
  }
}

extension SegmentID {
  init?(hex: String) {
    guard let bytes = Array(hex.utf8).withView({ try? Hex.decode($0) }), bytes.count == Self.size
    else { return nil }
    self = bytes.withView { SegmentID(high: $0.load64(at: 0), low: $0.load64(at: 8)) }
  }
}
