import Bytes
import Events
import Inspect
import Intake

/// The account of a log: per source and period what was received, what is known to be lost, and what load
/// balancers say themselves; all of it from the log's own control entries.
struct LossReport {
  enum Period: String, CaseIterable, Sendable {
    case hour, day, all

    fileprivate var nanoseconds: Int64? {
      switch self {
      case .hour: 3_600_000_000_000
      case .day: 86_400_000_000_000
      case .all: nil
      }
    }
  }

  /// What is counted, and in what.
  private struct Kind: Hashable, Comparable {
    var layer: String
    var unit: String

    /// Nil for a layer that only a newer version knows.
    var known: LossLayer? { LossLayer(rawValue: layer) }
    var usualUnit: String { known?.unit.rawValue ?? LossUnit.messages.rawValue }

    static func < (a: Kind, b: Kind) -> Bool { (a.layer, a.unit) < (b.layer, b.unit) }
  }

  private struct Key: Hashable, Comparable {
    /// Begin of the period, nanoseconds since 1970 UTC.
    var start: Int64
    var source: String

    static func < (a: Key, b: Key) -> Bool { (a.start, a.source) < (b.start, b.source) }
  }

  private struct Row {
    /// Nil when no entry states it.
    var received: UInt64?
    var unparsed: UInt64?
    var counts: [Kind: UInt64] = [:]
    var suspected: UInt64 = 0
    var statements: [JSONValue] = []

    /// Messages that are not in the log.
    var lost: UInt64 {
      var totals = LossTotals()
      for (kind, count) in counts where kind.unit == LossUnit.messages.rawValue {
        if let layer = kind.known { totals.counts[layer] = count }
      }
      return totals.messages
    }
  }

  private let period: Period
  private let since: Int64
  private let until: Int64
  private let only: String?
  private var rows: [Key: Row] = [:]
  /// How each source is received and read, as its last declaration says.
  private var sources: [String: (listen: String, format: String)] = [:]

  init(by period: Period, since: Int64?, until: Int64?, source: String?) {
    self.period = period
    self.since = since ?? .min
    self.until = until ?? .max
    only = source
  }

  /// The types of control entries that are looked at.
  static let types: Set<String> = ["source", "loss", "account", "reconciliation"]

  /// Takes in one control entry.
  mutating func take(_ entry: JSONValue) {
    if entry["type"]?.string == "source", let name = entry["name"]?.string {
      if only == nil || name == only {
        sources[name] = (entry["listen"]?.string ?? "", entry["format"]?.string ?? "")
      }
      return
    }
    guard let to = entry["to"]?.string.flatMap(Self.time), to >= since, to < until else { return }
    switch entry["type"]?.string {
    case "loss": takeLoss(entry, to)
    case "account": takeAccount(entry, entry["from"]?.string.flatMap(Self.time) ?? to)
    case "reconciliation":
      // It is about the time before its end.
      update(entry["source"]?.string, to - 1) { $0.statements.append(entry) }
    default: break
    }
  }

  private mutating func takeLoss(_ entry: JSONValue, _ to: Int64) {
    guard let layer = entry["layer"]?.string, let count = entry["count"]?.integer(UInt64.self) else { return }
    let usual = Kind(layer: layer, unit: "").usualUnit
    let kind = Kind(layer: layer, unit: entry["unit"]?.string ?? usual)
    update(entry["source"]?.string, to) { row in
      let (sum, overflow) = row.counts[kind, default: 0].addingReportingOverflow(count)
      row.counts[kind] = overflow ? .max : sum
      row.suspected &+= entry["suspected"]?.integer(UInt64.self) ?? 0
    }
  }

  private mutating func takeAccount(_ entry: JSONValue, _ from: Int64) {
    guard case .object(let members)? = entry["sources"] else { return }
    for member in members {
      update(member.name, from) { row in
        row.received = (row.received ?? 0) &+ (member.value["received"]?.integer(UInt64.self) ?? 0)
        row.unparsed = (row.unparsed ?? 0) &+ (member.value["unparsed"]?.integer(UInt64.self) ?? 0)
      }
    }
  }

  private mutating func update(_ source: String?, _ time: Int64, _ body: (inout Row) -> Void) {
    guard let source, only == nil || source == only else { return }
    let length = period.nanoseconds
    let start = length.map { time - ((time % $0) + $0) % $0 } ?? 0
    body(&rows[Key(start: start, source: source), default: Row()])
  }

  private static func time(_ text: String) -> Int64? {
    Array(text.utf8).withView { Stamp(iso: $0) }.map { EventContext(receiveTime: 0).resolve($0).nanoseconds }
  }

  // MARK: Text

  private func label(_ start: Int64) -> String {
    let text = Timestamp.text(start, digits: 0)
    switch period {
    case .hour: return String(text.prefix(13)) + "h"
    case .day: return String(text.prefix(10))
    case .all: return "all"
    }
  }

  var text: String {
    if rows.isEmpty, sources.isEmpty { return "nothing is said of any source in this time\n" }
    var lines = [["period (UTC)", "source", "received", "unparsed", "lost", "of which, and besides"]]
    var after: [String] = []
    var output = ""
    func flush() {
      output += Self.table(lines) { place in place < after.count ? after[place] : "" }
    }
    after.append("")
    for (key, row) in rows.sorted(by: { $0.key < $1.key }) {
      lines.append([
        label(key.start), Self.shown(key.source), row.received.map { "\($0)" } ?? "-",
        row.unparsed.map { "\($0)" } ?? "-", "\(row.lost)", layers(row),
      ])
      after.append(row.statements.map { "  \(Self.sentence($0))\n" }.joined())
    }
    flush()
    for (name, source) in sources.sorted(by: { $0.key < $1.key }) {
      output += "\n\(Self.shown(name)) (\(Self.shown(source.listen)), \(Self.shown(source.format)))\n"
      for limit in limits(name) { output += "  never counted: \(limit)\n" }
    }
    return output
  }

  private func layers(_ row: Row) -> String {
    let parts = row.counts.sorted { $0.key < $1.key }.map { kind, count in
      var text = "\(kind.layer) \(count)"
      if kind.unit != LossUnit.messages.rawValue { text += " \(kind.unit)" }
      if kind.known == .truncated, row.suspected > 0 { text += " (\(row.suspected) only look so)" }
      return Self.shown(text)
    }
    return parts.isEmpty ? "" : parts.joined(separator: ", ")
  }

  /// A statement in words.
  private static func sentence(_ entry: JSONValue) -> String {
    func number(_ name: String) -> String { entry[name]?.integer(Int64.self).map { "\($0)" } ?? "?" }
    let name = "\(entry["of"]?.string ?? "?") \(entry["counter"]?.string ?? "")"
    var text = "\(entry["from"]?.string?.prefix(19) ?? "?") to \(entry["to"]?.string?.prefix(19) ?? "?"): "
    if entry["says"]?.integer(Int64.self) == nil {
      text += "\(name) says nothing, stored \(number("stored"))"
    } else {
      text += "\(name) says \(number("says")), stored \(number("stored")), lost \(number("lost")), "
      text += "in flight \(number("in_flight")), difference \(number("difference"))"
    }
    if let count = entry["unparsed"]?.integer(Int64.self) {
      text += "; \(count) of those stored are unparsed"
    }
    if let count = entry["dropped_by_sender"]?.integer(Int64.self) {
      text += "; it says that it dropped \(count) log messages itself"
    }
    if let note = entry["note"]?.string { text += "; \(note)" }
    return shown(text)
  }

  /// Columns as wide as they need be; what follows each line comes from `after`.
  private static func table(_ lines: [[String]], after: (Int) -> String) -> String {
    let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    var text = ""
    for (place, line) in lines.enumerated() {
      var row = ""
      for (column, cell) in line.enumerated() {
        let blanks = String(repeating: " ", count: widths[column] - cell.count)
        let isNumber = (2...4).contains(column)
        row += (column == 0 ? "" : "  ") + (isNumber ? blanks + cell : cell + blanks)
      }
      while row.last == " " { row.removeLast() }
      text += row + "\n" + after(place)
    }
    return text
  }

  /// Without control characters: names come from whoever configured them.
  private static func shown(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) ? "\u{FFFD}" : $0 }))
  }

  // MARK: What nobody counts

  /// What can be lost of a source without any trace here.
  private func limits(_ name: String) -> [String] {
    guard let source = sources[name] else { return [] }
    var limits: [String] = []
    let isCompared = rows.contains { $0.key.source == name && !$0.value.statements.isEmpty }
    let help = isCompared ? "the comparison with its counters shows it" : "reconcile: would show it"
    switch source.listen.prefix(while: { $0 != ":" }) {
    case "udp":
      limits.append(
        "datagrams that the sender or the network dropped, unless the format has HAProxy's %lc with the "
          + "frontend and the process id (layer counter_gap); \(help)")
    case "tcp", "tls", "unix-stream":
      limits.append("what was on its way when a connection broke: senders get no acknowledgement; \(help)")
    case "unix":
      limits.append("messages that the sender gave up because the socket was full; \(help)")
    default: break
    }
    if source.format.hasPrefix("nginx") || source.format.hasPrefix("@nginx") {
      limits.append("messages that Nginx dropped itself: it counts none of them; \(help)")
    }
    return limits
  }

  // MARK: JSON

  var json: JSONValue {
    [
      "by": .text(period.rawValue),
      "periods": .list(rows.sorted { $0.key < $1.key }.map { object($0.key, $0.value) }),
      "never_counted": .object(
        sources.keys.sorted().map { .init($0, .list(limits($0).map { .text($0) })) }),
    ]
  }

  private func object(_ key: Key, _ row: Row) -> JSONValue {
    [
      "from": period == .all ? .null : .text(Timestamp.text(key.start, digits: 0)),
      "source": .text(key.source), "received": .optional(row.received), "unparsed": .optional(row.unparsed),
      "lost": .number(row.lost),
      "layers": .list(
        row.counts.sorted { $0.key < $1.key }.map { kind, count in
          ["layer": .text(kind.layer), "count": .number(count), "unit": .text(kind.unit)]
        }),
      "suspected": .number(row.suspected), "reconciliations": .list(row.statements),
    ]
  }
}
