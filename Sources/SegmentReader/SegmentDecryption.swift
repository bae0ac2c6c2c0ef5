import Bytes
import Cryptography
import Segments

extension LogDirectory {
  /// Most bytes of a sidecar: some kilobytes for each recipient.
  public static let sidecarLimit = 4 << 20

  /// The key of an encrypted segment's blocks; nil when the segment has none, its sidecar is not here, or was
  /// not encrypted to that recipient.
  public func segmentKey(
    _ header: SegmentHeader, for recipient: RecipientKey?
  ) throws(LogError) -> SegmentKey? {
    guard let recipient, let digest = header.keyDigest else { return nil }
    let name = FileNames.name(header.firstIndex, .cms)
    guard let sidecar = try read(name, limit: Self.sidecarLimit) else { return nil }
    guard sidecar.withView({ SHA256.hash($0) }) == digest else {
      throw .damaged(file: name, DecodeError(.invalid, at: 0))
    }
    return sidecar.withView { recipient.open($0) }
  }
}

extension SegmentFile {
  /// Whether a block's stored bytes are encrypted.
  public func isEncrypted(_ number: Int) -> Bool {
    // Other files have no such blocks, and need not be read for it.
    header.isEncrypted && BlockHeader.isEncrypted(view.dropFirst(blocks[number].offset))
  }

  /// Whether a block is encrypted and there is no key for it.
  public func isClosed(_ number: Int) -> Bool { key == nil && isEncrypted(number) }

  /// The seed of the salts of entries in encrypted blocks.
  func messageSeed() throws(LogError) -> SaltKey {
    guard let key else { throw .closed(file: name, first: firstIndex, count: endIndex - firstIndex) }
    return try crypto { () throws(CryptoError) in try key.saltSeed() }
  }

  /// The payload of an encrypted block; nothing of one that is stored in the clear.
  func decrypt(_ number: Int) throws(LogError) -> ByteBuffer {
    var plain = ByteBuffer()
    guard isEncrypted(number) else { return plain }
    let block = blocks[number]
    guard let key else {
      throw .closed(file: name, first: block.firstIndex, count: UInt64(block.contents.count))
    }
    let isOpen = try crypto { () throws(CryptoError) in
      var cipher = try BlockCipher()
      return try cipher.open(
        payload(number), segment: header.id, firstIndex: block.firstIndex, block.contents, key, to: &plain)
    }
    guard isOpen else {
      throw .damaged(file: name, DecodeError(.invalid, at: block.offset + block.headerByteCount))
    }
    return plain
  }
}
