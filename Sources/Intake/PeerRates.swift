import Bytes
import Platform
import Synchronization

/// How many messages each peer of a source may send.
public struct RateLimit: Equatable, Sendable {
  /// Messages a second, in the long run.
  public var rate: Int
  /// Messages that may come at once after a pause.
  public var burst: Int

  public init(rate: Int, burst: Int) {
    precondition(rate > 0 && rate <= 1_000_000_000 && burst > 0)
    self.rate = rate
    self.burst = burst
  }
}

/// How much of its rate each peer has used up (the generic cell rate algorithm, ITU-T I.371: a token bucket kept
/// as one time). Of fixed size: a peer that has nothing to pay back needs no place, and under a flood of
/// made-up addresses those that owe least are forgotten first.
struct PeerRates: ~Copyable {
  private static let size = 4096
  private static let probes = 8
  /// By how much a receive time may be before the last one, nanoseconds.
  private static let disorder: Int64 = 1_000_000_000

  private var entries = HeapArray<RateEntry>(count: size) { _ in RateEntry() }
  /// Nanoseconds that one message costs.
  private let cost: Int64
  /// How far `settled` may be ahead of the time.
  private let credit: Int64

  init(_ limit: RateLimit) {
    cost = 1_000_000_000 / Int64(limit.rate)
    credit = cost * Int64(limit.burst)
  }

  /// Whether another message of `peer` may come at `now`, and if so counts it.
  mutating func admit(_ peer: IPAddress, now: Int64) -> Bool {
    let place = place(of: peer)
    var start = max(settled(place, peer), now)
    // Much further ahead than this call ever goes: the clock was set back. A little is nothing: receive times of
    // one socket are not always in order.
    if start - now > credit + Self.disorder { start = now }
    if start - now > credit - cost { return false }
    entries[place] = RateEntry(peer: peer, settled: start + cost)
    return true
  }

  /// How long `peer` has to wait until it may send again, nanoseconds; 0 when it need not.
  func delay(of peer: IPAddress, now: Int64) -> Int64 {
    max(0, max(settled(place(of: peer), peer), now) - now - credit + cost)
  }

  /// Counts messages that have come, however many they are (fewer than 2^31).
  mutating func charge(_ peer: IPAddress, _ count: Int, now: Int64) {
    let place = place(of: peer)
    entries[place] = RateEntry(peer: peer, settled: max(settled(place, peer), now) + cost * Int64(count))
  }

  private func settled(_ place: Int, _ peer: IPAddress) -> Int64 {
    entries[place].peer == peer ? entries[place].settled : .min
  }

  /// Where the peer is, or where it may be put.
  private func place(of peer: IPAddress) -> Int {
    var hash = peer.low ^ peer.high &* 0x9E37_79B9_7F4A_7C15
    hash = (hash ^ hash &>> 29) &* 0xBF58_476D_1CE4_E5B9
    let start = Int(truncatingIfNeeded: hash &>> 40)
    var best = start & (Self.size - 1)
    for probe in 0..<Self.probes {
      let index = (start &+ probe) & (Self.size - 1)
      if entries[index].peer == peer { return index }
      if entries[index].settled < entries[best].settled { best = index }
    }
    return best
  }
}

/// What is known of one peer.
struct RateEntry: BitwiseCopyable {
  var peer = IPAddress(v4: 0)
  /// When the peer has paid for everything it sent, nanoseconds.
  var settled = Int64.min
}

/// The rates of all streams of a source.
final class StreamRates: Sendable {
  let limit: RateLimit
  private let rates: Mutex<PeerRates>

  init(_ limit: RateLimit) {
    self.limit = limit
    rates = Mutex(PeerRates(limit))
  }

  func delay(of peer: IPAddress, now: Int64) -> Int64 { rates.withLock { $0.delay(of: peer, now: now) } }

  func charge(_ peer: IPAddress, _ count: Int, now: Int64) {
    rates.withLock { $0.charge(peer, count, now: now) }
  }
}

/// The open connections of each peer of a source; as many places as there are connections.
final class PeerConnections: Sendable {
  private let most: Atomic<Int>
  private let counts = Mutex<[IPAddress: Int]>([:])

  init(limit: Int) { most = Atomic(limit) }

  var limit: Int { most.load(ordering: .relaxed) }

  /// Has another limit hold from now on; connections that are open stay.
  func setLimit(_ limit: Int) { most.store(limit, ordering: .relaxed) }

  /// Counts another connection of `peer`, unless it has as many as it may.
  func admit(_ peer: IPAddress) -> Bool {
    counts.withLock { counts in
      let count = counts[peer, default: 0]
      if count >= limit { return false }
      counts[peer] = count + 1
      return true
    }
  }

  /// Counts a connection of `peer` that was open before there was a limit.
  func add(_ peer: IPAddress) { counts.withLock { $0[peer, default: 0] += 1 } }

  /// A connection that was admitted is gone.
  func release(_ peer: IPAddress) {
    counts.withLock { counts in
      let count = counts[peer, default: 0]
      counts[peer] = count > 1 ? count - 1 : nil
    }
  }
}

extension SocketAddress {
  /// Who is one peer to limits: an IPv4 address, or an IPv6 network of 64 bits, which one host can fill; nil for
  /// what is neither.
  var limitedPeer: IPAddress? {
    guard case .ip(let address, _) = self else { return nil }
    return address.limitedPeer
  }
}

extension IPAddress {
  var limitedPeer: IPAddress { isIPv6 ? IPAddress(v6: high, 0) : self }
}
