import Platform
import SegmentWriter

/// Takes encoded blocks from several workers and gives them to the one writer in the order of their indexes.
///
/// Blocks are a fixed number of reused objects. A worker takes an empty one *before* it takes messages, so
/// whoever holds the next messages always has where to put them, and the exchange cannot lock up.
final class BlockExchange: Sendable {
  private let lock = Lock()
  private let changed = Condition()
  nonisolated(unsafe) private var empty: [EncodedBlock]
  nonisolated(unsafe) private var full: [UInt64: EncodedBlock] = [:]
  nonisolated(unsafe) private var workers: Int
  nonisolated(unsafe) private var isClosed = false
  nonisolated(unsafe) private var isHeld = false
  nonisolated(unsafe) private var isNudged = false

  init(blocks: [EncodedBlock], workers: Int) {
    unsafe empty = blocks
    unsafe self.workers = workers
  }

  /// An empty block; nil once the exchange is closed. Waits while it is held.
  func takeEmpty() -> EncodedBlock? {
    lock.withLock {
      while unsafe (empty.isEmpty || isHeld) && !isClosed { changed.wait(lock) }
      return unsafe isClosed ? nil : empty.removeLast()
    }
  }

  func put(_ block: EncodedBlock) {
    lock.withLock {
      unsafe full[block.firstIndex] = block
      changed.broadcast()
    }
  }

  func recycle(_ block: EncodedBlock) {
    lock.withLock {
      unsafe empty.append(block)
      changed.broadcast()
    }
  }

  /// Lets no worker begin another block, or lets them again. Those that wait for messages already still will.
  func hold(_ isHeld: Bool) {
    lock.withLock {
      unsafe self.isHeld = isHeld
      changed.broadcast()
    }
  }

  /// Ends the writer's waiting, as if its deadline had passed.
  func nudge() {
    lock.withLock {
      unsafe isNudged = true
      changed.broadcast()
    }
  }

  /// Gives back the memory of the empty blocks.
  func releaseMemory() {
    lock.withLock {
      for block in unsafe empty { block.releaseMemory() }
    }
  }

  /// What the writer is to do next.
  enum Turn {
    case block(EncodedBlock)
    /// The deadline has passed.
    case timeout
    /// All workers have ended and there is no block any more.
    case end
  }

  /// The block whose first index is `index`; waits for it until `deadline`.
  func take(_ index: UInt64, until deadline: Int64) -> Turn {
    lock.withLock {
      while true {
        if let block = unsafe full.removeValue(forKey: index) { return .block(block) }
        if unsafe workers == 0 { return .end }
        if unsafe isNudged {
          unsafe isNudged = false
          return .timeout
        }
        if Clock.monotonic() >= deadline { return .timeout }
        changed.wait(lock, until: deadline)
      }
    }
  }

  func workerEnded() {
    lock.withLock {
      unsafe workers -= 1
      changed.broadcast()
    }
  }

  /// Ends the waiting of workers after the writer failed.
  func close() {
    lock.withLock {
      unsafe isClosed = true
      changed.broadcast()
    }
  }
}
