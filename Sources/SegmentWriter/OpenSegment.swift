import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments

/// The segment file that is being written.
final class OpenSegment {
  let plan: SegmentPlan
  let firstIndex: UInt64
  let name: String
  private let file: FileDescriptor
  /// Where the next block goes.
  private(set) var offset: Int
  private(set) var chain: Digest
  private(set) var blockCount = 0
  /// What was appended is not durable yet.
  private(set) var isDirty = false
  private var hasFailed = false
  /// Blocks that were not read back yet: where they start, how long they are, their chain value.
  private var unread: [(offset: Int, count: Int, chain: Digest)] = []

  /// Creates the file with its header, durable. The sidecar of an encrypted segment is there before.
  ///
  ///     openat(O_CREAT|O_EXCL)   pwrite(header)   fsync   fsync(directory)
  init(
    _ directory: borrowing Directory, _ plan: SegmentPlan, origin: String, previous: SegmentID,
    tree: CompactRange
  ) throws(WriteError) {
    self.plan = plan
    firstIndex = tree.size
    name = FileNames.name(tree.size, .open)
    let header = SegmentHeader(
      seed: plan.seed, id: plan.id, created: plan.created, previous: previous, origin: origin, tree: tree,
      keyDigest: plan.envelope.map { $0.withView { SHA256.hash($0) } })
    var bytes = ByteBuffer()
    header.encode(to: &bytes)
    do throws(DecodeError) { chain = try SegmentHeader.decode(bytes.view).chainStart } catch {
      throw .damaged(file: name, offset: error.offset, reason: "the new header does not decode")
    }
    offset = bytes.count
    do throws(SystemError) {
      file = try directory.createFile(name)
      try file.write(bytes.view, at: 0)
      try file.synchronize()
      try directory.synchronize()
    } catch { throw .system(error) }
  }

  func append(_ header: ByteView, _ payload: ByteView, _ chain: Digest) throws(WriteError) {
    precondition(!hasFailed)
    let count = header.count + payload.count + Digest.size
    hasFailed = true
    try system { () throws(SystemError) in
      try file.write(header, at: offset)
      try file.write(payload, at: offset + header.count)
      try chain.withView { (chain) throws(SystemError) in
        try file.write(chain, at: offset + count - Digest.size)
      }
    }
    hasFailed = false
    unread.append((offset, count, chain))
    offset += count
    self.chain = chain
    blockCount += 1
    isDirty = true
  }

  func synchronize() throws(WriteError) {
    precondition(!hasFailed)
    if !isDirty { return }
    hasFailed = true
    try system { () throws(SystemError) in try file.synchronizeData() }
    hasFailed = false
    isDirty = false
  }

  /// Finds out whether somebody removed the file: what is written to it then goes with the process.
  func checkPresence() throws(WriteError) {
    let status = try system { () throws(SystemError) in try file.status() }
    if status.linkCount == 0 { throw .removed(path: file.path) }
  }

  /// Reads the blocks that were added since the last call and recomputes their chain: one bit that changed
  /// between memory and disk, once signed, could never be explained again.
  func readBack() throws(WriteError) {
    var buffer = ByteBuffer()
    for block in unread {
      buffer.removeAll()
      let count = try system { () throws(SystemError) in
        try file.read(block.count, at: block.offset, appendingTo: &buffer)
      }
      guard count == block.count, Self.chainOf(buffer.view) == block.chain,
        Digest(buffer.view, at: count - Digest.size) == block.chain
      else { throw .readBack(file: name, offset: block.offset) }
    }
    unread.removeAll(keepingCapacity: true)
  }

  private static func chainOf(_ block: ByteView) -> Digest? {
    guard let header = try? BlockHeader(block), header.blockByteCount == block.count else { return nil }
    return BlockHeader.chain(
      previous: header.previousChain, header: block.prefix(header.size),
      stored: block[header.size, block.count - Digest.size])
  }
}
