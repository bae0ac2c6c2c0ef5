import Platform

/// Threads that check blocks, and the bounded queue before them. With one thread, the caller does the work
/// itself.
///
/// Used by one thread, which alone adds work.
final class WorkPool: Sendable {
  private let capacity: Int
  private let lock = Lock()
  private let changed = Condition()
  // Guarded by the lock.
  nonisolated(unsafe) private var queue: [CheckTask] = []
  nonisolated(unsafe) private var isStopped = false
  nonisolated(unsafe) private var threads: [Thread] = []

  /// Starts the threads; fewer when the system gives no more.
  init(threads count: Int) {
    capacity = 2 * count
    if count <= 1 { return }
    for number in 0..<count {
      guard let thread = try? Thread(name: "stele-verify-\(number)", stackSize: 1 << 20, { [self] in work() })
      else { break }
      unsafe threads.append(thread)
    }
  }

  private var isThreaded: Bool { unsafe !threads.isEmpty }

  /// Adds work, waiting while the queue is full; without threads, does it at once.
  func add(_ task: CheckTask, _ own: inout BlockChecker) {
    if !isThreaded { return task.run(&own) }
    lock.withLock {
      while unsafe queue.count >= capacity { changed.wait(lock) }
      unsafe queue.append(task)
      changed.broadcast()
    }
  }

  /// Waits until that segment's work is done.
  func wait(for job: SegmentJob) { wait { job.isDone } }

  /// Waits until those signatures are checked.
  func wait(for checks: SignatureChecks) { wait { checks.isDone } }

  private func wait(until isDone: () -> Bool) {
    if !isThreaded { return }
    lock.withLock {
      while !isDone() { changed.wait(lock) }
    }
  }

  private func work() {
    var checker = BlockChecker()
    while let task = next() {
      task.run(&checker)
      lock.withLock { changed.broadcast() }
    }
  }

  private func next() -> CheckTask? {
    lock.withLock {
      while unsafe queue.isEmpty, unsafe !isStopped { changed.wait(lock) }
      return unsafe queue.isEmpty ? nil : queue.removeFirst()
    }
  }

  /// Ends the threads after what is queued.
  func stop() {
    lock.withLock {
      unsafe isStopped = true
      changed.broadcast()
    }
    for thread in unsafe threads { thread.join() }
  }
}
