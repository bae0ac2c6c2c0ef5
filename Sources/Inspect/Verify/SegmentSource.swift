import Bytes
import Cryptography
import MerkleLog
import Platform
import SegmentReader
import Segments

/// A segment's file, read by `pread`. Not mapped: an unreadable sector, or a file that is cut off meanwhile,
/// must be an error with a place and not the end of the process.
final class SegmentSource: Sendable {
  let name: String
  /// Bytes of the file when it was opened; what is appended later is not looked at.
  let size: Int
  let inode: UInt64
  private let file: FileDescriptor

  init(_ directory: LogDirectory, _ name: String) throws(SystemError) {
    file = try directory.openFile(name)
    let status = try file.status()
    size = status.size
    inode = status.inode
    self.name = name
    file.adviseSequential()
  }

  /// Replaces `buffer` by up to `count` bytes from `offset`; fewer only where the file ends.
  func read(_ count: Int, at offset: Int, into buffer: inout ByteBuffer) throws(SystemError) {
    buffer.removeAll()
    let count = min(count, size - offset)
    if count > 0 { try file.read(count, at: offset, appendingTo: &buffer) }
  }

  /// SHA-256 of the whole file.
  func hash(_ buffer: inout ByteBuffer) throws(SystemError) -> Digest {
    var hash = SHA256()
    var offset = 0
    while offset < size {
      try read(256 << 10, at: offset, into: &buffer)
      if buffer.isEmpty { break }
      hash.update(buffer.view)
      offset += buffer.count
    }
    return hash.finish()
  }
}
