import Bytes
import Cryptography
import MerkleLog

/// The statement about one finished segment that the origin key signs: the text of a C2SP signed note.
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

  public init(
    origin: String, segment: SegmentID, firstIndex: UInt64, endIndex: UInt64, root: Digest, chain: Digest,
    byteCount: Int, fileHash: Digest, previous: Digest?
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
    func digest(_ key: String) -> Digest? {
      guard let value = values[key], let bytes = Array(value.utf8).withView({ try? Base64.decode($0) })
      else { return nil }
      return bytes.withView { Digest($0) }
    }
    guard let origin = values["origin"], let id = values["segment"].flatMap(SegmentID.init(hex:)),
      let first = values["first"].flatMap({ UInt64($0) }), let end = values["end"].flatMap({ UInt64($0) }),
      let root = digest("root"), let chain = digest("chain"),
      let bytes = values["bytes"].flatMap({ Int($0) }),
      let file = digest("file"), let previous = values["previous"]
    else { return nil }
    self.init(
      origin: origin, segment: id, firstIndex: first, endIndex: end, root: root, chain: chain,
      byteCount: bytes,
      fileHash: file, previous: previous == "-" ? nil : digest("previous"))
    guard Array(self.text.utf8).withView({ $0 == text }) else { return nil }
  }
}

extension SegmentID {
  init?(hex: String) {
    guard let bytes = Array(hex.utf8).withView({ try? Hex.decode($0) }), bytes.count == Self.size
    else { return nil }
    self = bytes.withView { SegmentID(high: $0.load64(at: 0), low: $0.load64(at: 8)) }
  }
}
