import Bytes
import Cryptography
import Segments

/// One entry, with all that is needed to show it and to recompute what the tree commits to.
public struct LogEntry: Equatable, Sendable {
  public let index: UInt64
  public let metadata: EntryMetadata
  /// Name of the source; nil when the block does not say.
  public let sourceName: String?
  /// What the transport knew.
  public let envelope: [UInt8]
  /// The message as it was received.
  public let raw: [UInt8]
  /// Nil when the entry was erased: `envelope` and `raw` are empty then.
  public let salt: Salt?
  /// The 52 bytes that the leaf hash is made of.
  public let entry: [UInt8]

  /// The leaf hash: what the tree holds of the entry.
  public var leaf: Digest { entry.withView { SHA256.leaf(entry: $0) } }

  /// Reads a row of a block that was loaded whole.
  public init(_ block: borrowing SegmentBlock, row: Int) throws(LogError) {
    let index = block.firstIndex + UInt64(row)
    let metadata = block.contents.metadata(row)
    let envelope = block.contents.envelope(row)
    var raw = ByteBuffer()
    try block.print(row, to: &raw)
    let salts = block.salts
    let isErased = salts.table?.erased(index) != nil
    self.index = index
    self.metadata = metadata
    self.envelope = envelope.array
    self.raw = raw.view.array
    sourceName = block.contents.sourceNames.first { $0.number == metadata.source }?.name
    do throws(CryptoError) {
      var hasher = try EntryHasher(salts)
      salt = isErased ? nil : try hasher.salt(index: index)
      entry = try hasher.entry(index: index, metadata, envelope: envelope, raw: raw.view)
    } catch { throw .crypto(error) }
  }
}
