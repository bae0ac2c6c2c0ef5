/// How one message was cut out of what came, and whether all of it is there. The layout is that of an entry's
/// flags on disk.
public struct FrameFlags: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
  public var rawValue: UInt16

  @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// What ended the message. Bits 0 to 2.
  public enum Framing: UInt16, Sendable, CaseIterable {
    /// A datagram's end.
    case datagram = 0
    /// A byte count before it (RFC 6587 section 3.4.1, RFC 5425 section 4.3).
    case octetCounting = 1
    /// A line feed (RFC 6587 section 3.4.2).
    case lineFeed = 2
    /// A NUL byte, which some senders write in place of the line feed.
    case nul = 3
    /// Nothing: written by Stele itself.
    case control = 4
  }

  /// Whether bytes of the message are missing. Bits 3 and 4.
  public enum Truncation: UInt16, Sendable, CaseIterable {
    case none = 0
    /// The sender may have cut it.
    case suspected = 1
    /// The sender has cut it.
    case certain = 2
    /// It was over a limit of the collector: a datagram that was cut, or a frame that is kept in pieces, of
    /// which this is one.
    case collector = 3
  }

  @inlinable public init(_ framing: Framing, truncation: Truncation = .none) {
    rawValue = framing.rawValue | truncation.rawValue &<< 3
  }

  /// Nil for the values that have no meaning yet.
  @inlinable public var framing: Framing? {
    Framing(rawValue: rawValue & 7)
  }

  @inlinable public var truncation: Truncation {
    get { Truncation(rawValue: rawValue &>> 3 & 3) ?? .none }
    set { rawValue = rawValue & ~0x18 | newValue.rawValue &<< 3 }
  }

  /// The same with another `truncation`.
  @inlinable public func with(_ truncation: Truncation) -> FrameFlags {
    var flags = self
    flags.truncation = truncation
    return flags
  }

  /// Bit 5: the end of the frame was not seen here. The next message of the same peer continues it, or it is
  /// the last line of a file and no line feed follows.
  @inlinable public var unterminated: Bool {
    get { rawValue & 0x20 != 0 }
    set { set(0x20, newValue) }
  }

  /// Bit 6: continues the previous message of the same peer.
  @inlinable public var continued: Bool {
    get { rawValue & 0x40 != 0 }
    set { set(0x40, newValue) }
  }

  /// Bit 7: one line feed at the end of the datagram, or of the counted bytes, was taken off.
  @inlinable public var trailingLineFeed: Bool {
    get { rawValue & 0x80 != 0 }
    set { set(0x80, newValue) }
  }

  /// Bit 8: the stream ended inside this frame.
  @inlinable public var cut: Bool {
    get { rawValue & 0x100 != 0 }
    set { set(0x100, newValue) }
  }

  /// Bit 9: what is stored is not all that was received: parts were masked before, as the source's rules say.
  @inlinable public var masked: Bool {
    get { rawValue & 0x200 != 0 }
    set { set(0x200, newValue) }
  }

  /// Bit 10: the host that the message names is not one for which its client's certificate may speak.
  @inlinable public var foreign: Bool {
    get { rawValue & 0x400 != 0 }
    set { set(0x400, newValue) }
  }

  @inlinable mutating func set(_ bit: UInt16, _ on: Bool) {
    rawValue = on ? rawValue | bit : rawValue & ~bit
  }
}
