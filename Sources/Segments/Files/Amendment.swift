import Bytes
import Cryptography
import MerkleLog

/// The statement about a sealed segment from which entries were erased: the text of a C2SP signed note by the
/// origin key. The seal stays, and still vouches for the range, the root and the id; of the file as it is now
/// the amendment speaks. That the erasure was ordered, and by whom, says a control entry of type `erased`,
/// which names this text's hash.
///
///     stele amendment v1
///     origin logs.example.com/edge-1
///     segment 5b1c…                      segment id, 32 hexadecimal digits
///     seal Zk3Q…=                        SHA-256 of the text of the segment's seal
///     number 1                           how many times entries have been erased from it
///     chain 9PpJ…=                       chain value of the last block
///     bytes 12580000                     size of the file
///     file OMnX…=                        SHA-256 of the whole file
public struct Amendment: Equatable, Sendable {
  public var origin: String
  public var segment: SegmentID
  /// SHA-256 of the text of the segment's seal.
  public var seal: Digest
  /// How many times entries have been erased from the segment, from 1.
  public var number: Int
  public var chain: Digest
  public var byteCount: Int
  public var fileHash: Digest

  public init(
    origin: String, segment: SegmentID, seal: Digest, number: Int, chain: Digest, byteCount: Int,
    fileHash: Digest
  ) {
    self.origin = origin
    self.segment = segment
    self.seal = seal
    self.number = number
    self.chain = chain
    self.byteCount = byteCount
    self.fileHash = fileHash
  }

  /// The name of the file that an amendment is written to before it is in force.
  public static func pendingName(_ firstIndex: UInt64) -> String {
    FileNames.name(firstIndex, .amendment) + ".new"
  }

  /// The note's text.
  public var text: String {
    """
    stele amendment v1
    origin \(origin)
    segment \(segment)
    seal \(seal.base64)
    number \(number)
    chain \(chain.base64)
    bytes \(byteCount)
    file \(fileHash.base64)

    """
  }

  /// What the control entry names.
  public var textHash: Digest { Array(text.utf8).withView { SHA256.hash($0) } }

  /// Reads a note's text. Nil unless it is exactly what `text` prints.
  public init?(_ text: ByteView) {
    var values: [Substring: String] = [:]
    let lines = text.text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    for line in lines.dropFirst() {
      let parts = line.split(separator: " ", maxSplits: 1)
      if parts.count == 2 { values[Substring(parts[0])] = String(parts[1]) }
    }
    guard let origin = values["origin"], let segment = values["segment"].flatMap(SegmentID.init(hex:)),
      let seal = values["seal"].flatMap(Digest.init(base64:)),
      let number = values["number"].flatMap({ Int($0) }), number > 0,
      let chain = values["chain"].flatMap(Digest.init(base64:)),
      let bytes = values["bytes"].flatMap({ Int($0) }),
      let file = values["file"].flatMap(Digest.init(base64:))
    else { return nil }
    self.init(
      origin: origin, segment: segment, seal: seal, number: number, chain: chain, byteCount: bytes,
      fileHash: file)
    guard Array(self.text.utf8).withView({ $0 == text }) else { return nil }
  }
}

extension Digest {
  /// Standard base64 of the 32 bytes.
  public var base64: String { withView { Base64.encode($0) } }

  /// Reads standard base64 of 32 bytes.
  public init?(base64 text: String) {
    guard let bytes = Array(text.utf8).withView({ try? Base64.decode($0) }) else { return nil }
    guard let digest = bytes.withView({ Digest($0) }) else { return nil }
    self = digest
  }
}
