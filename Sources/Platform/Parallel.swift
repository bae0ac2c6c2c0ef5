import Glibc
import Synchronization

/// Work that is cut into numbered pieces and done by several threads.
public enum Parallel {
  /// Number of processors that are online.
  public static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Calls `body` once with each number below `count`, on up to `threads` threads. `make` gives each thread a
  /// state of its own. Returns when all are done; a body that returns false keeps further pieces from being
  /// begun.
  public static func forEach<State: ~Copyable>(
    _ count: Int, threads: Int, make: @Sendable @escaping () -> State,
    _ body: @Sendable @escaping (Int, inout State) -> Bool
  ) throws(SystemError) {
    let next = Counter()
    if threads <= 1 || count <= 1 {
      var state = make()
      for piece in 0..<count { if !body(piece, &state) { return } }
      return
    }
    var running: [Thread] = []
    var failure: SystemError?
    for number in 0..<min(threads, count) {
      do throws(SystemError) {
        running.append(
          try Thread(name: "stele-work-\(number)") {
            var state = make()
            while true {
              let piece = next.value.wrappingAdd(1, ordering: .relaxed).oldValue
              if piece >= count { return }
              if !body(piece, &state) { next.value.store(count, ordering: .relaxed) }
            }
          })
      } catch { failure = error }
    }
    for thread in running { thread.join() }
    if running.isEmpty, let failure { throw failure }
  }

  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
  }
}
