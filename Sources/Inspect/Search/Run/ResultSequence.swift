import Bytes
import Platform

/// Puts the results of blocks that several threads search into the order of the blocks.
///
/// Every turn is claimed once and completed once, in order: a thread waits for its turn where that matters.
/// Turns are begun in order, so the one that all wait for is always being worked on.
final class ResultSequence: @unchecked Sendable {
  /// Blocks are searched from the last to the first.
  let isBackward: Bool
  private let write: @Sendable (ByteView) throws(SystemError) -> Void
  private let lock = Lock()
  private let moved = Condition()
  // Guarded by `lock`; the buffers only by whose turn it is to write.
  private var claimed = 0
  private var completed = 0
  private var left: Int?
  private var summary = SearchSummary()
  private var failure: SystemError?
  private var buffer = ByteBuffer()
  private var flushed: Int64 = 0
  /// Results of a backward search, the last block's first.
  private var kept: [(turn: Int, bytes: [UInt8])] = []

  /// Results are handed on when so many bytes have come together, or so many nanoseconds have passed.
  private static let flushBytes = 256 << 10
  private static let flushTime: Int64 = 50_000_000

  init(_ limit: SearchRun.Limit, _ write: @escaping @Sendable (ByteView) throws(SystemError) -> Void) {
    self.write = write
    switch limit {
    case .none:
      left = nil
      isBackward = false
    case .first(let count):
      left = count
      isBackward = false
    case .last(let count):
      left = count
      isBackward = true
    }
  }

  /// How many of the `count` entries found in a turn are wanted. Waits for the turns before where there is a
  /// limit.
  func claim(_ turn: Int, _ count: Int) -> Int {
    lock.withLock {
      if left == nil {
        summary.hits += count
        return count
      }
      while claimed < turn { moved.wait(lock) }
      let wanted = min(count, left ?? count)
      left = (left ?? 0) - wanted
      claimed = turn + 1
      summary.hits += wanted
      moved.broadcast()
      return wanted
    }
  }

  /// Hands on what a turn has found, or a part of it, once the turns before are complete.
  func write(_ turn: Int, _ bytes: ByteView) {
    lock.lock()
    while completed < turn { moved.wait(lock) }
    let hasFailed = failure != nil
    lock.unlock()
    // Until this turn is complete nobody else gets here.
    if hasFailed || bytes.isEmpty { return }
    if isBackward {
      if kept.last?.turn == turn {
        kept[kept.count - 1].bytes += bytes.array
      } else {
        kept.append((turn, bytes.array))
      }
    } else {
      hand(bytes)
    }
  }

  /// A turn that found nothing; false when no further one is needed.
  func pass(_ turn: Int) -> Bool {
    if left != nil { _ = claim(turn, 0) }
    return complete(turn)
  }

  /// Ends a turn; false when no further one is needed.
  func complete(_ turn: Int) -> Bool {
    lock.withLock {
      while completed < turn { moved.wait(lock) }
      completed = turn + 1
      summary.blocks += 1
      moved.broadcast()
      return failure == nil && left != 0
    }
  }

  func note(_ damaged: DamagedBlock) { lock.withLock { summary.damaged.append(damaged) } }

  func note(erased count: Int) { lock.withLock { summary.erased += count } }

  private func hand(_ bytes: ByteView) {
    if bytes.count >= Self.flushBytes {
      flush()
      return send(bytes)
    }
    buffer.append(bytes)
    let now = Clock.monotonic()
    if buffer.count >= Self.flushBytes || now - flushed > Self.flushTime {
      flush()
      flushed = now
    }
  }

  private func flush() {
    send(buffer.view)
    buffer.removeAll()
  }

  private func send(_ bytes: ByteView) {
    if bytes.isEmpty || failure != nil { return }
    do throws(SystemError) { try write(bytes) } catch { lock.withLock { failure = error } }
  }

  /// Hands on what is left, after all threads have ended.
  func finish() throws(SystemError) -> SearchSummary {
    for result in kept.reversed() { result.bytes.withView { hand($0) } }
    flush()
    if let failure { throw failure }
    summary.damaged.sort { $0.firstIndex < $1.firstIndex }
    return summary
  }
}
