import ArgumentParser
import Bytes
import Collector
import Inspect
import MerkleLog
import Platform
import SegmentReader
import SegmentWriter

/// Who ordered an act, and why: kept in the log for good.
struct OrderOptions: ParsableArguments {
  @Option(help: ArgumentHelp("By whose order: a name, a case number.", valueName: "text"))
  var authority: String

  @Option(help: ArgumentHelp("Why.", valueName: "text"))
  var reason: String
}

struct Erase: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Erase the content of entries, by order.",
    discussion: """
      The message, and what the transport knew of its sender, are taken out of the log for good: the segment \
      is written anew without them, and the old file is overwritten. That there was an entry, when it was \
      received, from which source and how long it was stays, and so do the tree and every proof. Who ordered \
      it, why, and who approved it is recorded in the log, under a checkpoint, before anything is erased, and \
      `stele verify` reports it. Copies elsewhere are not touched, and disks may keep old blocks.

      Of an encrypted segment single entries cannot be erased, for the host has forgotten its key; --shred \
      destroys that key for good, and with it all messages of the segment that holds the entry.

      A daemon that writes to the log goes on. The indexes are what `stele search` shows as `seq`.

      EXAMPLES
        stele erase edge 41822 41823 --authority 'DPO, case 17' --reason 'GDPR Art. 17' --approver 'J. Doe'
        stele erase edge --where 'client.ip = 192.0.2.7' --since 2026-01-01 --dry-run \\
          --authority 'DPO, case 17' --reason 'GDPR Art. 17' --approver 'J. Doe'
        stele erase edge --shred 41822 --authority 'DPO, case 17' --reason 'GDPR Art. 17' --approver 'J. Doe'
      """)

  @OptionGroup var log: WritingOptions

  @Argument(help: "The entries' indexes.")
  var indexes: [UInt64] = []

  @Option(
    name: .customLong("where"),
    help: ArgumentHelp("Erase what `stele search` finds with this expression.", valueName: "expression"))
  var expression: String?

  @Option(
    help: ArgumentHelp(
      "Destroy the key of the encrypted segment that holds this entry: all its messages.", valueName: "index")
  )
  var shred: UInt64?

  @Option(help: ArgumentHelp("With --where: events from then on.", valueName: "time"))
  var since: String?

  @Option(help: ArgumentHelp("With --where: events before then.", valueName: "time"))
  var until: String?

  @OptionGroup var order: OrderOptions

  @Option(help: ArgumentHelp("Who approved it.", valueName: "text"))
  var approver: String

  @Flag(help: "Say what would be erased, and change nothing.")
  var dryRun = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if [!indexes.isEmpty, expression != nil, shred != nil].count(where: { $0 }) != 1 {
      throw ValidationError("name the entries by their indexes, by --where or by --shred; one of them")
    }
    if expression == nil, since != nil || until != nil {
      throw ValidationError("--since and --until go with --where")
    }
  }

  func run() throws {
    if let shred { return try runShred(shred) }
    let found = try expression.map(find) ?? indexes
    let act = EraseAct(
      log.directory, entries: found, authority: order.authority, reason: order.reason, approver: approver)
    let key = try LogCreation.readKey(log.keyPath)
    let outcome: EraseAct.Outcome
    if act.entries.isEmpty {
      outcome = EraseAct.Outcome()
    } else if dryRun {
      outcome = try act.run(NoSession(), key: key, isDryRun: true)
    } else {
      outcome = try log.withSession { try act.run($0, key: key) }
    }
    if json {
      let object: JSONValue = [
        "entries": .number(outcome.entries), "segments": .number(outcome.segments), "dry_run": .flag(dryRun),
      ]
      return try StandardOutput.print(object.text + "\n")
    }
    let entries = Quantities.plural(outcome.entries, "entry", "entries")
    let segments = Quantities.plural(outcome.segments, "segment")
    let isMany = outcome.entries != 1
    try StandardOutput.print(
      dryRun
        ? "\(entries) in \(segments) would be erased\n"
        : "\(entries) in \(segments) \(isMany ? "are" : "is") erased; the log records it\n")
  }

  private func runShred(_ index: UInt64) throws {
    let act = ShredAct(
      log.directory, index: index, authority: order.authority, reason: order.reason, approver: approver)
    let entries =
      dryRun ? try act.run(NoSession(), isDryRun: true) : try log.withSession { try act.run($0) }
    if json {
      let object: JSONValue = [
        "entries": .number(entries.count), "segments": .number(entries.isEmpty ? 0 : 1),
        "first": .number(entries.lowerBound), "end": .number(entries.upperBound), "dry_run": .flag(dryRun),
      ]
      return try StandardOutput.print(object.text + "\n")
    }
    let what = "the key of the segment with \(Quantities.entries(entries))"
    try StandardOutput.print(
      entries.isEmpty
        ? "the key of that segment was destroyed before\n"
        : dryRun ? "\(what) would be destroyed\n" : "\(what) is destroyed; the log records it\n")
  }

  /// The entries that a search finds.
  private func find(_ expression: String) throws -> [UInt64] {
    let reader = try LogReader(log.directory)
    var search = try LogSearch(reader)
    try search.learnZones()
    let now = Clock.realtime()
    let names = TemplateNames(reader)
    let query = SearchQuery(
      try Expression(expression, isKnown: { names.contain($0) }),
      since: try since.map { text throws(ExpressionError) in try SearchQuery.time(text, now: now) },
      until: try until.map { text throws(ExpressionError) in try SearchQuery.time(text, now: now) },
      zones: search.zones)
    return try search.indexes(query)
  }
}

/// For a dry run, which records nothing.
private final class NoSession: LogSession {
  func record(_ texts: [String]) throws(WriteError) -> UInt64 { 0 }
  func finishSegment() throws(WriteError) {}
  func rotate(to key: NextKeySource, reason: String?) throws(WriteError) -> RotationOutcome {
    preconditionFailure("a dry run replaces nothing")
  }
  func close() throws(WriteError) {}
}

extension LogSearch {
  /// Indexes of the entries that a query finds, rising.
  func indexes(_ query: SearchQuery) throws -> [UInt64] {
    defer { withExtendedLifetime(self) {} }
    let search = BlockSearch(query)
    var found: [UInt64] = []
    for block in blocks {
      guard let hits = try search.hits(in: block) else { continue }
      for number in 0..<hits.count { found.append(hits.index(number)) }
    }
    return found
  }
}
