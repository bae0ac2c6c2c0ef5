import ArgumentParser
import Events
import Inspect
import Platform
import SegmentReader

struct Search: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find entries.",
    usage:
      "stele search <directory> [<expression>] [--since <time>] [--until <time>] [--limit <n>] …",
    discussion: """
      An expression compares event fields, such as http.status, client.ip or dur.active, with values: = != < \
      <= > >= ~ (regular expression), `in` and `is`; conditions are joined by and, or, not and parentheses. \
      Addresses take networks, durations and sizes take units. Without an expression everything is found. \
      Times are those of the events; a time that names no zone is in UTC.

      OUTPUT
        table   one line for people
        raw     each message exactly as it was received, and a line feed
        ndjson  one JSON object a line: Stele's own fields, and why one is null
        ecs     the same in the Elastic Common Schema
        otel    the same as OTLP/JSON: what the OpenTelemetry collector's otlpjsonfile reads
        ocsf    the same in the Open Cybersecurity Schema Framework

      Text that is not UTF-8 has U+FFFD in place of each byte that does not belong, and all its bytes in \
      base64 beside it; `is` asks why there is no value: null (any reason), dash, empty, not_reached, \
      absent_in_format or unparsed.

      EXAMPLES
        stele search edge 'http.status >= 500 and client.ip in 203.0.113.0/24'
        stele search edge 'dur.connect is not_reached or parse.status = failed'
        stele search edge 'dur.active > 1s and url.path ~ "^/api/"' --since 1h
        stele search edge --since 2026-11-23T08:00 --until 2026-11-23T09:00 \\
          --output raw > hour.log
        stele search edge --entries control --output raw
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Argument(help: "What to look for.")
  var expression = ""

  @Option(
    help: ArgumentHelp(
      "Events from then on: 2026-11-23, 2026-11-23T08:00, RFC 3339, or how long ago: 30m, 2d.",
      valueName: "time"))
  var since: String?

  @Option(help: ArgumentHelp("Events before then.", valueName: "time"))
  var until: String?

  @Option(help: ArgumentHelp("The first so many only.", valueName: "n"))
  var limit: Int?

  @Option(help: ArgumentHelp("The last so many only.", valueName: "n"))
  var last: Int?

  @OptionGroup var results: ResultOptions

  @OptionGroup(title: "Encrypted entries") var decryption: DecryptionOptions

  func validate() throws {
    if limit != nil, last != nil { throw ValidationError("--limit and --last exclude each other") }
    if (limit ?? 1) < 1 || (last ?? 1) < 1 {
      throw ValidationError("the number of entries must be at least 1")
    }
  }

  func run() throws {
    let reader = try LogReader(directory, recipient: decryption.recipient())
    var search = try LogSearch(reader)
    try results.setZones(of: &search, isNeeded: since != nil || until != nil || expression.contains("time"))
    let now = Clock.realtime()
    let names = TemplateNames(reader)
    let query = SearchQuery(
      try Expression(expression, isKnown: { names.contain($0) }),
      since: try since.map { text throws(ExpressionError) in try SearchQuery.time(text, now: now) },
      until: try until.map { text throws(ExpressionError) in try SearchQuery.time(text, now: now) },
      entries: results.entries, zones: search.zones)
    let wanted: SearchRun.Limit = limit.map { .first($0) } ?? last.map { .last($0) } ?? .none
    let summary = try search.run(query, wanted, results.form)
    for block in summary.damaged { StandardError.write("stele: \(directory): \(block)\n") }
    // Entries of Stele itself are never encrypted.
    let closed = results.entries == .control ? 0 : search.closedEntries
    if closed > 0 {
      StandardError.write(
        "stele: \(directory): \(closed) entries are encrypted and were not looked at; "
          + "--decrypt KEY reads them\n")
    }
    if summary.erased > 0 {
      StandardError.write(
        "stele: \(directory): the content of \(Quantities.plural(summary.erased, "message")) of that time was "
          + "erased; whether it would have been found, nobody knows\n")
    }
    if !summary.damaged.isEmpty { throw Ending(outcome: .damage) }
    if closed > 0 || summary.erased > 0 { throw Ending(outcome: .incomplete) }
  }
}
