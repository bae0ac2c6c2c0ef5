/// Elements on the heap, owned by one value and reached without reference counting or exclusivity checks at
/// run time. Every index is checked.
@safe public struct HeapArray<Element: ~Copyable>: ~Copyable {
  @usableFromInline var base: UnsafeMutablePointer<Element>
  @inlinable public var count: Int { held }
  @usableFromInline var held: Int

  /// `count` elements, each made by `make` from its index.
  @inlinable public init(count: Int, _ make: (Int) -> Element) {
    precondition(count >= 0)
    unsafe base = .allocate(capacity: max(count, 1))
    held = count
    for index in 0..<count { unsafe (base + index).initialize(to: make(index)) }
  }

  /// No elements.
  @inlinable public init() {
    unsafe base = .allocate(capacity: 1)
    held = 0
  }

  /// One element.
  @inlinable public init(_ element: consuming Element) {
    unsafe base = .allocate(capacity: 1)
    held = 1
    unsafe base.initialize(to: element)
  }

  deinit {
    unsafe base.deinitialize(count: count)
    unsafe base.deallocate()
  }

  @inlinable public subscript(index: Int) -> Element {
    unsafeAddress {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      return unsafe UnsafePointer(base + index)
    }
    unsafeMutableAddress {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      return unsafe base + index
    }
  }
}

extension HeapArray where Element: ~Copyable {
  /// The address of an element, for where the compiler cannot see that other parts of the owner are not
  /// touched by using it. Valid as long as the array.
  @inlinable public func address(of index: Int) -> UnsafeMutablePointer<Element> {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    return unsafe base + index
  }
}

extension HeapArray where Element: ~Copyable {
  /// Adds an element behind the others. All are moved: for lists that seldom change.
  public mutating func append(_ element: consuming Element) {
    let grown = UnsafeMutablePointer<Element>.allocate(capacity: held + 1)
    unsafe grown.moveInitialize(from: base, count: held)
    unsafe (grown + held).initialize(to: element)
    unsafe base.deallocate()
    unsafe base = grown
    held += 1
  }

  /// Takes an element out; those behind it move up.
  public mutating func remove(at index: Int) -> Element {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: held))
    let element = unsafe (base + index).move()
    unsafe (base + index).moveInitialize(from: base + index + 1, count: held - index - 1)
    held -= 1
    return element
  }
}

extension HeapArray: @unchecked Sendable where Element: Sendable & ~Copyable {}

/// A growing list of plain values, reused by `removeAll`. Unlike `Array` it is never shared, so appending
/// never checks for uniqueness.
@safe public struct ValueList<Element: BitwiseCopyable>: ~Copyable {
  @usableFromInline var base: UnsafeMutablePointer<Element>
  @usableFromInline var capacity: Int
  @inlinable public var count: Int { used }
  @usableFromInline var used: Int

  public init(capacity: Int = 0) {
    precondition(capacity >= 0)
    self.capacity = capacity
    unsafe base = Self.allocate(capacity)
    used = 0
  }

  deinit { unsafe Storage.deallocate(base, capacity * MemoryLayout<Element>.stride) }

  private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<Element> {
    unsafe Storage.allocate(capacity * MemoryLayout<Element>.stride).assumingMemoryBound(to: Element.self)
  }

  @inlinable public subscript(index: Int) -> Element {
    get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      return unsafe base[index]
    }
    set {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      unsafe base[index] = newValue
    }
  }

  @inlinable public var last: Element { self[count - 1] }

  @inlinable @inline(__always) public mutating func append(_ element: Element) {
    if count == capacity { grow(to: max(capacity * 2, 16)) }
    unsafe (base + count).initialize(to: element)
    used = count &+ 1
  }

  @inlinable public mutating func removeAll() { used = 0 }

  /// Drops all but the first `newCount` elements.
  @inlinable public mutating func truncate(to newCount: Int) {
    precondition(newCount >= 0 && newCount <= count)
    used = newCount
  }

  /// Makes the list exactly `newCount` long; new elements are `element`.
  @inlinable public mutating func resize(to newCount: Int, filledWith element: Element) {
    precondition(newCount >= 0)
    if newCount > capacity { grow(to: max(newCount, capacity * 2)) }
    if newCount > count { unsafe (base + count).initialize(repeating: element, count: newCount - count) }
    used = newCount
  }

  @usableFromInline @inline(never) mutating func grow(to newCapacity: Int) {
    let grown = unsafe Self.allocate(newCapacity)
    unsafe grown.moveInitialize(from: base, count: count)
    unsafe Storage.deallocate(base, capacity * MemoryLayout<Element>.stride)
    unsafe base = grown
    capacity = newCapacity
  }

  /// The elements, valid while `body` runs.
  @inlinable public func withUnsafeElements<R, E: Error>(
    _ body: (UnsafeBufferPointer<Element>) throws(E) -> R
  ) throws(E) -> R {
    try unsafe body(UnsafeBufferPointer(start: base, count: count))
  }

  /// The elements, to be changed while `body` runs.
  @inlinable public mutating func withUnsafeMutableElements<R, E: Error>(
    _ body: (UnsafeMutableBufferPointer<Element>) throws(E) -> R
  ) throws(E) -> R {
    try unsafe body(UnsafeMutableBufferPointer(start: base, count: count))
  }
}

extension ValueList: @unchecked Sendable where Element: Sendable {}
