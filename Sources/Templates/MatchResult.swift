import Bytes

/// One value of a matched line.
public struct MatchedValue: BitwiseCopyable, Sendable {
  /// Byte range in the line.
  public var start: UInt32
  public var end: UInt32
  /// The slot's number in the matcher.
  public var slot: Int32
  /// How it will be stored (`StoredValue.kind`). For a slot with alternatives the number of the alternative that it
  /// has, counted from 1; 0 when it has none of them.
  public var kind: UInt8
  /// Its numbers.
  public var a: Int64
  public var b: Int64

  /// The value as it will be stored.
  public var stored: StoredValue {
    @inline(__always) get { StoredValue(kind: kind, a: a, b: b) }
    @inline(__always) set {
      kind = newValue.kind
      a = newValue.a
      b = newValue.b
    }
  }

  @inline(__always) init(_ slot: Int, _ start: Int, _ value: QuickValue) {
    self.start = UInt32(truncatingIfNeeded: start)
    end = UInt32(truncatingIfNeeded: value.end)
    self.slot = Int32(truncatingIfNeeded: slot)
    kind = value.kind
    a = value.a
    b = value.b
  }
}

/// What matching one line gave; reused from line to line. Also remembers, per list and slot, which template
/// matched last, for the next line most likely has the same.
public struct MatchResult: ~Copyable, Sendable {
  /// The node that matched, or -1.
  public internal(set) var node: Int32 = -1
  public internal(set) var values = ValueList<MatchedValue>(capacity: 64)
  /// Some template fits in more than one way, so none was chosen.
  public internal(set) var isAmbiguous = false
  /// A value that may be anything, and for which there are templates, has none of them.
  public internal(set) var isPartial = false
  /// Byte offset up to which the best template came.
  public internal(set) var failureOffset = 0
  /// The node of that template, and its slot that did not fit.
  public internal(set) var failureNode = -1
  public internal(set) var failureSlot = 0

  var stamps = StampMemory()
  var recentRoot: HeapArray<UInt16>
  var recentAlternative: HeapArray<UInt8>

  public init(for matcher: borrowing Matcher) {
    recentRoot = HeapArray(count: matcher.roots.count) { _ in 0 }
    recentAlternative = HeapArray(count: matcher.slotCount) { _ in 0 }
  }

  mutating func begin() {
    node = -1
    values.removeAll()
    isAmbiguous = false
    isPartial = false
    failureOffset = 0
    failureNode = -1
  }

  /// Notes a failure, if it came further than those before; false, for the matcher's convenience.
  mutating func fail(node: Int, slot: Int, at offset: Int) -> Bool {
    if offset >= failureOffset || failureNode < 0 {
      failureOffset = offset
      failureNode = node
      failureSlot = slot
    }
    return false
  }
}
