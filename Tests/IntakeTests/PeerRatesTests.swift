import Platform
import Testing

@testable import Intake

@Suite struct PeerRatesTests {
  private let one = IPAddress(v4: 1)
  private let two = IPAddress(v4: 2)

  @Test func aBurstComesAtOnceAndThenTheRate() {
    var rates = PeerRates(RateLimit(rate: 10, burst: 5))
    let start: Int64 = 1_000_000_000_000
    let first = (0..<8).map { _ in rates.admit(one, now: start) }
    #expect(first == [true, true, true, true, true, false, false, false])
    // What was refused costs nothing.
    let next = [99_999_999, 100_000_000, 100_000_001].map { rates.admit(one, now: start + $0) }
    #expect(next == [false, true, false])
    let other = rates.admit(two, now: start)
    #expect(other)
    // An hour later there is one burst to be had, not the hour's.
    let later = (0..<8).map { _ in rates.admit(one, now: start + 3_600_000_000_000) }
    #expect(later == first)
  }

  @Test func whatWasReceivedIsPaidBackByWaiting() {
    var rates = PeerRates(RateLimit(rate: 1000, burst: 10))
    var delay = rates.delay(of: one, now: 0)
    #expect(delay == 0)
    rates.charge(one, 9, now: 0)
    delay = rates.delay(of: one, now: 0)
    #expect(delay == 0)
    rates.charge(one, 1001, now: 0)
    delay = rates.delay(of: one, now: 0)
    #expect(delay == 1_001_000_000)
    delay = rates.delay(of: one, now: 1_000_000_000)
    #expect(delay == 1_000_000)
    delay = rates.delay(of: two, now: 0)
    #expect(delay == 0)
  }

  @Test func aClockThatIsSetBackRefusesNobody() {
    var rates = PeerRates(RateLimit(rate: 1, burst: 2))
    let now: Int64 = 1_800_000_000_000_000_000
    let before = (0..<3).map { _ in rates.admit(one, now: now) }
    let after = (0..<3).map { _ in rates.admit(one, now: now - 86_400_000_000_000) }
    #expect(before == [true, true, false] && after == before)
  }

  /// Receive times of one socket need not be in order: that pays nothing back.
  @Test func aTimeThatIsALittleBeforeTheLastFreesNobody() {
    var rates = PeerRates(RateLimit(rate: 1, burst: 2))
    let now: Int64 = 1_800_000_000_000_000_000
    let before = (0..<2).map { _ in rates.admit(one, now: now) }
    let after = (1..<4).map { rates.admit(one, now: now - $0 * 1000) }
    #expect(before == [true, true] && after == [false, false, false])
  }

  @Test func aFloodOfAddressesDoesNotFreeWhoOwesMost() {
    var rates = PeerRates(RateLimit(rate: 1, burst: 100))
    for _ in 0..<100 { _ = rates.admit(one, now: 0) }
    for number in 0..<100_000 { _ = rates.admit(IPAddress(v6: UInt64(number) + 9, 0), now: 0) }
    let isFree = rates.admit(one, now: 0)
    #expect(!isFree)
  }

  @Test func connectionsAreCountedForEachPeer() {
    let peers = PeerConnections(limit: 2)
    let first = [peers.admit(one), peers.admit(one), peers.admit(one), peers.admit(two)]
    #expect(first == [true, true, false, true])
    peers.release(one)
    #expect([peers.admit(one), peers.admit(one)] == [true, false])
    #expect(SocketAddress.ip(IPAddress(v6: 5, 6), port: 7).limitedPeer == IPAddress(v6: 5, 0))
    #expect(SocketAddress.ip(one, port: 7).limitedPeer == one)
    #expect(SocketAddress.unix(path: "/x").limitedPeer == nil)
  }
}
