import Bytes
import Cryptography

/// Hashes of subtrees below the level of tiles that are kept for an encrypted segment when its key is forgotten:
/// those at the edges of its encrypted blocks. Every checkpoint ends with a block in the clear, so these are
/// all that a proof from one checkpoint to another takes out of such blocks, and they show no message.
///
/// A file of the tile cache, `tile/kept/<first index, 20 digits>`: for each subtree
///
///     level(u8)  index(u64, little-endian)  hash(32)
public enum KeptSubtrees {
  /// Where they are kept, in the log's directory.
  public static let directory = "tile/kept"
  private static let recordSize = 1 + 8 + Digest.size
  /// Most bytes of a file.
  public static let sizeLimit = 256 << 20

  /// The file for the segment with that first index.
  public static func file(_ firstIndex: UInt64) -> String {
    let digits = String(firstIndex)
    return directory + "/" + String(repeating: "0", count: 20 - digits.count) + digits
  }

  public static func encode(_ subtrees: [Subtree]) -> ByteBuffer {
    var bytes = ByteBuffer(capacity: subtrees.count * recordSize)
    for subtree in subtrees {
      bytes.append(UInt8(subtree.level))
      bytes.append(littleEndian: subtree.index)
      bytes.append(subtree.hash)
    }
    return bytes
  }

  /// The whole records of `bytes`, which nothing vouches for.
  public static func decode(_ bytes: ByteView) -> [Subtree] {
    stride(from: 0, to: bytes.count - bytes.count % recordSize, by: recordSize).compactMap { start in
      let level = Int(bytes[start])
      guard level < SubtreeRun.tileLevel else { return nil }
      return Subtree(level: level, index: bytes.load64(at: start + 1), hash: Digest(bytes, at: start + 9))
    }
  }
}
