// Which numbers of a load balancer's log counter never came.
import TestSupport
import Testing

@testable import Collector

@Suite struct CounterStreamTests {
  /// Feeds numbers in this order, one a nanosecond, judging after every `every` of them. Returns what is missing.
  private func missing(
    _ numbers: [UInt64], judging every: Int = .max, _ stream: inout CounterStream, from start: Int64 = 1
  ) -> [NumberWindow.Missing] {
    var found: [NumberWindow.Missing] = []
    for (place, number) in numbers.enumerated() {
      if let early = stream.take(number, time: start + Int64(place)) { found.append(early) }
      if place % every == every - 1 { stream.settle(all: false) { found.append($0) } }
    }
    stream.settle(all: true) { found.append($0) }
    return found
  }

  private func count(_ numbers: [UInt64], judging every: Int = .max) -> UInt64 {
    var stream = CounterStream()
    return missing(numbers, judging: every, &stream).reduce(0) { $0 + $1.count }
  }

  @Test func aGapIsCountedOnceAndBetweenItsNeighbours() {
    var stream = CounterStream()
    let found = missing([10, 11, 12, 20, 21], &stream)
    #expect(found == [NumberWindow.Missing(count: 7, times: 3...4)])
    #expect(missing([22, 23], &stream, from: 50) == [])
  }

  @Test func nothingIsMissingBeforeTheFirstNumber() {
    #expect(count([4_000_000, 4_000_001, 3_999_999, 3_999_990]) == 0)
  }

  @Test func whatComesLaterThanOthersIsNotMissing() {
    #expect(count([1, 5, 2, 4, 3, 6]) == 0)
    #expect(count((1...2000).reversed() + [2001]) == 0)
    // Over several judgements: a number has until the next one.
    #expect(count([1, 2, 4, 5, 3, 6, 8, 9, 7, 10], judging: 4) == 0)
    #expect(count([1, 3, 4, 5, 6, 7, 2, 8], judging: 2) == 1)
  }

  @Test func whatMayStillComeIsOpen() {
    var stream = CounterStream()
    for number: UInt64 in [1, 2, 7] { _ = stream.take(number, time: 1) }
    #expect(stream.open == 4)
    _ = stream.take(5, time: 2)
    #expect(stream.open == 3)
    stream.settle(all: true) { _ in }
    #expect(stream.open == 0)
  }

  /// Threads read the counter before they add one: 7, 7, 9 is three messages and no loss.
  @Test func aNumberThatCameTwiceMakesUpForTheNext() {
    #expect(count([6, 7, 7, 9, 10]) == 0)
    #expect(count([6, 7, 7, 7, 10, 11]) == 0)
    #expect(count([60, 63, 63, 65, 61, 62, 66]) == 0)
    // But not for one much later, nor where everything comes twice.
    #expect(count([6, 7, 7] + Array(8...400) + [402]) == 1)
    #expect(count((1...300).flatMap { [$0, $0] }.filter { $0 != 200 }) == 1)
  }

  @Test func messagesThatDoNotShowTheirNumberMakeUpForIt() {
    var stream = CounterStream()
    for number: UInt64 in 1...3 { _ = stream.take(number, time: 1) }
    for _ in 0..<100 { stream.takeUnnumbered() }
    #expect(missing([104, 106], &stream).map(\.count) == [1])
  }

  @Test func aProcessThatBeginsAnewLosesNothing() {
    #expect(count(Array(100_000...100_100) + Array(1...50)) == 0)
    // And what each of them loses is still seen.
    #expect(count(Array(100_000...100_100) + [100_103] + Array(1...50) + [55]) == 2 + 4)
    // The old one goes on for a while beside the new one.
    let both = (0..<200).flatMap { [UInt64(100_000 + $0), UInt64(1 + $0)] }
    #expect(count(both, judging: 50) == 0)
    #expect(count(both.filter { $0 != 100_100 && $0 != 42 }, judging: 50) == 2)
  }

  @Test func aHugeGapCountsOnlyWhenTheOldNumbersHaveStopped() {
    #expect(count(Array(1...10) + Array(5_000_000...5_000_010)) == 4_999_989)
    // Two processes under one name.
    let both = (0..<100).flatMap { [UInt64(1 + $0), UInt64(5_000_000 + $0)] }
    #expect(count(both, judging: 20) == 0)
    #expect(count(both) == 0)
  }

  @Test func forgedNumbersNeitherTrapNorFillMemory() {
    var random = SplitMix64(17)
    var numbers: [UInt64] = []
    for _ in 0..<5000 { numbers.append(random.next() &>> (random.next() & 63 | 11)) }
    var stream = CounterStream()
    let found = missing(numbers, judging: 7, &stream)
    #expect(found.allSatisfy { $0.times.lowerBound <= $0.times.upperBound })
  }

  /// Threads that race, a network that reorders and loses: what is missing is what was lost, to the last one.
  @Test(arguments: [1, 2, 3, 4, 5, 6]) func whatRacingThreadsLoseIsCountedExactly(_ seed: UInt64) {
    var random = SplitMix64(seed)
    func below(_ bound: UInt64) -> Int { Int(random.next() % bound) }
    // Each thread reads the counter, writes its line, adds one.
    var counter: UInt64 = 1000
    var pending = [UInt64?](repeating: nil, count: 4)
    var sent: [UInt64] = []
    while sent.count < 100_000 {
      let thread = below(4)
      if pending[thread] != nil {
        counter += 1
        pending[thread] = nil
      } else {
        sent.append(counter)
        // Seldom does another thread come in between.
        if below(10) == 0 { pending[thread] = counter } else { counter += 1 }
      }
    }
    var lost = 0
    var arriving: [(place: Int, number: UInt64)] = []
    for (place, number) in sent.enumerated() {
      // Ends are not judged: nothing is known beyond them.
      if place > 100, place < sent.count - 100, below(50) == 0 {
        lost += 1
      } else {
        arriving.append((place + below(300), number))
      }
    }
    arriving.sort { $0.place < $1.place }
    let found = count(arriving.map(\.number), judging: 997)
    #expect(
      found.distance(to: UInt64(lost)).magnitude <= UInt64(lost / 20), "\(found) of \(lost), seed \(seed)")
  }
}
