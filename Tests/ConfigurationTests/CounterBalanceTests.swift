// A load balancer's counter beside what is stored: nothing but what is certain is called a difference.
import TestSupport
import Testing

@testable import stele

@Suite struct CounterBalanceTests {
  /// A look at a quiet moment.
  private func quiet(_ counted: Int64, stored: Int64, missing: Int64 = 0) -> CounterBalance.Look {
    CounterBalance.Look(
      counted: counted, countedAfter: counted, stored: stored, missing: missing, lost: missing)
  }

  private func difference(_ looks: [CounterBalance.Look]) -> Int64 {
    var balance = CounterBalance()
    for look in looks { balance.take(look) }
    return balance.close()
  }

  @Test func inQuietMomentsOneRequestIsSeen() {
    #expect(difference([quiet(100, stored: 7), quiet(200, stored: 107)]) == 0)
    #expect(difference([quiet(100, stored: 7), quiet(200, stored: 106)]) == 1)
    #expect(difference([quiet(100, stored: 7), quiet(200, stored: 109)]) == -2)
    // Once only.
    #expect(difference([quiet(0, stored: 0), quiet(9, stored: 8), quiet(10, stored: 9)]) == 1)
  }

  @Test func whatIsAccountedForIsNoDifference() {
    #expect(difference([quiet(0, stored: 0), quiet(100, stored: 90, missing: 10)]) == 0)
    #expect(difference([quiet(0, stored: 0), quiet(100, stored: 90, missing: 9)]) == 1)
    // Losses that need not be of requests explain at most themselves.
    var look = quiet(100, stored: 90)
    look.lost = 25
    #expect(difference([quiet(0, stored: 0), look]) == 0)
    look.lost = 4
    #expect(difference([quiet(0, stored: 0), look]) == 6)
  }

  @Test func whatMayBeUnderWayIsNoDifference() {
    var busy = CounterBalance.Look(counted: 1000, countedAfter: 1100, active: 30, stored: 970)
    #expect(difference([quiet(0, stored: 0), busy]) == 0)
    busy.stored = 1100
    #expect(difference([quiet(0, stored: 0), busy]) == 0)
    busy.stored = 969
    #expect(difference([quiet(0, stored: 0), busy]) == 1)
    busy.stored = 1101
    #expect(difference([quiet(0, stored: 0), busy]) == -1)
    // What was not seen while there was traffic is seen afterwards.
    busy.stored = 980
    #expect(difference([quiet(0, stored: 0), busy, quiet(1200, stored: 1180)]) == 20)
  }

  @Test func aRestartHidesOnlyWhatWasNotTold() {
    var balance = CounterBalance()
    balance.take(quiet(100, stored: 100))
    balance.restart()
    // The old process had counted five more, and nobody knows.
    balance.take(quiet(110, stored: 115))
    #expect(balance.close() == 0)
    balance.take(quiet(120, stored: 125))
    #expect(balance.close() == 0)
    balance.take(quiet(130, stored: 134))
    #expect(balance.close() == 1)
    balance.restart()
    balance.take(quiet(140, stored: 140))
    #expect(balance.close() == 4)
  }

  /// Whatever the traffic: no loss, no difference; and in the end every loss is found.
  @Test(arguments: [1, 2, 3, 4, 5]) func noTrafficLooksLikeALoss(_ seed: UInt64) {
    var random = SplitMix64(seed)
    func below(_ bound: UInt64) -> Int64 { Int64(random.next() % bound) }
    var balance = CounterBalance()
    var begun: Int64 = 0, ended: Int64 = 0, stored: Int64 = 0, lost: Int64 = 0
    func pass() {
      begun += below(100)
      ended += below(UInt64(begun - ended) + 1)
      stored += below(UInt64(ended - lost - stored) + 1)
    }
    func look() {
      let counted = begun, active = begun - ended
      // Lines of what had ended have come before what is stored is looked at.
      stored = ended - lost
      pass()
      balance.take(
        CounterBalance.Look(counted: counted, countedAfter: begun, active: active, stored: stored))
    }
    for _ in 0..<200 {
      for _ in 0..<10 { pass() }
      look()
    }
    #expect(balance.close() == 0, "seed \(seed)")
    for _ in 0..<200 {
      for _ in 0..<10 { pass() }
      if ended - lost > stored { lost += 1 }
      look()
    }
    ended = begun
    stored = ended - lost
    look()
    ended = begun
    stored = ended - lost
    balance.take(quiet(begun, stored: stored))
    #expect(balance.close() > lost / 2 && balance.close() == 0, "seed \(seed)")
  }
}
