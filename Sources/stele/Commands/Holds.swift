import ArgumentParser
import Bytes
import Collector
import Inspect
import Platform
import SegmentReader
import SegmentWriter
import Segments

struct HoldCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "hold",
    abstract: "Forbid that entries be erased or removed.",
    discussion: """
      For a lawsuit or an investigation: `stele erase`, `stele prune` and retention leave what is held alone \
      until the hold is released. The hold is recorded in the log, under a checkpoint.

      EXAMPLES
        stele hold edge case-17 --entries 41000..42000 --authority 'Legal' --reason 'Doe v. Example'
        stele hold edge audit-2026 --since 2026-01-01 --authority 'Audit' --reason 'yearly audit'
      """)

  @OptionGroup var log: WritingOptions

  @Argument(help: "A name for the hold.")
  var name: String

  @Option(
    help: ArgumentHelp(
      "From entry A up to, and without, entry B; without B all that come.", valueName: "A..B"))
  var entries: String?

  @Option(help: ArgumentHelp("Everything received from then on.", valueName: "time"))
  var since: String?

  @Option(help: ArgumentHelp("Everything received before then.", valueName: "time"))
  var until: String?

  @OptionGroup var order: OrderOptions

  private struct Bounds {
    var first: UInt64
    var end: UInt64?
  }

  private static func bounds(_ text: String) -> Bounds? {
    guard let cut = text.firstRange(of: ".."), let first = UInt64(text[..<cut.lowerBound]) else { return nil }
    let rest = text[cut.upperBound...]
    if rest.isEmpty { return Bounds(first: first, end: nil) }
    guard let end = UInt64(rest), end > first else { return nil }
    return Bounds(first: first, end: end)
  }

  func validate() throws {
    if (entries == nil) == (since == nil && until == nil) {
      throw ValidationError("say what is held: --entries A..B, or --since and --until; one of them")
    }
    if let entries, Self.bounds(entries) == nil {
      throw ValidationError("'\(entries)' is no range of entries; write 41000..42000, or 41000..")
    }
  }

  func run() throws {
    let bounds = try entries.flatMap(Self.bounds) ?? received()
    try log.withSession { session in
      try HoldAct.hold(
        session, log.directory, name: name, first: bounds.first, end: bounds.end, reason: order.reason,
        authority: order.authority)
    }
    let end = bounds.end.map { "to \($0 - 1)" } ?? "on"
    try StandardOutput.print("entries \(bounds.first) \(end) are held as '\(name)'\n")
  }

  /// Clocks step, so everything is held from the first block to the last that has an entry of that time.
  private func received() throws -> Bounds {
    let now = Clock.realtime()
    let start = try since.map { text throws(ExpressionError) in try SearchQuery.time(text, now: now) }
    let stop = try until.map { text throws(ExpressionError) in try SearchQuery.time(text, now: now) }
    let reader = try LogReader(log.directory)
    let places = try reader.blocks(since: start ?? .min, until: stop ?? .max)
    let blocks = try places.map { try reader.segment($0.segment).blocks[$0.block] }
    let end = blocks.last.map { $0.firstIndex + UInt64($0.contents.count) }
    // What is received while this is being recorded may belong to it too.
    let isOpen = stop.map { $0 > now } ?? true
    guard let first = try blocks.first?.firstIndex ?? (isOpen ? reader.endIndex() : nil) else {
      throw ValidationError("nothing was received in that time")
    }
    return Bounds(first: first, end: isOpen ? nil : end)
  }
}

struct Release: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Lift a hold.",
    discussion: """
      EXAMPLE
        stele release edge case-17 --authority 'Legal' --reason 'settled'
      """)

  @OptionGroup var log: WritingOptions

  @Argument(help: "The hold's name.")
  var name: String

  @OptionGroup var order: OrderOptions

  func run() throws {
    try log.withSession { session in
      try HoldAct.release(
        session, log.directory, name: name, reason: order.reason, authority: order.authority)
    }
    try StandardOutput.print("the hold '\(name)' is lifted\n")
  }
}

struct Holds: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "List the holds that are in force.")

  @Argument(help: "The log's directory.")
  var directory: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    _ = try LogDirectory(directory)
    var table = HoldTable()
    try table.update(directory)
    if json {
      let object: JSONValue = [
        "holds": .list(
          table.holds.map {
            [
              "id": .text($0.name), "first": .number($0.first), "end": .optional($0.end),
              "reason": .text($0.reason), "authority": .text($0.authority), "entry": .number($0.index),
            ]
          })
      ]
      return try StandardOutput.print(object.text + "\n")
    }
    var text = table.holds.isEmpty ? "nothing is held\n" : ""
    for hold in table.holds {
      let end = hold.end.map { "to \($0 - 1)" } ?? "on"
      text +=
        "\(hold.name): entries \(hold.first) \(end), \(hold.reason) (\(hold.authority), entry \(hold.index))\n"
    }
    try StandardOutput.print(text)
  }
}
