/// Every bound of the format, with its reason. A reader refuses what exceeds them before it allocates for it.
public enum Limits {
  /// Most entries of a block: what one worker encodes in some ten milliseconds, and what is decoded to reach
  /// one.
  public static let blockEntries = 65_536
  /// Raw bytes at which a block is cut.
  public static let blockRawBytes = 16 << 20
  /// Most bytes of one message; longer frames are kept in pieces. A datagram has at most 65,507.
  public static let messageBytes = 256 << 10
  /// Most raw bytes that a block can have: it is cut after the message that fills it.
  static let blockRawBytesAtMost = blockRawBytes + messageBytes
  /// Most stored bytes of a block. Columns that do not compress, filters and tables stay well below twice the
  /// raw.
  static let blockStoredBytes = 64 << 20
  /// Most bytes of one envelope.
  public static let envelopeBytes = 1024
  /// Most bytes of a block's table of templates and sources.
  static let metadataBytes = 4 << 20
  /// Most columns of a block, and how deep templates may be nested.
  static let columns = 8192
  static let depth = 8
  /// Most templates that whole messages of a block, or the values of one slot, may have: their number is a
  /// byte.
  static let alternatives = 254
}
