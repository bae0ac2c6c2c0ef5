import Bytes
import Events
import Segments

/// The newest messages of a log by HTTP status and by server: what `top` shows of the traffic itself.
struct TrafficWindow {
  /// What the responses of one server took, nanoseconds.
  struct Server: Equatable {
    var name: String
    var requests: Int
    /// Answered with 500 or more.
    var failures: Int
    var half: Int64
    var most: Int64
    var longest: Int64
  }

  private struct Sample {
    var time: Int64
    var status: Int
    var server: Int?
    var duration: Int64?
  }

  /// How long a message counts, nanoseconds.
  static let span: Int64 = 10_000_000_000
  /// Most messages that count, and most servers that are told apart.
  static let sampleLimit = 100_000
  private static let serverLimit = 10_000

  private var samples: [Sample] = []
  private var names: [String] = []
  private var numbers: [String: Int] = [:]

  /// When the newest message was received.
  private(set) var newest = Int64.min

  var count: Int { samples.count }

  mutating func add(_ event: borrowing Event, _ metadata: EntryMetadata) {
    newest = max(newest, metadata.time)
    var status = 0
    if case .integer(let code) = event[.httpStatus] { status = Int(clamping: code) }
    samples.append(
      Sample(time: metadata.time, status: status, server: server(event), duration: Self.duration(event)))
  }

  /// Forgets messages received before `time`, and the oldest if there are too many.
  mutating func forget(before time: Int64) {
    samples.removeAll { $0.time < time }
    if samples.count > Self.sampleLimit {
      samples.sort { $0.time < $1.time }
      samples.removeFirst(samples.count - Self.sampleLimit)
    }
  }

  /// What the server took to answer, as far as the format says it.
  private static func duration(_ event: borrowing Event) -> Int64? {
    for field in [Field.durationResponse, .durationUpstream, .durationActive, .durationTotal] {
      if case .duration(let nanoseconds) = event[field] { return nanoseconds }
    }
    return nil
  }

  private mutating func server(_ event: borrowing Event) -> Int? {
    let parts = [event.bytes(.lbBackend), event.bytes(.lbServer)].compactMap { $0 }
    if parts.isEmpty { return nil }
    let name = parts.map { ValueText.visible($0, limit: 40) }.joined(separator: "/")
    if let number = numbers[name] { return number }
    guard names.count < Self.serverLimit else { return nil }
    names.append(name)
    numbers[name] = names.count - 1
    return names.count - 1
  }

  /// Requests by the first digit of their status, 1 to 5; 0 for those with another or none.
  var statuses: [Int] {
    var counts = Array(repeating: 0, count: 6)
    for sample in samples { counts[(100..<600).contains(sample.status) ? sample.status / 100 : 0] += 1 }
    return counts
  }

  /// The servers whose slowest twentieth of responses took longest.
  func slowest(_ limit: Int) -> [Server] {
    var groups: [Int: [Sample]] = [:]
    for sample in samples {
      if let server = sample.server, sample.duration != nil { groups[server, default: []].append(sample) }
    }
    let servers = groups.map { number, samples in
      let durations = samples.compactMap(\.duration).sorted()
      return Server(
        name: names[number], requests: samples.count, failures: samples.count { $0.status >= 500 },
        half: durations[durations.count / 2],
        most: durations[min(durations.count - 1, durations.count * 19 / 20)],
        longest: durations[durations.count - 1])
    }
    return Array(servers.sorted { ($1.most, $0.name) < ($0.most, $1.name) }.prefix(limit))
  }
}
