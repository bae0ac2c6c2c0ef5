import Bytes
import Cryptography
import MerkleLog
import Segments

extension Fuzzer {
  /// Any file is read as a segment, a seal or a file's name without a trap. What is accepted is exactly what
  /// would be written again.
  ///
  /// Input: options, the file. With option 1 the digests of header and footer are made to fit first: a hash
  /// stops accidents, not a hostile writer.
  static let segment = Fuzzer("segment", smokeRuns: 5000, seeds: { Self.segmentSeeds }) { input in
    var input = FuzzInput(input)
    let options = input.byte()
    var file = input.rest().array
    if options & 1 != 0 { mendDigests(&file) }
    file.withView { file in
      header(file)
      scan(file)
      footer(file)
      if let name = KeyName(file) {
        let seal = seal(origin: "\(name)")
        require(Array(seal.text.utf8).withView { Seal($0) } == seal, "no seal can name the origin \(name)")
      }
      if let seal = Seal(file) {
        require(Array(seal.text.utf8) == file.array, "the seal prints as \(seal.text)")
      }
      if let (index, kind) = FileNames.parse(file.text) {
        require(FileNames.name(index, kind) == file.text, "another name of \(index)")
      }
    }
  }

  private static func seal(origin: String) -> Seal {
    guard let key = Digest.zero.withView({ PublicKey($0) }) else { preconditionFailure("32 bytes") }
    return Seal(
      origin: origin, segment: SegmentID(high: 5, low: 6), firstIndex: 0, endIndex: 10, root: .zero,
      chain: .zero,
      byteCount: 1000, fileHash: .zero, previous: nil,
      keys: SealKeys(number: 1, next: key, checkpoint: NamedKey(number: 2, key: key, epoch: 0)))
  }

  private static func header(_ file: ByteView) {
    guard let (header, size, _) = try? SegmentHeader.decode(file) else { return }
    var out = ByteBuffer()
    header.encode(to: &out)
    require(out.view == file.prefix(size), "the header is written again as \(Hex.encode(out.view))")
  }

  private static func footer(_ file: ByteView) {
    guard let (footer, offset) = try? SegmentFooter.decode(file) else { return }
    var out = ByteBuffer()
    footer.encode(to: &out)
    require(out.view == file.dropFirst(offset), "the footer is written again as \(Hex.encode(out.view))")
  }

  private static func scan(_ file: ByteView) {
    guard var scan = try? SegmentScan(file), var hasher = try? EntryHasher(seed: scan.header.seed) else {
      return
    }
    var leaves = ValueList<Digest>()
    var end = scan.offset
    while let item = try? scan.next() {
      guard case .block(let block) = item else { break }
      require(block.offset == end && block.end > end && block.end <= file.count, "a block at \(block.offset)")
      end = block.end
      _ = block.isIntact()
      var out = ByteBuffer()
      block.header.encode(to: &out)
      require(out.view == block.headerBytes, "the block's header is written again as \(Hex.encode(out.view))")
      do { try DecodedBlock.hashLeaves(of: block, &hasher, &leaves) } catch { continue }
      require(leaves.count == block.header.contents.count, "\(leaves.count) leaves")
    }
  }

  private static func mendDigests(_ file: inout [UInt8]) {
    if file.count >= 8 {
      let size = Int(file[6]) | Int(file[7]) << 8
      if size >= 132, size <= file.count { mend(&file, 0, size - Digest.size) }
    }
    if file.count >= 96 {
      let size = file.withView { Int($0.load32(at: $0.count - 8)) }
      if size >= 96, size <= file.count { mend(&file, file.count - size, file.count - 40) }
    }
  }

  private static func mend(_ file: inout [UInt8], _ start: Int, _ digestAt: Int) {
    let digest = file.withView { SHA256.hash($0[start, digestAt]).array }
    file.replaceSubrange(digestAt..<digestAt + Digest.size, with: digest)
  }

  private static var segmentSeeds: [[UInt8]] {
    let matcher = SharedMatcher([shipped("nginx/combined") + shipped("haproxy/httplog")])
    let lines = SampleLines.bodies
    let segments = [
      SampleSegment([[lines[0]]], matcher.matcher),
      SampleSegment([Array(lines[0..<3]), [lines[3], lines[9]]], matcher.matcher, firstIndex: 3),
      SampleSegment([], matcher.matcher),
    ].compactMap { $0?.bytes }
    let seal = seal(origin: "example.com/fuzz")
    var second = seal
    second.previous = seal.textHash
    return segments.flatMap { [[0] + $0, [1] + $0] }
      + [seal, second].map { [0] + Array($0.text.utf8) }
      + FileNames.Kind.allCases.map { [0] + Array(FileNames.name(.max, $0).utf8) }
  }
}
