import Bytes
import Platform

/// One picture of `top`: what the daemon says now and said before, and the newest messages.
struct TopFrame {
  /// What stands in the title.
  var title: String
  /// What the daemon says; nil when there is none to ask.
  var status: JSONValue?
  /// What it said before, and how long ago that was, nanoseconds.
  var before: (status: JSONValue, age: Int64)?
  /// Nil without a log to read.
  var traffic: TrafficWindow?
  /// What keeps this user from asking the daemon.
  var refusal: AccessRefusal?
  /// Entries under the newest checkpoint, for a log without a daemon.
  var committed: UInt64?

  /// The picture as lines of at most so many columns, and so many of them.
  func lines(columns: Int, rows: Int) -> [String] {
    var lines = summary
    if let status { lines += [""] + sources(status) }
    if let traffic {
      lines += ["", statuses(traffic)]
      lines += servers(traffic, room: max(1, rows - lines.count - 2))
    }
    return lines.prefix(rows).map { String($0.prefix(columns)) }
  }

  // MARK: The daemon

  private var summary: [String] {
    guard let status else {
      let size = committed.map { "; \($0) entries are under its newest checkpoint" } ?? ""
      guard let refusal else { return [title, "no daemon runs here\(size)"] }
      return [title, "this user may not ask the daemon\(size):", "\(refusal)"]
    }
    let durable = Self.number(status["durable"])
    let slabs = status["slabs"], segments = status["segments"]
    var second =
      "segments \(Self.number(segments?["sealed"])) sealed \(Self.bytes(segments?["sealed_bytes"])), open "
      + "\(Self.bytes(segments?["open_bytes"]))   disk \(Self.bytes(status["disk"]?["free"])) free   "
      + "fsync half \(Self.time(status["fsync"]?["p50_us"], 1000)), 99 % \(Self.time(status["fsync"]?["p99_us"], 1000))"
    if let witnesses = status["witnesses"] {
      second +=
        "   unwitnessed \(Self.number(witnesses["tail"])), seen \(Self.time(witnesses["age_ms"], 1_000_000)) ago"
    }
    return [
      "\(title)   \(state(status))   durable \(durable) (+\(rate(["durable"])))   "
        + "waiting \(Self.number(status["waiting"]))   lag \(Self.time(status["lag_ms"], 1_000_000))",
      "checkpoint \(Self.number(status["checkpoint"])), \(Self.time(status["checkpoint_age_ms"], 1_000_000)) ago   "
        + "buffers \(Self.number(slabs?["free"]))/\(Self.number(slabs?["total"])) free   "
        + "memory \(Self.bytes(status["process"]?["memory"]))",
      second,
    ]
  }

  private func state(_ status: JSONValue) -> String {
    if status["failed"] == .flag(true) { return "WRITING HAS FAILED" }
    return status["ready"] == .flag(true) ? "ready" : "not ready"
  }

  private func sources(_ status: JSONValue) -> [String] {
    guard case .object(let members)? = status["sources"] else { return [] }
    let width = max(12, min(30, members.map(\.name.count).max() ?? 0))
    // Of followed files.
    let hasUnread = members.contains { $0.value["unread_bytes"] != nil }
    let titles = ["RATE", "RECEIVED", "STORED", "LOST", "UNPARSED", "CONN"] + (hasUnread ? ["UNREAD"] : [])
    var lines = [Self.row("SOURCE", width, titles) + "  FORMAT"]
    for member in members {
      let source = member.value
      let received = source["received"]?.integer(Int.self) ?? 0
      let unparsed = source["unparsed"]?.integer(Int.self) ?? 0
      let share =
        received == 0 ? "-" : Quantity.decimal(Double(unparsed) * 100 / Double(received), places: 1) + " %"
      lines.append(
        Self.row(
          Self.visible(member.name, width), width,
          [
            rate(["sources", member.name, "received"]), Self.number(source["received"]),
            Self.number(source["stored"]), Self.number(source["lost"]), share,
            Self.number(source["connections"]),
          ] + (hasUnread ? [Self.bytes(source["unread_bytes"])] : [])) + "  " + Self.format(source))
    }
    return lines
  }

  private static func format(_ source: JSONValue) -> String {
    guard let format = source["format"] else { return visible(source["format_given"]?.string ?? "-", 60) }
    let isChosen = format["chosen"] == .flag(true)
    guard let name = format["format"]?.string.map({ visible($0, 60) }) else {
      return isChosen ? "none fits" : "auto: no line yet"
    }
    return isChosen ? "\(name) (auto)" : "\(name)? (auto)"
  }

  /// The rise of a number since the status before, a second.
  private func rate(_ path: [String]) -> String {
    func value(_ status: JSONValue?) -> Int? {
      path.reduce(status) { $0?[$1] }?.integer(Int.self)
    }
    guard let before, before.age > 0, let old = value(before.status), let new = value(status), new >= old
    else {
      return "-/s"
    }
    return Quantity.rounded(count: (Double(new) - Double(old)) * 1e9 / Double(before.age)) + "/s"
  }

  // MARK: The traffic

  private func statuses(_ traffic: TrafficWindow) -> String {
    let seconds = TrafficWindow.span / 1_000_000_000
    let counts = traffic.statuses
    var text = "STATUS, last \(seconds) s"
    for digit in [1, 2, 3, 4, 5] {
      let rate = Quantity.decimal(Double(counts[digit]) / Double(seconds), places: 1)
      text += "   \(digit)xx \(counts[digit]) (\(rate)/s)"
    }
    return text + "   other \(counts[0])"
  }

  private func servers(_ traffic: TrafficWindow, room: Int) -> [String] {
    let servers = traffic.slowest(max(0, room - 1))
    if servers.isEmpty { return ["no message of that time names a server and how long it took"] }
    let width = max(16, min(40, servers.map(\.name.count).max() ?? 0))
    return [Self.row("SLOWEST SERVERS", width, ["REQUESTS", "5xx", "HALF", "95 %", "LONGEST"])]
      + servers.map { server in
        Self.row(
          server.name, width,
          [
            "\(server.requests)", "\(server.failures)", Self.time(server.half), Self.time(server.most),
            Self.time(server.longest),
          ])
      }
  }

  // MARK: Columns

  /// A text of somebody else's as it may be shown on a terminal.
  private static func visible(_ text: String, _ limit: Int) -> String {
    Array(text.utf8).withView { ValueText.visible($0, limit: limit) }
  }

  /// A name, and cells of ten columns that end at the right.
  private static func row(_ name: String, _ width: Int, _ cells: [String]) -> String {
    let name = String(name.prefix(width))
    return cells.reduce(name + String(repeating: " ", count: width - name.count)) { line, cell in
      line + String(repeating: " ", count: max(1, 11 - cell.count)) + cell
    }
  }

  private static func number(_ value: JSONValue?) -> String {
    value?.integer(Int.self).map { $0 < 1_000_000 ? "\($0)" : Quantity.rounded(count: Double($0)) } ?? "-"
  }

  private static func bytes(_ value: JSONValue?) -> String {
    value?.integer(Int.self).map { Quantity.rounded(bytes: $0) } ?? "-"
  }

  /// A time in units of so many nanoseconds.
  private static func time(_ value: JSONValue?, _ unit: Int64) -> String {
    value?.integer(Int64.self).map { time($0 &* unit) } ?? "-"
  }

  private static func time(_ nanoseconds: Int64) -> String {
    if nanoseconds < 1_000_000 { return "\(nanoseconds / 1000) µs" }
    if nanoseconds < 10_000_000 { return Quantity.decimal(Double(nanoseconds) / 1e6, places: 1) + " ms" }
    return nanoseconds < 1_000_000_000
      ? "\(nanoseconds / 1_000_000) ms" : Quantity.rounded(nanoseconds: nanoseconds)
  }
}
