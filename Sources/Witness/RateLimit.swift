import Synchronization

/// How often each peer may ask: `burst` times at once, and then so many times a second.
public final class RateLimit: Sendable {
  private struct Bucket {
    var tokens: Double
    var time: Int64
  }

  /// Most peers that are remembered.
  static let peerLimit = 4096

  private let perSecond: Double
  private let burst: Double
  private let buckets = Mutex<[String: Bucket]>([:])

  public init(perSecond: Double, burst: Double) {
    self.perSecond = perSecond
    self.burst = burst
  }

  /// Whether `peer` may ask at `now`, nanoseconds on a clock that never steps.
  public func allows(_ peer: String, now: Int64) -> Bool {
    buckets.withLock { buckets in
      var bucket = refilled(buckets[peer] ?? Bucket(tokens: burst, time: now), now)
      let isAllowed = bucket.tokens >= 1
      if isAllowed { bucket.tokens -= 1 }
      buckets[peer] = bucket
      if buckets.count > Self.peerLimit {
        buckets = buckets.filter { refilled($0.value, now).tokens < burst }
        // More peers than that at once: all begin anew.
        if buckets.count > Self.peerLimit { buckets = [peer: bucket] }
      }
      return isAllowed
    }
  }

  private func refilled(_ bucket: Bucket, _ now: Int64) -> Bucket {
    let seconds = Double(max(0, now - bucket.time)) / 1e9
    return Bucket(tokens: min(burst, bucket.tokens + seconds * perSecond), time: now)
  }
}
