// Threads, locks and clocks.
import Platform
import Synchronization
import Testing

@Suite struct ThreadsTests {
  @Test func aConditionPassesValuesBetweenThreads() throws {
    let box = Box()
    let thread = try Thread(name: "a name longer than fifteen") {
      for value in 1...1000 { box.put(value) }
    }
    var seen: [Int] = []
    while seen.count < 1000 { seen.append(box.get()) }
    thread.join()
    thread.join()
    #expect(seen == Array(1...1000))
  }

  @Test func aTimedWaitEndsAtItsDeadline() {
    let lock = Lock()
    let condition = Condition()
    let start = Clock.monotonic()
    lock.withLock {
      while condition.wait(lock, until: start + 2_000_000) {}
    }
    #expect(Clock.monotonic() >= start + 2_000_000)
  }

  @Test func theClocksAgreeOnTheEra() {
    // After 2020 and before 2200.
    #expect(Clock.realtime() > 1_577_836_800_000_000_000)
    #expect(Clock.realtime() < 7_258_118_400_000_000_000)
    let a = Clock.monotonic()
    #expect(Clock.monotonic() >= a)
  }
}

private final class Box: Sendable {
  private let lock = Lock()
  private let changed = Condition()
  private nonisolated(unsafe) var value: Int?

  func put(_ new: Int) {
    lock.withLock {
      while unsafe value != nil { changed.wait(lock) }
      unsafe value = new
      changed.broadcast()
    }
  }

  func get() -> Int {
    lock.withLock {
      while true {
        if let found = unsafe value {
          unsafe value = nil
          changed.broadcast()
          return found
        }
        changed.wait(lock)
      }
    }
  }
}
