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

  @inline(__always) init(_ slot: Int, _ start: Int, kind: UInt8, _ a: Int64, end: Int) {
    self.start = UInt32(truncatingIfNeeded: start)
    self.end = UInt32(truncatingIfNeeded: end)
    self.slot = Int32(truncatingIfNeeded: slot)
    self.kind = kind
    self.a = a
    b = 0
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
  /// Which of the list's bodies (what may follow a header, or be the whole line) matched, or -1.
  public internal(set) var body: Int32 = -1
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
  var standardStamps = RFC3339Memory()
  var recentRoot: HeapArray<UInt16>
  var recentAlternative: HeapArray<UInt8>
  /// Of the list that is being matched.
  var choice = BodyChoice.any
  private var orderStart = 0
  private var choices: HeapArray<BodyChoice>
  /// For each list, the order in which its bodies are tried.
  private var orders: HeapArray<UInt8>

  public init(for matcher: borrowing Matcher) {
    recentRoot = HeapArray(count: matcher.roots.count) { _ in 0 }
    recentAlternative = HeapArray(count: matcher.slotCount) { _ in 0 }
    choices = HeapArray(count: matcher.roots.count) { _ in .any }
    orders = HeapArray(count: matcher.roots.count * Self.orderStride) { UInt8($0 % Self.orderStride) }
  }

  /// A list has fewer bodies than that.
  private static let orderStride = 256

  /// Lets list `list` try its bodies in `order`, which names each once, from now on, and lets only those in
  /// `remembered` be tried first because they matched last. So no line of another format changes how the next is read.
  /// Without a call every body is remembered, in the list's own order.
  public mutating func prefer(_ remembered: Range<Int>, order: [Int], list: Int) {
    precondition(order.count < Self.orderStride && Set(order) == Set(0..<order.count))
    choices[list] = BodyChoice(lower: UInt8(remembered.lowerBound), upper: UInt8(remembered.upperBound))
    for (place, body) in order.enumerated() { orders[list * Self.orderStride + place] = UInt8(body) }
    recentRoot[list] = 0
  }

  /// The body that is tried in turn `turn`.
  func order(_ turn: Int) -> Int { Int(orders[orderStart &+ turn]) }

  mutating func begin(_ list: Int) {
    choice = choices[list]
    orderStart = list &* Self.orderStride
    node = -1
    body = -1
    values.removeAll()
    isAmbiguous = false
    isPartial = false
    failureOffset = 0
    failureNode = -1
  }

  /// Notes a failure, if it came further than those before; -1, for the matcher's convenience.
  mutating func fail(node: Int, slot: Int, at offset: Int) -> Int {
    if offset >= failureOffset || failureNode < 0 {
      failureOffset = offset
      failureNode = node
      failureSlot = slot
    }
    return -1
  }
}

/// Which bodies of a list may be remembered as the one that matched last.
struct BodyChoice {
  var lower: UInt8
  var upper: UInt8

  static let any = BodyChoice(lower: 0, upper: 255)

  @inline(__always) func contains(_ body: Int) -> Bool { body >= Int(lower) && body < Int(upper) }
}
