import Bytes
import HTTP
import Platform
import ProxyConfiguration
import Synchronization

/// What a load balancer says of itself.
struct BalancerReading: Equatable, Sendable {
  /// Requests (or connections, where it passes on connections) since it started.
  var count: UInt64
  /// The counter's name.
  var counter: String
  /// Requests that have begun and may not be logged yet, at most.
  var active: UInt64
  /// Tells one run from the next; nil where only a lower count shows that it has restarted.
  var process: String?
  /// Of the count, how many requests were made to read it, by this process since its start.
  var own: UInt64 = 0
  /// Log messages that it could not hand to a full socket (HAProxy's `DroppedLogs`).
  var dropped: UInt64?
}

/// Why there is no reading.
struct NoReading: Error, CustomStringConvertible {
  var description: String
}

/// How often each page was asked for: Nginx counts such requests too, whichever source they were made for.
final class OwnRequests: Sendable {
  private let counts = Mutex<[String: UInt64]>([:])

  /// Asks for a page, one at a time, so that it is known how many requests came before the answer. Returns how
  /// many with this one.
  func ask<R>(_ url: String, _ body: () throws -> R) throws -> (answer: R, count: UInt64) {
    try counts.withLock { counts in
      counts[url, default: 0] += 1
      return (try body(), counts[url, default: 0])
    }
  }
}

/// Reads the counters of one load balancer. Blocks, for a few seconds at most.
final class BalancerCounters: Sendable {
  private let settings: ReconcileSettings
  private let client: HTTPClient
  private let ownRequests: OwnRequests
  private static let patience: Int64 = 3_000_000_000
  private static let answerLimit = 16 << 20

  init(_ settings: ReconcileSettings, _ ownRequests: OwnRequests) {
    self.settings = settings
    self.ownRequests = ownRequests
    var options = HTTPClient.Options()
    options.connectTimeout = Self.patience
    options.timeout = Self.patience
    options.answerLimit = Self.answerLimit
    client = HTTPClient(options)
  }

  func read() throws -> BalancerReading {
    switch settings.kind {
    case .haproxy:
      let text = try ask(try Endpoint(settings.address), "show info; show stat -1 1 -1\n")
      return try Self.haproxy(text, proxies: settings.proxies)
    case .nginx:
      let (page, count) = try ownRequests.ask(settings.address) { try get(settings.address) }
      var reading = try Self.nginx(page)
      reading.own = count
      return reading
    case .envoy:
      // As an expression that needs no escaping in a URL.
      let filter = "downstream_(rq|cx)_(total|active)"
      return try Self.envoy(
        try get("\(settings.address)/stats?format=json&filter=\(filter)"), prefixes: settings.proxies)
    }
  }

  private func get(_ url: String) throws -> String {
    let answer = try client.get(url)
    guard answer.status == 200 else {
      throw NoReading(description: "\(url) answers with status \(answer.status)")
    }
    return String(decoding: answer.body, as: UTF8.self)
  }

  /// One command to a stats socket, which answers and closes the connection (Management Guide, 9.3).
  private func ask(_ endpoint: Endpoint, _ command: String) throws -> String {
    guard let address = try endpoint.addresses().first else {
      throw NoReading(description: "\(endpoint.host) has no address")
    }
    let socket = try Socket(.stream, connectedTo: address, patience: Self.patience)
    let poll = try EventPoll()
    try poll.add(socket.descriptor, token: 0)
    _ = try Array(command.utf8).withView { try socket.send($0) }
    var tokens = HeapArray<UInt64>(count: 1) { _ in 0 }
    var answer = ByteBuffer()
    let deadline = Clock.monotonic() + Self.patience
    while answer.count <= Self.answerLimit {
      switch try socket.receive(appendingTo: &answer) {
      case .bytes: continue
      case .end: return answer.view.text
      case .nothing:
        let left = deadline - Clock.monotonic()
        if left <= 0 { throw NoReading(description: "\(endpoint.url) does not answer") }
        _ = try poll.wait(into: &tokens, timeout: left)
      }
    }
    throw NoReading(description: "\(endpoint.url) says more than a stats socket has to say")
  }

  // MARK: What they answer

  /// The answers to `show info` and `show stat` (Management Guide, 9.1 and 9.3): `Name: value` lines, and CSV.
  static func haproxy(_ text: String, proxies: [String]) throws(NoReading) -> BalancerReading {
    var reading = BalancerReading(count: 0, counter: "", active: 0)
    var columns: [Substring] = []
    var counters: Set<String> = []
    var found: Set<String> = []
    for line in text.split(whereSeparator: \.isNewline) {
      if line.hasPrefix("# ") {
        columns = line.dropFirst(2).split(separator: ",", omittingEmptySubsequences: false)
      } else if columns.isEmpty {
        if line.hasPrefix("Pid: ") { reading.process = String(line.dropFirst(5)) }
        if line.hasPrefix("DroppedLogs: ") { reading.dropped = UInt64(line.dropFirst(13)) }
      } else {
        let values = line.split(separator: ",", omittingEmptySubsequences: false)
        func value(_ name: String) -> Substring {
          guard let place = columns.firstIndex(where: { $0 == name }), place < values.count else { return "" }
          return values[place]
        }
        guard value("svname") == "FRONTEND" else { continue }
        let name = String(value("pxname"))
        if !proxies.isEmpty, !proxies.contains(name) { continue }
        found.insert(name)
        let counter = value("mode") == "http" ? "req_tot" : "stot"
        counters.insert(counter)
        reading.count += UInt64(value(counter)) ?? 0
        reading.active += UInt64(value("scur")) ?? 0
      }
    }
    if columns.isEmpty { throw NoReading(description: "the answer is not that of a HAProxy stats socket") }
    if let unknown = proxies.first(where: { !found.contains($0) }) {
      throw NoReading(description: "HAProxy has no frontend '\(unknown)'")
    }
    reading.counter = counters.sorted().joined(separator: "+")
    return reading
  }

  /// The page of `stub_status`.
  static func nginx(_ text: String) throws(NoReading) -> BalancerReading {
    let words = text.split(whereSeparator: \.isWhitespace)
    func number(after word: String, at offset: Int = 1) -> UInt64? {
      guard let place = words.firstIndex(where: { $0 == word }), place + offset < words.count else {
        return nil
      }
      return UInt64(words[place + offset])
    }
    guard let requests = number(after: "requests", at: 3), let writing = number(after: "Writing:"),
      let reading = number(after: "Reading:")
    else { throw NoReading(description: "the answer is not that of stub_status") }
    // One of those is the request for this page.
    let active = writing + reading
    return BalancerReading(count: requests, counter: "requests", active: active == 0 ? 0 : active - 1)
  }

  /// Statistics of HTTP connection managers and TCP proxies, by their `stat_prefix`.
  static func envoy(_ text: String, prefixes: [String]) throws(NoReading) -> BalancerReading {
    guard let json = Array(text.utf8).withView({ try? JSONValue(parsing: $0) }),
      let list = json["stats"]?.items
    else { throw NoReading(description: "the answer is not that of Envoy's /stats") }
    var reading = BalancerReading(count: 0, counter: "", active: 0)
    var counters: Set<String> = []
    var found: Set<String> = []
    for item in list {
      guard let name = item["name"]?.string, let value = item["value"]?.integer(UInt64.self) else { continue }
      let words = name.split(separator: ".")
      guard words.count >= 3, let last = words.last else { continue }
      let prefix = words[1..<words.count - 1].joined(separator: ".")
      if prefixes.isEmpty ? prefix == "admin" || prefix.contains(".") : !prefixes.contains(prefix) {
        continue
      }
      switch (words[0], last) {
      case ("http", "downstream_rq_total"), ("tcp", "downstream_cx_total"):
        reading.count += value
        counters.insert(String(last))
        found.insert(prefix)
      case ("http", "downstream_rq_active"), ("tcp", "downstream_cx_active"): reading.active += value
      default: break
      }
    }
    if let unknown = prefixes.first(where: { !found.contains($0) }) {
      throw NoReading(description: "Envoy has no stat_prefix '\(unknown)'")
    }
    if found.isEmpty { throw NoReading(description: "Envoy counts no requests and no connections") }
    reading.counter = counters.sorted().joined(separator: "+")
    return reading
  }
}
