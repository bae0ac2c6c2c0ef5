import Bytes
import Platform

/// Sends recorded lines as syslog messages, as fast as the receiver takes them or at a rate.
///
/// Streams carry wrapped messages with octet counting (RFC 6587 section 3.4.1), lines as they are with a line
/// feed behind each: what is not a syslog message cannot be told from its count.
struct Replayer: ~Copyable {
  private var channel: Channel
  private var headers: HeaderCache
  private let countsOctets: Bool
  private var pace: Pace?
  private var message = ByteBuffer()
  private var pending = ByteBuffer()
  /// Messages sent, and their bytes without framing.
  private(set) var messages = 0
  private(set) var bytes = 0
  /// Lines that no datagram can carry.
  private(set) var overlong = 0

  /// Bytes collected before they are given to the kernel.
  private static let batchBytes = 64 << 10

  init(_ channel: consuming Channel, _ wrapping: Wrapping, host: String, rate: Int?) {
    countsOctets = wrapping != .none && channel.isStream
    self.channel = channel
    headers = HeaderCache(wrapping, host: host)
    pace = rate.map { Pace($0) }
  }

  mutating func send(_ line: ByteView) throws {
    while let wait = pace?.wait(), wait > 0 {
      try flush()
      Clock.sleep(nanoseconds: wait)
    }
    message.removeAll()
    headers.appendHeader(to: &message)
    message.append(line)
    if !channel.isStream, message.count > Channel.datagramLimit {
      overlong += 1
      return
    }
    messages += 1
    bytes += message.count
    pace?.count()
    guard channel.isStream else { return try channel.send(datagram: message.view) }
    if countsOctets { pending.append("\(message.count) ") }
    pending.append(message.view)
    if !countsOctets { pending.append(UInt8(ascii: "\n")) }
    if pending.count >= Self.batchBytes { try flush() }
  }

  private mutating func flush() throws {
    if pending.isEmpty { return }
    defer { pending.removeAll() }
    try channel.send(stream: pending.view)
  }

  /// Sends what is left, and waits for the receiver. Returns false if it has not read everything in time.
  mutating func finish() throws -> Bool {
    try flush()
    return try channel.finish()
  }
}

/// Spreads messages evenly over time.
struct Pace {
  /// Messages a second.
  private let rate: Double
  private let start = Clock.monotonic()
  private var sent = 0.0

  /// Nanoseconds that are slept at least: shorter sleeps cost more than they spread.
  private static let nap: Int64 = 1_000_000

  init(_ rate: Int) { self.rate = Double(rate) }

  /// How long to wait before the next message; 0 when it is due.
  func wait() -> Int64 {
    let due = start + Int64(sent / rate * 1e9)
    let early = due - Clock.monotonic()
    return early <= 0 ? 0 : max(early, Self.nap)
  }

  mutating func count() { sent += 1 }
}
