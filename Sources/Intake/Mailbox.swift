import Platform
import Synchronization

/// Where other threads leave orders for a receiving thread, and wait until they are carried out.
final class Mailbox<Order: Sendable>: Sendable {
  /// Raised while there are orders; the receiving thread waits for it among its sockets.
  let flag: EventFlag
  private let lock = Lock()
  private let changed = Condition()
  private nonisolated(unsafe) var orders: [Order] = []
  /// Orders left, and carried out, since the start.
  private nonisolated(unsafe) var left = 0
  private nonisolated(unsafe) var done = 0
  private nonisolated(unsafe) var isClosed = false
  private let waiting = Atomic(false)

  init() throws(SystemError) { flag = try EventFlag() }

  /// Leaves an order and waits until it is carried out. False when the thread has ended before.
  @discardableResult func send(_ order: Order) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    if unsafe isClosed { return false }
    unsafe orders.append(order)
    unsafe left += 1
    let number = unsafe left
    waiting.store(true, ordering: .releasing)
    flag.raise()
    while unsafe done < number {
      if unsafe isClosed { return false }
      changed.wait(lock)
    }
    return true
  }

  /// Whether there is nothing to be carried out; costs one load.
  @inline(__always) var isEmpty: Bool { !waiting.load(ordering: .acquiring) }

  /// Has each order carried out by `body`, on the receiving thread.
  func serve(_ body: (Order) -> Void) {
    flag.lower()
    let taken = lock.withLock {
      waiting.store(false, ordering: .releasing)
      defer { unsafe orders = [] }
      return unsafe orders
    }
    for order in taken {
      body(order)
      lock.withLock {
        unsafe done += 1
        changed.broadcast()
      }
    }
  }

  /// Says that nothing will be carried out any more.
  func close() {
    lock.withLock {
      unsafe isClosed = true
      unsafe orders = []
      changed.broadcast()
    }
  }
}
