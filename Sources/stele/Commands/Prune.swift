import ArgumentParser
import Bytes
import Collector
import Events
import Inspect
import Platform
import SegmentWriter

struct Prune: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Remove the oldest segments of a log.",
    discussion: """
      Whole sealed segments are removed, the oldest first, once the log records it under a checkpoint. Their \
      seals stay, so that what is left can still be verified, and proofs of what was removed can still be \
      checked. Segments with entries that are held (`stele hold`) stay, and those behind them. A daemon does \
      the same by itself with `retention: {age: 400d, size: 500GiB}` in its configuration.

      How long ago something was goes by the system's clock, and only while that is not further ahead of the log \
      than it should be: what a wrong clock has removed does not come back. A date always counts.

      EXAMPLES
        stele prune edge --before 400d
        stele prune edge --keep 500GiB --dry-run
      """)

  @OptionGroup var log: WritingOptions

  @Option(
    help: ArgumentHelp(
      "Segments whose last entry was received before then: 2026-01-31, RFC 3339, or how long ago: 400d.",
      valueName: "time"))
  var before: String?

  @Option(help: ArgumentHelp("Until the sealed segments take no more than this: 500GiB.", valueName: "size"))
  var keep: String?

  @Flag(help: "Say what would be removed, and change nothing.")
  var dryRun = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if before == nil, keep == nil { throw ValidationError("say what to remove: --before TIME, --keep SIZE") }
    if let keep, Quantity.size(keep) == nil {
      throw ValidationError("'\(keep)' is no size; write 500GiB, or bytes as 1000B")
    }
  }

  func run() throws {
    let now = Clock.realtime()
    let end = try before.map { text throws(ExpressionError) in try SearchQuery.time(text, now: now) }
    let isAge =
      try before.map { text throws(ExpressionError) in try SearchQuery.time(text, now: now - 1) } != end
    let size = keep.flatMap { Quantity.size($0) }.map { Int($0) }
    let text = [before.map { "before \($0)" }, keep.map { "size \($0)" }].compactMap { $0 }
    let policy = RetentionPolicy(
      age: end.map { max(0, now - $0) }, size: size, text: text.joined(separator: ", "))
    let act = PruneAct(log.directory, policy)
    if let end, isAge, let lead = act.clockLead { throw DoubtfulClock(now: now, lead: lead, end: end) }
    var table = HoldTable()
    let plan: PruneAct.Plan
    if dryRun {
      try table.update(log.directory)
      plan = try act.plan(table, now: now)
    } else {
      plan = try log.withSession { session in
        try table.update(log.directory)
        let plan = try act.plan(table, now: now)
        try act.run(session, table, plan)
        return plan
      }
    }
    try report(plan)
  }

  private func report(_ plan: PruneAct.Plan) throws {
    let bytes = plan.segments.reduce(0) { $0 + $1.byteCount }
    let range = (plan.segments.first?.first ?? 0)..<(plan.segments.last?.end ?? 0)
    if json {
      let object: JSONValue = [
        "segments": .number(plan.segments.count), "first": .number(range.lowerBound),
        "end": .number(range.upperBound), "bytes": .number(bytes), "dry_run": .flag(dryRun),
        "held_by": .optional(plan.hold?.name),
      ]
      return try StandardOutput.print(object.text + "\n")
    }
    var text = "nothing is old enough or too much\n"
    if !plan.segments.isEmpty {
      text =
        "\(Quantities.plural(plan.segments.count, "segment")) with \(Quantities.entries(range)), "
        + "\(Quantities.bytes(bytes)): \(dryRun ? "would be removed" : "removed; the log records it")\n"
    }
    if let hold = plan.hold { text += "the hold '\(hold.name)' keeps what is behind: \(hold.reason)\n" }
    try StandardOutput.print(text)
  }
}

/// What would be removed depends on a clock that may be wrong.
private struct DoubtfulClock: Error, CustomStringConvertible {
  var now: Int64
  var lead: Int64
  var end: Int64

  var description: String {
    """
    the clock says \(Timestamp.text(now)), which is \(lead / 1_000_000_000) s ahead of the time that this log knows, and nothing \
    is removed by a clock that may be wrong. If it is right, say the date: --before \(Timestamp.text(end))
    """
  }
}
