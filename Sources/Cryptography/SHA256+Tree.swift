import Bytes
import COpenSSL

/// The two hashes of an RFC 6962 Merkle tree (section 2.1), with the padding built in place: both messages
/// have a fixed size, so nothing is buffered or counted.
extension SHA256 {
  /// Byte count of the entry that a leaf commits to.
  public static let entrySize = 52

  /// The leaf hash of an entry of 52 bytes: `SHA-256(0x00 || entry)`. Traps on any other size.
  public static func leaf(entry: ByteView) -> Digest {
    precondition(entry.count == entrySize)
    var block: Block = (
      entry.load64(at: 0) &<< 8, entry.load64(at: 7), entry.load64(at: 15), entry.load64(at: 23),
      entry.load64(at: 31), entry.load64(at: 39), entry.load64(at: 44) &>> 24 | 0x80 &<< 40,
      UInt64(53 * 8).byteSwapped
    )
    var context = initial()
    transform(&context, &block)
    return digest(context)
  }

  /// The hash of an inner node: `SHA-256(0x01 || left || right)`.
  public static func node(_ left: Digest, _ right: Digest) -> Digest {
    var blocks: (Block, Block) = (
      (
        left.a &<< 8 | 0x01, left.b &<< 8 | left.a &>> 56, left.c &<< 8 | left.b &>> 56,
        left.d &<< 8 | left.c &>> 56, right.a &<< 8 | left.d &>> 56, right.b &<< 8 | right.a &>> 56,
        right.c &<< 8 | right.b &>> 56, right.d &<< 8 | right.c &>> 56
      ),
      (right.d &>> 56 | 0x8000, 0, 0, 0, 0, 0, 0, UInt64(65 * 8).byteSwapped)
    )
    var context = initial()
    unsafe withUnsafeBytes(of: &blocks) { unsafe _ = SHA256_Update(&context, $0.baseAddress, $0.count) }
    return digest(context)
  }

  /// The root of a tree without leaves: the hash of nothing.
  public static let emptyRoot = hash(ByteView())
}
