import Testing

@testable import Collector

@Suite struct SteadyClockTests {
  private static let hour: Int64 = 3_600_000_000_000
  private static let day = 24 * hour

  /// A time far from zero on the clock, early on the other.
  private static let start: Int64 = 20_000 * day

  private func clock(known: Int64? = nil) -> SteadyClock {
    SteadyClock(known: known, realtime: Self.start, monotonic: 0)
  }

  @Test func aStepForwardCountsAfterADay() {
    var clock = clock()
    let far = Self.start + 30_000 * Self.day
    #expect(clock.now(realtime: Self.start + Self.hour, monotonic: Self.hour) == Self.start + Self.hour)
    #expect(clock.now(realtime: far, monotonic: 2 * Self.hour) == Self.start + 2 * Self.hour)
    #expect(clock.lead == far - Self.start - 2 * Self.hour)
    #expect(
      clock.now(realtime: far + Self.day - 1, monotonic: 26 * Self.hour - 1) == Self.start + 26 * Self.hour
        - 1)
    #expect(clock.now(realtime: far + Self.day, monotonic: 26 * Self.hour) == far + Self.day)
    #expect(clock.lead == nil)
  }

  @Test func aSecondStepBeginsAnotherDay() {
    var clock = clock()
    _ = clock.now(realtime: Self.start + 10 * Self.day, monotonic: 0)
    let later = clock.now(realtime: Self.start + 100 * Self.day, monotonic: 23 * Self.hour)
    #expect(later == Self.start + 23 * Self.hour)
    let end = clock.now(realtime: Self.start + 100 * Self.day + Self.day, monotonic: 46 * Self.hour)
    #expect(end == Self.start + 46 * Self.hour)
  }

  @Test func aStepBackCountsAtOnceAndAMistakeThatIsMendedIsForgotten() {
    var clock = clock()
    #expect(clock.now(realtime: Self.start - Self.day, monotonic: 0) == Self.start - Self.day)
    _ = clock.now(realtime: Self.start + 10 * Self.day, monotonic: 0)
    #expect(clock.lead != nil)
    #expect(clock.now(realtime: Self.start - Self.day + 1, monotonic: 1) == Self.start - Self.day + 1)
    #expect(clock.lead == nil)
  }

  @Test func theNewestEntryIsKnown() {
    var late = clock(known: Self.start - 90 * Self.day)
    #expect(late.now(realtime: Self.start, monotonic: 0) == Self.start - 90 * Self.day)
    // One from the future says nothing.
    var early = clock(known: Self.start + Self.day)
    #expect(early.now(realtime: Self.start, monotonic: 0) == Self.start)
  }

  /// A daemon that begins again under a wrong clock does not take the entries of the last one for a proof of it.
  @Test func aJumpOfTheLastDayIsNotKnown() {
    let known = { (hours: [(Int64, Int64)]) in
      SteadyClock.known(hours.map { ($0.0 * Self.hour, $0.1 * Self.hour) }).map { $0 / Self.hour }
    }
    #expect(known([]) == nil)
    #expect(known([(11, 12), (10, 11), (8, 10)]) == 12)
    #expect(known([(1011, 1012), (1010, 1011), (9, 10)]) == 12)
    // In the middle of a block.
    #expect(known([(1000, 1001), (10, 1000)]) == 11)
    // Back from a mistake.
    #expect(known([(12, 13), (1000, 1001), (11, 12)]) == 13)
    // A day ago.
    let day = (1000..<1024).reversed().map { (hour: Int64) in (hour, hour + 1) }
    #expect(known(day + [(9, 10)]) == 1024)
  }

  /// A segment that was written under a wrong clock goes with those beside it.
  @Test func segmentsEndInTheOrderOfTheLog() {
    let times = { PruneAct.times(of: $0, now: 100) }
    #expect(times([10, 20, 30]) == [10, 20, 30])
    #expect(times([10, 1, 30]) == [10, 10, 30])
    #expect(times([10, 900, 30]) == [10, 30, 30])
    #expect(times([50, 900, 1, 60]) == [50, 50, 50, 60])
    #expect(times([10, 900, 800]) == [10, .max, .max])
    #expect(times([]) == [])
  }
}
