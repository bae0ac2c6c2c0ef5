import Bytes
import Events
import Intake
import Platform
import SegmentWriter

/// What was on its way into the log when writing failed.
struct UnstoredBlocks {
  /// When the oldest message was received, nanoseconds since 1970 UTC.
  var since: Int64
  /// Blocks that recovery may find whole: the index behind each, its entries by source number, and what of Stele's
  /// own entries in it must be said.
  var written: [(end: UInt64, tally: [Int], statements: [String])] = []
  /// What must be said of the entries behind them.
  var statements: [String] = []
}

/// What a daemon whose writing failed leaves to the next writer, in a file: messages that were received and are not
/// in the log, and what the log was to be told of losses before and was not.
///
/// The same is made of the `SurvivingCounts` of a daemon that was killed. Only who opens the log again knows which of
/// the blocks are there whose `fdatasync` had not come back.
public struct UnstoredAccount: Equatable, Sendable {
  /// What came of it, for people.
  public struct Report: Sendable {
    /// The file; nil when it could not be written.
    public var path: String?
    /// Why not, or why it cannot be read.
    public var error: String?
    /// It was given this name because nobody can read it.
    public var isAside = false
    /// Messages by source.
    public var lost: [String: UInt64] = [:]

    /// These in words.
    public var messages: String {
      lost.sorted { $0.key < $1.key }.map { "\($0.value) messages of source \($0.key)" }.joined(
        separator: ", ")
    }
  }

  struct Part: Equatable {
    /// It is in a log that has so many entries; nil for what had not got that far.
    var end: UInt64?
    /// By source.
    var messages: [String: UInt64] = [:]
    /// Control entries.
    var statements: [String] = []
  }

  /// Between these times the messages were received, nanoseconds since 1970 UTC.
  var from: Int64
  var to: Int64
  var parts: [Part] = []
  /// Sources whose messages are read again: files.
  var reread: Set<String> = []
  /// Of the `SurvivingCounts` that say the same.
  var identity: UInt64?

  init(from: Int64, to: Int64, identity: UInt64?) {
    self.from = from
    self.to = to
    self.identity = identity
  }

  init(
    _ blocks: UnstoredBlocks, _ sources: RunningSources, _ counters: ParseCounters, _ identity: UInt64?
  ) {
    self.identity = identity
    from = blocks.since
    to = max(from, Clock.realtime())
    for block in blocks.written { parts.append(Part(end: block.end, statements: block.statements)) }
    parts.append(Part(end: nil, statements: blocks.statements))
    for source in sources.accounts {
      let name = source.name, id = Int(source.id)
      if source.isReread { reread.insert(name) }
      var rest = Int(source.counters.reading.messages) - counters.stored(id)
      for (place, block) in blocks.written.enumerated() where id < block.tally.count && block.tally[id] > 0 {
        parts[place].messages[name, default: 0] += UInt64(block.tally[id])
        rest -= block.tally[id]
      }
      if rest > 0 { parts[parts.count - 1].messages[name, default: 0] += UInt64(rest) }
    }
  }

  /// Messages that a log with `size` entries does not have and never will.
  func lost(size: UInt64) -> [String: UInt64] { absent(size).filter { !reread.contains($0.key) } }

  private func absent(_ size: UInt64) -> [String: UInt64] {
    var sum: [String: UInt64] = [:]
    for part in missing(size) { sum.merge(part.messages, uniquingKeysWith: { $0.addingCapped($1) }) }
    return sum
  }

  private func missing(_ size: UInt64) -> [Part] { parts.filter { $0.end.map { $0 > size } ?? true } }

  /// The control entries that say it in a log with `size` entries.
  func entries(size: UInt64) -> [String] {
    var uncounted = absent(size)
    let said = missing(size).flatMap(\.statements).map { Self.correct($0, &uncounted) }
    let losses = lost(size: size).sorted { $0.key < $1.key }.map { name, count in
      DaemonRecord.loss(
        LossEvent(source: 0, layer: .unstored, count: count, from: from, to: to), source: name)
    }
    return said + losses
  }

  /// An account says what was received; what is lost is not part of that.
  private static func correct(_ statement: String, _ uncounted: inout [String: UInt64]) -> String {
    guard
      let json = try? Array(statement.utf8).withView({ (text) throws(JSONError) in
        try JSONValue(parsing: text)
      }),
      case .object(var members) = json, json["type"]?.string == "account",
      let place = members.firstIndex(where: { $0.name == "sources" }),
      case .object(var sources) = members[place].value
    else { return statement }
    for source in sources.indices {
      let name = sources[source].name, counts = sources[source].value
      let received = counts["received"]?.integer(UInt64.self) ?? 0
      let less = min(received, uncounted[name] ?? 0)
      uncounted[name, default: less] -= less
      let unparsed = min(counts["unparsed"]?.integer(UInt64.self) ?? 0, received - less)
      sources[source].value = ["received": .number(received - less), "unparsed": .number(unparsed)]
    }
    members[place].value = .object(sources)
    return JSONValue.object(members).text
  }

  // MARK: File

  var json: JSONValue {
    [
      "counts": .optional(identity), "from": .number(from), "to": .number(to),
      "reread": .list(reread.sorted().map { .text($0) }),
      "parts": .list(
        parts.map { part in
          [
            "end": .optional(part.end),
            "messages": .object(
              part.messages.sorted { $0.key < $1.key }.map { .init($0.key, .number($0.value)) }),
            "statements": .list(part.statements.map { .text($0) }),
          ]
        }),
    ]
  }

  init?(_ json: JSONValue) {
    guard let from = json["from"]?.integer(Int64.self), let to = json["to"]?.integer(Int64.self),
      let reread = json["reread"]?.items, let parts = json["parts"]?.items
    else { return nil }
    self.init(from: from, to: to, identity: json["counts"]?.integer())
    self.reread = Set(reread.compactMap(\.string))
    for item in parts {
      guard case .object(let messages)? = item["messages"], let statements = item["statements"]?.items
      else { return nil }
      var part = Part(end: item["end"]?.integer(), statements: statements.compactMap(\.string))
      for message in messages { part.messages[message.name] = message.value.integer() }
      self.parts.append(part)
    }
  }

  /// Writes it where the next writer looks for it. Where that fails, the counts are left, of which more is known.
  func leave(beside directory: String, _ survivors: SurvivingCounts?) -> Report {
    var report = Report(lost: lost(size: 0))
    do throws(SystemError) {
      report.path = try UnstoredFile(directory).write(json)
      survivors?.remove()
    } catch {
      report.path = survivors?.path
      report.error = survivors == nil ? "\(error)" : nil
    }
    return report
  }
}
