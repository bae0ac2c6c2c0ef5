/// Slabs in order, at most a fixed number: put in at the back, taken from either end. Moving a slab in or out
/// moves its few words, never its bytes.
@safe struct SlabList: ~Copyable {
  private let base: UnsafeMutablePointer<Slab>
  let capacity: Int
  private var head = 0
  private(set) var count = 0

  init(capacity: Int) {
    precondition(capacity > 0)
    unsafe base = .allocate(capacity: capacity)
    self.capacity = capacity
  }

  deinit {
    for index in 0..<count { unsafe (base + position(index)).deinitialize(count: 1) }
    unsafe base.deallocate()
  }

  private func position(_ index: Int) -> Int {
    let position = head + index
    return position < capacity ? position : position - capacity
  }

  func address(_ index: Int) -> UnsafePointer<Slab> {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    return unsafe UnsafePointer(base + position(index))
  }

  mutating func mutableAddress(_ index: Int) -> UnsafeMutablePointer<Slab> {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
    return unsafe base + position(index)
  }

  subscript(index: Int) -> Slab {
    unsafeAddress { unsafe address(index) }
    unsafeMutableAddress { unsafe mutableAddress(index) }
  }

  mutating func append(_ slab: consuming Slab) {
    precondition(count < capacity)
    unsafe (base + position(count)).initialize(to: slab)
    count += 1
  }

  mutating func removeFirst() -> Slab {
    precondition(count > 0)
    let slab = unsafe (base + head).move()
    head = position(1)
    count -= 1
    return slab
  }

  mutating func removeLast() -> Slab {
    precondition(count > 0)
    count -= 1
    return unsafe (base + position(count)).move()
  }
}

extension SlabList: @unchecked Sendable {}

/// A contiguous run of submitted slabs, in the order submitted: what becomes one block.
public struct SlabBatch: ~Copyable, Sendable {
  var slabs: SlabList
  /// Messages in all that it had.
  public let messageCount: Int
  /// Sum of the lengths of all messages.
  public let messageBytes: Int

  /// What `assign` returned for it.
  public let ticket: UInt64
  /// When its first message was received (`Clock.monotonic()`).
  public let since: Int64

  init(_ slabs: consuming SlabList, messageCount: Int, messageBytes: Int, ticket: UInt64) {
    self.ticket = ticket
    since = slabs.count > 0 ? slabs[0].firstFilled : 0
    self.slabs = slabs
    self.messageCount = messageCount
    self.messageBytes = messageBytes
  }

  /// Number of slabs that are left in it.
  public var count: Int { slabs.count }

  /// The slab at `index`, to be read in place. Traps when out of bounds.
  public subscript(index: Int) -> Slab {
    unsafeAddress { unsafe slabs.address(index) }
  }
}
