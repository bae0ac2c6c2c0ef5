import Testing

@testable import Collector

@Suite struct SteadyClockTests {
  private static let hour: Int64 = 3_600_000_000_000
  private static let day = 24 * hour

  /// A time far from zero on the clock, early on the other.
  private static let start: Int64 = 20_000 * day

  private func clock(known: Int64? = nil, kept: Int64? = nil) -> SteadyClock {
    SteadyClock(known: known, kept: kept, realtime: Self.start, sinceBoot: 0)
  }

  @Test func aStepForwardCountsAfterADay() {
    var clock = clock()
    let far = Self.start + 30_000 * Self.day
    #expect(clock.now(realtime: Self.start + Self.hour, sinceBoot: Self.hour) == Self.start + Self.hour)
    #expect(clock.now(realtime: far, sinceBoot: 2 * Self.hour) == Self.start + 2 * Self.hour)
    #expect(clock.lead == far - Self.start - 2 * Self.hour)
    #expect(
      clock.now(realtime: far + Self.day - 1, sinceBoot: 26 * Self.hour - 1) == Self.start + 26 * Self.hour
        - 1)
    #expect(clock.now(realtime: far + Self.day, sinceBoot: 26 * Self.hour) == far + Self.day)
    #expect(clock.lead == nil)
  }

  @Test func aSecondStepBeginsAnotherDay() {
    var clock = clock()
    _ = clock.now(realtime: Self.start + 10 * Self.day, sinceBoot: 0)
    let later = clock.now(realtime: Self.start + 100 * Self.day, sinceBoot: 23 * Self.hour)
    #expect(later == Self.start + 23 * Self.hour)
    let end = clock.now(realtime: Self.start + 100 * Self.day + Self.day, sinceBoot: 46 * Self.hour)
    #expect(end == Self.start + 46 * Self.hour)
  }

  @Test func aStepBackCountsAtOnceAndAMistakeThatIsMendedIsForgotten() {
    var clock = clock()
    #expect(clock.now(realtime: Self.start - Self.day, sinceBoot: 0) == Self.start - Self.day)
    _ = clock.now(realtime: Self.start + 10 * Self.day, sinceBoot: 0)
    #expect(clock.lead != nil)
    #expect(clock.now(realtime: Self.start - Self.day + 1, sinceBoot: 1) == Self.start - Self.day + 1)
    #expect(clock.lead == nil)
  }

  /// What was believed by mistake is no measure once the clock has been right for a day.
  @Test func aClockThatStaysSetBackIsWhatStepsCountFrom() {
    let wrong = 10 * Self.day
    var mended = clock(known: Self.start + wrong)
    _ = mended.now(realtime: Self.start, sinceBoot: 0)
    #expect(
      mended.now(realtime: Self.start + wrong + Self.hour, sinceBoot: Self.hour) == Self.start + wrong
        + Self.hour)
    _ = mended.now(realtime: Self.start + 2 * Self.hour, sinceBoot: 2 * Self.hour)
    _ = mended.now(realtime: Self.start + 26 * Self.hour, sinceBoot: 26 * Self.hour)
    let now = mended.now(realtime: Self.start + wrong + 27 * Self.hour, sinceBoot: 27 * Self.hour)
    #expect(now == Self.start + 27 * Self.hour && mended.lead == wrong)
  }

  @Test func theNewestEntryIsKnown() {
    var late = clock(known: Self.start - 90 * Self.day)
    #expect(late.now(realtime: Self.start, sinceBoot: 0) == Self.start - 90 * Self.day)
    // One from the future says nothing.
    var early = clock(known: Self.start + Self.day)
    #expect(early.now(realtime: Self.start, sinceBoot: 0) == Self.start)
  }

  /// The daemon was stopped on Friday, and its host went on.
  @Test func whatWasBelievedBeforeIsKnown() {
    var quiet = clock(known: Self.start - 3 * Self.day, kept: Self.start)
    #expect(quiet.now(realtime: Self.start, sinceBoot: 0) == Self.start && quiet.lead == nil)
    // The host was started anew meanwhile: then it tells less than the entries.
    var started = clock(known: Self.start - Self.hour, kept: Self.start - 90 * Self.day)
    #expect(started.now(realtime: Self.start, sinceBoot: 0) == Self.start && started.lead == nil)
    var wrong = clock(known: Self.start - 3 * Self.day, kept: Self.start - 3 * Self.day)
    #expect(wrong.now(realtime: Self.start, sinceBoot: 0) == Self.start - 3 * Self.day)
  }

  /// The host was switched off for days, or has no clock of its own.
  @Test func twoWeeksAreBelievedOfASynchronizedClock() {
    var off = clock(known: Self.start - 14 * Self.day)
    #expect(off.now(realtime: Self.start, sinceBoot: 0) == Self.start - 14 * Self.day)
    #expect(off.now(realtime: Self.start, sinceBoot: 0, isSynchronized: true) == Self.start)
    #expect(off.lead == nil)
    // No more than that, however often.
    let more = off.now(realtime: Self.start + 3 * Self.hour, sinceBoot: Self.hour, isSynchronized: true)
    #expect(more == Self.start + Self.hour && off.lead == 2 * Self.hour)
    var far = clock()
    let year = 365 * Self.day
    #expect(far.now(realtime: Self.start + year, sinceBoot: 0, isSynchronized: true) == Self.start)
    // Without a battery the clock begins in 1970.
    var bare = SteadyClock(known: Self.start - Self.day, realtime: 0, sinceBoot: 0)
    #expect(bare.now(realtime: 60, sinceBoot: 60) == 60)
    #expect(bare.now(realtime: Self.start, sinceBoot: Self.hour, isSynchronized: true) == Self.start)
  }

  @Test func manySmallStepsAreOneLargeStep() {
    var clock = clock()
    for step in 1...12 as ClosedRange<Int64> {
      let minutes = step * Self.hour / 6
      let now = clock.now(realtime: Self.start + minutes + step * Self.hour, sinceBoot: minutes)
      #expect(now <= Self.start + minutes + 2 * Self.hour)
    }
    #expect(clock.lead != nil)
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
