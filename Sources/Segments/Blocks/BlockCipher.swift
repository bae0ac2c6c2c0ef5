import Bytes
import Cryptography

/// Encrypts and decrypts the stored bytes of blocks: a thread's buffers.
///
///     stored      nonce(12) || AES-256-GCM(segment key, nonce, payload) || tag(16)
///     additional  segment-id(16) entries(u32) first-index(u64) raw-size(u32) earliest(i64) latest(i64)
///
/// The additional data, as in the block's header, is what is known when a worker encrypts; the rest of the
/// header (number, chain, tree) follows as the block is written, and is covered by the chain.
public struct BlockCipher: ~Copyable, Sendable {
  private var cipher: AES256GCM
  private var additional = ByteBuffer(capacity: 48)

  public init() throws(CryptoError) { cipher = try AES256GCM() }

  private mutating func describe(_ segment: SegmentID, _ firstIndex: UInt64, _ contents: BlockContents) {
    additional.removeAll()
    additional.append(segment)
    additional.append(littleEndian: UInt32(contents.count))
    additional.append(littleEndian: firstIndex)
    additional.append(littleEndian: UInt32(contents.rawByteCount))
    additional.append(littleEndian: contents.firstTime)
    additional.append(littleEndian: contents.lastTime)
  }

  /// Replaces `stored` by the encrypted payload of the block of `segment` that begins with the entry
  /// `firstIndex`.
  public mutating func seal(
    _ payload: ByteView, segment: SegmentID, firstIndex: UInt64, _ contents: BlockContents, _ key: SegmentKey,
    to stored: inout ByteBuffer
  ) throws(CryptoError) {
    describe(segment, firstIndex, contents)
    stored.removeAll()
    try cipher.seal(payload, additional: additional.view, key, to: &stored)
  }

  /// Replaces `payload` by what is encrypted in `stored`. False when the key, the bytes or the description of
  /// the block are not those of the encryption.
  public mutating func open(
    _ stored: ByteView, segment: SegmentID, firstIndex: UInt64, _ contents: BlockContents, _ key: SegmentKey,
    to payload: inout ByteBuffer
  ) throws(CryptoError) -> Bool {
    describe(segment, firstIndex, contents)
    payload.removeAll()
    return try cipher.open(stored, additional: additional.view, key, to: &payload)
  }

  /// The block with its payload in the clear, in `buffer`, which must outlive it; the block itself when it is
  /// stored so. An encrypted one needs the key.
  public mutating func open(
    _ block: ScannedBlock, _ key: SegmentKey?, into buffer: inout ByteBuffer
  ) throws(BlockReadError) -> ScannedBlock {
    let header = block.header
    if !header.isEncrypted { return block }
    guard let key else { throw .closed }
    let isOpen: Bool
    do throws(CryptoError) {
      isOpen = try open(
        block.stored, segment: header.segment, firstIndex: header.firstIndex, header.contents, key,
        to: &buffer)
    } catch { throw .crypto(error) }
    if !isOpen { throw .wrongKey }
    var opened = block
    opened.stored = buffer.view
    return opened
  }
}

extension SaltSource {
  /// Where the salts of a block's entries come from: the segment's own source, but of an encrypted block a seed
  /// that only who has the key can make.
  public func of(_ block: BlockHeader, _ key: SegmentKey?) throws(BlockReadError) -> SaltSource {
    if !block.isEncrypted { return self }
    guard let key else { throw .closed }
    do throws(CryptoError) { return .seed(try key.saltSeed()) } catch { throw .crypto(error) }
  }
}
