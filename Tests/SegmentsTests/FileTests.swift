import Bytes
import Cryptography
import MerkleLog
import Segments
import Testing

@Suite struct FileTests {
  private func digest(_ byte: UInt8) -> Digest { [byte].withView { SHA256.hash($0) } }

  private var header: BlockHeader {
    BlockHeader(
      segment: SegmentID(high: 1, low: 2), number: 3, firstIndex: 0,
      contents: BlockContents(count: 4, rawByteCount: 400, firstTime: 5, lastTime: 9), storedByteCount: 77,
      previousChain: digest(1), tree: tree(4))
  }

  private func tree(_ size: Int) -> CompactRange {
    var tree = CompactRange()
    for number in 0..<size { tree.append(digest(UInt8(number))) }
    return tree
  }

  @Test func blockHeadersReadBackAndRefuseEveryOtherVersion() throws {
    var out = ByteBuffer()
    header.encode(to: &out)
    #expect(out.count == header.size)
    #expect(try BlockHeader(out.view) == header)
    let bytes = out.view.array
    // Magic, version, size, flags, hash count: nothing else may stand there.
    for offset in [0, 3, 4, 5, 6, 64, 67, 68] {
      var changed = bytes
      changed[offset] ^= offset == 64 ? 2 : 1
      #expect(changed.withView { (try? BlockHeader($0)) == nil }, "offset \(offset)")
    }
    var encrypted = header
    encrypted.isEncrypted = true
    out.removeAll()
    encrypted.encode(to: &out)
    #expect(try BlockHeader(out.view) == encrypted)
    #expect(BlockHeader.isEncrypted(out.view) && !bytes.withView { BlockHeader.isEncrypted($0) })
    for count in 0..<bytes.count {
      #expect(bytes.withView { (try? BlockHeader($0.prefix(count))) == nil })
    }
  }

  @Test func segmentHeadersNameTheirSidecarUnderTheChain() throws {
    func encode(_ digest: Digest?) throws -> (bytes: [UInt8], chainStart: Digest) {
      let header = SegmentHeader(
        seed: SaltKey(self.digest(1)), id: SegmentID(high: 1, low: 2), created: 3,
        previous: SegmentID(high: 0, low: 0), origin: "logs.example.com/a", tree: tree(5), keyDigest: digest)
      var out = ByteBuffer()
      header.encode(to: &out)
      let decoded = try SegmentHeader.decode(out.view)
      #expect(decoded.header == header && decoded.size == out.count)
      #expect(decoded.header.isEncrypted == (digest != nil))
      return (out.view.array, decoded.chainStart)
    }
    let clear = try encode(nil), first = try encode(digest(7)), second = try encode(digest(8))
    #expect(first.bytes.count == clear.bytes.count + Digest.size)
    #expect(Set([clear.chainStart, first.chainStart, second.chainStart]).count == 3)
  }

  @Test func theChainCoversHeaderStoredBytesAndPredecessor() {
    func chain(_ previous: UInt8, _ header: [UInt8], _ stored: [UInt8]) -> Digest {
      header.withView { header in
        stored.withView { BlockHeader.chain(previous: digest(previous), header: header, stored: $0) }
      }
    }
    let all = [
      chain(1, [1, 2], [3]), chain(2, [1, 2], [3]), chain(1, [1, 3], [3]), chain(1, [1, 2], [4]),
      chain(1, [1], [2, 3]),
    ]
    #expect(Set(all).count == all.count)
  }

  @Test func sealsReadBackAndTolerateNoOtherSpelling() throws {
    let key = try #require(digest(4).withView { PublicKey($0) })
    let seal = Seal(
      origin: "logs.example.com/a", segment: SegmentID(high: 0x0102, low: 0x0304), firstIndex: 0, endIndex: 4,
      root: digest(1), chain: digest(2), byteCount: 1234, fileHash: digest(3), previous: nil,
      keys: SealKeys(number: 0, next: key, checkpoint: NamedKey(number: 7, key: key, epoch: 1)))
    #expect(Array(seal.text.utf8).withView { Seal($0) } == seal)
    var later = seal
    later.previous = seal.textHash
    later.keys.signer = key
    #expect(Array(later.text.utf8).withView { Seal($0) } == later)
    let others = [
      seal.text + "\n", String(seal.text.dropLast()), seal.text.replacing("end 4", with: "end 04"),
      seal.text.replacing("end 4", with: "end  4"), seal.text.replacing("first 0\n", with: "first +0\n"),
      seal.text.replacing("stele seal v1", with: "stele seal v2"), seal.text + "more 1\n",
      seal.text.replacing("bytes 1234\n", with: "bytes 1234\nbytes 1234\n"), "",
      seal.text.replacing("key 7", with: "key 07"), seal.text.replacing("epoch 1\n", with: ""),
    ]
    for text in others { #expect(Array(text.utf8).withView { Seal($0) } == nil, "\(text)") }
  }
}
