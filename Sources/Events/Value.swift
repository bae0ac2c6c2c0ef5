import Bytes

/// Why a field of the line's format holds nothing.
public enum NullReason: UInt8, BitwiseCopyable, Sendable, CaseIterable {
  /// The line's format does not have the field.
  case absent
  /// `-` was logged.
  case dash
  /// Nothing was logged: `""`, nothing between two separators, or `null` in JSON.
  case empty
  /// `-1` was logged for a phase that the request never came to.
  case notReached
  /// No format fitted the line, so nobody can say what it holds.
  case unparsed

  /// The name in expressions and output: `absent_in_format`, `dash`, `empty`, `not_reached`, `unparsed`.
  public var name: String {
    switch self {
    case .absent: "absent_in_format"
    case .dash: "dash"
    case .empty: "empty"
    case .notReached: "not_reached"
    case .unparsed: "unparsed"
    }
  }

  /// The reason of that name; nil when there is none.
  public init?(_ name: some StringProtocol) {
    guard let reason = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = reason
  }
}

/// Bytes within some other bytes.
public struct TextRange: Equatable, Sendable, BitwiseCopyable {
  /// Offset of the first byte.
  public var start: UInt32
  /// Number of bytes.
  public var count: UInt32

  /// `count` bytes from `start`; neither may need more than 32 bits.
  public init(start: Int, count: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.count = UInt32(truncatingIfNeeded: count)
  }
}

/// One typed value.
public enum Value: Equatable, Sendable, BitwiseCopyable {
  case null(NullReason)
  /// An integer or a status.
  case integer(Int64)
  /// Nanoseconds.
  case duration(Int64)
  /// Bytes.
  case size(Int64)
  /// Nanoseconds since 1970, UTC.
  case time(Int64)
  case address(Address)
  case flag(Bool)
  /// Text, as a range of the bytes it was read from: the event's own, or those given to `SlotMeaning.value`.
  /// Also the value of any field whose logged bytes are not of the field's type.
  case text(TextRange)

  /// Whether there is no value.
  public var isNull: Bool {
    if case .null = self { true } else { false }
  }

  /// The line says nothing of the field: its format does not have it, or no format fitted.
  public var isMissing: Bool {
    switch self {
    case .null(.absent), .null(.unparsed): true
    default: false
    }
  }
}
