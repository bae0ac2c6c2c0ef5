/// A set of numbers below a fixed count, one bit each: the rows of a block that a condition holds for.
///
/// Bits at and above `count` are always zero.
@safe public struct BitSet: ~Copyable, Sendable {
  /// Numbers from 0 up to this one, exclusive, can be members.
  public let count: Int
  @usableFromInline var words: ValueList<UInt64>

  /// No members, or all of them.
  public init(count: Int, filled: Bool = false) {
    precondition(count >= 0)
    self.count = count
    words = ValueList(capacity: (count + 63) / 64)
    words.resize(to: (count + 63) / 64, filledWith: filled ? .max : 0)
    clearTail()
  }

  private mutating func clearTail() {
    if count & 63 != 0 { words[words.count - 1] &= 1 &<< UInt64(count & 63) &- 1 }
  }

  /// A copy.
  public func copy() -> BitSet {
    var other = BitSet(count: count)
    for index in 0..<words.count { other.words[index] = words[index] }
    return other
  }

  @inlinable public func contains(_ number: Int) -> Bool {
    precondition(UInt(bitPattern: number) < UInt(bitPattern: count))
    return words[number &>> 6] &>> UInt64(number & 63) & 1 != 0
  }

  @inlinable public mutating func insert(_ number: Int) {
    precondition(UInt(bitPattern: number) < UInt(bitPattern: count))
    words[number &>> 6] |= 1 &<< UInt64(number & 63)
  }

  @inlinable public mutating func remove(_ number: Int) {
    precondition(UInt(bitPattern: number) < UInt(bitPattern: count))
    words[number &>> 6] &= ~(1 &<< UInt64(number & 63))
  }

  /// Adds all numbers of `range`.
  public mutating func insert(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    var number = range.lowerBound
    while number < range.upperBound {
      let end = min(range.upperBound, (number | 63) + 1)
      let mask: UInt64 = end - number == 64 ? .max : 1 &<< UInt64(end - number) &- 1
      words[number &>> 6] |= mask &<< UInt64(number & 63)
      number = end
    }
  }

  public mutating func insertAll() {
    for index in 0..<words.count { words[index] = .max }
    clearTail()
  }

  public mutating func removeAll() {
    for index in 0..<words.count { words[index] = 0 }
  }

  public var isEmpty: Bool {
    for index in 0..<words.count where words[index] != 0 { return false }
    return true
  }

  public var isFull: Bool { population == count }

  /// Number of members.
  public var population: Int {
    var total = 0
    for index in 0..<words.count { total &+= words[index].nonzeroBitCount }
    return total
  }

  /// Adds the members of `other`, whose count is the same.
  public mutating func formUnion(_ other: borrowing BitSet) {
    precondition(other.count == count)
    for index in 0..<words.count { words[index] |= other.words[index] }
  }

  /// Keeps the members that are also in `other`, whose count is the same.
  public mutating func formIntersection(_ other: borrowing BitSet) {
    precondition(other.count == count)
    for index in 0..<words.count { words[index] &= other.words[index] }
  }

  /// Removes the members of `other`, whose count is the same.
  public mutating func subtract(_ other: borrowing BitSet) {
    precondition(other.count == count)
    for index in 0..<words.count { words[index] &= ~other.words[index] }
  }

  /// Makes members of the others and no others of the members.
  public mutating func invert() {
    for index in 0..<words.count { words[index] = ~words[index] }
    clearTail()
  }

  /// The first member that is not below `start`; nil when there is none.
  @inlinable public func first(from start: Int = 0) -> Int? {
    var index = start &>> 6
    if index >= words.count { return nil }
    var word = words[index] & (.max &<< UInt64(start & 63))
    while word == 0 {
      index &+= 1
      if index == words.count { return nil }
      word = words[index]
    }
    return index &<< 6 &+ word.trailingZeroBitCount
  }

  /// The members, rising.
  public var members: [UInt32] {
    var members: [UInt32] = []
    members.reserveCapacity(population)
    var next = first()
    while let number = next {
      members.append(UInt32(number))
      next = first(from: number + 1)
    }
    return members
  }

  /// The words, for loops that make 64 bits at a time. Whoever writes leaves the bits above `count` zero.
  @inlinable public mutating func withUnsafeWords<R, E: Error>(
    _ body: (UnsafeMutableBufferPointer<UInt64>) throws(E) -> R
  ) throws(E) -> R {
    unsafe try words.withUnsafeMutableElements(body)
  }
}
