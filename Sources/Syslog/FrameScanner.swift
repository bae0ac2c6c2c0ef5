import Bytes

/// Cuts the messages out of a stream of bytes: TCP, TLS, or a file.
///
/// The framing is decided anew for each frame, because real streams mix them (RFC 6587 section 3.4):
///
///     frame  = count SP octets        count: 1 to 6 digits, the first not 0; `<` must follow the space
///            | text (LF | NUL)        everything else; a CR before the LF belongs to the message
///
/// A message over the limit is kept in pieces, each flagged; where it ends is never guessed: an octet-counted
/// one ends after exactly its count, another at its LF (or NUL: only the last piece knows, the others say
/// LF). Nothing is ever left out but the count and the terminator, which the flags tell.
///
/// The scanner holds no bytes, only how far it has looked, so that a byte is searched once however small the
/// pieces are in which it arrives.
public struct FrameScanner: Sendable {
  public enum Framing: String, Sendable, CaseIterable {
    /// Decided for each frame.
    case auto
    /// Counts, which need not be followed by `<`. What is no count is text, as in `auto`, so that nothing is
    /// lost.
    case octet
    /// Text; a number at the beginning is part of it.
    case lineFeed = "lf"
    /// The lines of a file: text that ends with LF alone. A last line without one is flagged `unterminated`.
    case file
  }

  /// One message, or a piece of one, within the bytes scanned.
  public struct Frame: Equatable, Sendable, BitwiseCopyable {
    /// Where the message begins.
    public var offset: Int
    /// Its length in bytes.
    public var count: Int
    /// Where the next frame begins.
    public var end: Int
    public var flags: FrameFlags

    public init(offset: Int, count: Int, end: Int, flags: FrameFlags) {
      self.offset = offset
      self.count = count
      self.end = end
      self.flags = flags
    }
  }

  private enum State: UInt8 {
    /// At the first byte of a frame whose framing is not known.
    case undecided
    /// In text.
    case text
    /// In counted octets.
    case counted
  }

  private let framing: Framing
  private let expectsPriority: Bool
  /// The longest message, in bytes; another holds from the next piece on.
  public var limit: Int
  private var state = State.undecided
  /// The frame's earlier pieces have been handed out.
  private var continued = false
  /// Counted: bytes of "count SP" that still lie before the octets, and the octets to come.
  private var header = 0
  private var remaining = 0
  /// Text: offsets from the frame's start before which there is no LF, and no NUL. The byte at such an
  /// offset, when it is there, is one.
  private var lineFeedClear = 0
  private var nulClear = 0

  /// `limit` is the longest message, in bytes. With `expectsPriority`, a count counts only when `<` follows
  /// it, which tells "200 OK" from a frame of 200 octets. With `continued`, the first bytes belong to a message
  /// of which a piece was handed out before.
  public init(
    _ framing: Framing, limit: Int = Limits.messageBytes, expectsPriority: Bool = true,
    continued: Bool = false
  ) {
    precondition(limit > 0)
    self.framing = framing
    self.limit = limit
    self.continued = continued
    self.expectsPriority = expectsPriority && framing != .octet
  }

  /// Whether bytes of the present frame that were scanned before will be read again: only while its framing
  /// is not known, which takes at most `Limits.headerBytes`. Otherwise a caller need not have them in place
  /// until a frame is returned.
  public var rereads: Bool { state == .undecided }

  /// The next message in `bytes`, whose present frame begins at `start`: the `end` of the frame before, or 0.
  /// Nil when more bytes are needed; then call again with the same frame's bytes and more behind them.
  public mutating func next(in bytes: ByteView, from start: Int) -> Frame? {
    let available = bytes.count - start
    if available <= 0 { return nil }
    if state == .undecided, !decide(bytes, start, available) { return nil }
    return state == .text ? nextText(bytes, start, available) : nextCounted(bytes, start, available)
  }

  /// What has arrived of an unfinished frame, as a piece, for a caller who cannot keep it until the rest
  /// comes. Nil when there is nothing, or when the framing is not known yet (at most `Limits.headerBytes`).
  /// Call it only after `next` has returned nil.
  public mutating func split(in bytes: ByteView, from start: Int) -> Frame? {
    let count = bytes.count - start - header
    if state == .undecided || count <= 0 { return nil }
    if state == .counted {
      remaining -= count
      let frame = piece(.octetCounting, at: start, header: header, count: count)
      header = 0
      return frame
    }
    return piece(.lineFeed, at: start, header: 0, count: count)
  }

  /// At the end of the stream: what there is of an unfinished frame. Call it until it returns nil.
  public mutating func finish(in bytes: ByteView, from start: Int) -> Frame? {
    if let frame = next(in: bytes, from: start) { return frame }
    let available = bytes.count - start
    if available == 0 && !continued { return nil }
    if state == .undecided {
      // Too short for a count.
      state = .text
      if let frame = next(in: bytes, from: start) { return frame }
    }
    var flags = FrameFlags(
      state == .counted ? .octetCounting : .lineFeed, truncation: continued ? .collector : .none)
    flags.continued = continued
    if framing == .file { flags.unterminated = true } else { flags.cut = true }
    let skipped = state == .counted ? header : 0
    startFrame(after: available)
    return Frame(offset: start + skipped, count: available - skipped, end: bytes.count, flags: flags)
  }

  /// Finds out how the frame at `start` is framed; false when that takes more bytes.
  private mutating func decide(_ bytes: ByteView, _ start: Int, _ available: Int) -> Bool {
    if framing == .file || framing == .lineFeed || bytes[start] &- 0x31 > 8 {
      state = .text
      return true
    }
    var count = 0
    var digits = 0
    while digits < available, digits <= Limits.countDigits {
      let digit = bytes[start + digits] &- 0x30
      if digit > 9 { break }
      count = count &* 10 &+ Int(digit)
      digits &+= 1
    }
    if digits > Limits.countDigits {
      state = .text
      return true
    }
    if digits == available { return false }
    if bytes[start + digits] != 0x20 {
      state = .text
      return true
    }
    if expectsPriority {
      if digits + 1 == available { return false }
      if bytes[start + digits + 1] != UInt8(ascii: "<") {
        state = .text
        return true
      }
    }
    state = .counted
    header = digits + 1
    remaining = count
    return true
  }

  private mutating func nextText(_ bytes: ByteView, _ start: Int, _ available: Int) -> Frame? {
    let lineFeed = Self.find(0x0A, in: bytes, from: start, &lineFeedClear)
    var end = lineFeed
    var flags = FrameFlags(.lineFeed)
    // Only as far as the line goes; and the NUL that is found, or the end, is remembered for the lines after
    // it.
    if framing != .file, nulClear < lineFeed {
      let nul = Self.find(0, in: bytes, from: start, &nulClear)
      if nul < lineFeed {
        end = nul
        flags = FrameFlags(.nul)
      }
    }
    if end > limit {
      // A message of exactly the limit is whole: only the byte after it tells.
      if available <= limit { return nil }
      return piece(.lineFeed, at: start, header: 0, count: limit)
    }
    if end == available { return nil }
    if continued {
      flags.truncation = .collector
      flags.continued = true
    }
    startFrame(after: end + 1)
    return Frame(offset: start, count: end, end: start + end + 1, flags: flags)
  }

  /// Offset from `start` of the first `byte`, or of the end of `bytes` when there is none, searching from
  /// `clear` on.
  @inline(__always) private static func find(
    _ byte: UInt8, in bytes: ByteView, from start: Int, _ clear: inout Int
  ) -> Int {
    let from = start + clear
    if from < bytes.count, bytes[from] != byte {
      clear = (bytes.find(byte, from: from) ?? bytes.count) - start
    }
    return clear
  }

  private mutating func nextCounted(_ bytes: ByteView, _ start: Int, _ available: Int) -> Frame? {
    if remaining > limit {
      if available < header + limit { return nil }
      remaining -= limit
      let frame = piece(.octetCounting, at: start, header: header, count: limit)
      header = 0
      return frame
    }
    let end = start + header + remaining
    if bytes.count < end { return nil }
    var count = remaining
    var flags = FrameFlags(.octetCounting, truncation: continued ? .collector : .none)
    flags.continued = continued
    if count > 0, bytes[end - 1] == 0x0A {
      flags.trailingLineFeed = true
      count -= 1
    }
    let offset = start + header
    startFrame(after: end - start)
    return Frame(offset: offset, count: count, end: end, flags: flags)
  }

  /// `count` bytes of a message that goes on.
  private mutating func piece(
    _ framing: FrameFlags.Framing, at start: Int, header: Int, count: Int
  ) -> Frame {
    var flags = FrameFlags(framing, truncation: .collector)
    flags.unterminated = true
    flags.continued = continued
    continued = true
    lineFeedClear = max(0, lineFeedClear - header - count)
    nulClear = max(0, nulClear - header - count)
    return Frame(offset: start + header, count: count, end: start + header + count, flags: flags)
  }

  @inline(__always) private mutating func startFrame(after consumed: Int) {
    state = .undecided
    continued = false
    header = 0
    remaining = 0
    lineFeedClear = max(0, lineFeedClear &- consumed)
    nulClear = max(0, nulClear &- consumed)
  }
}
