/// The documentation page of the event model, made from the tables that the program works by.
public enum FieldPage {
  /// The whole page, in Markdown.
  public static var text: String {
    [
      introduction, types, fields, kinds, parsing, nulls, times, truncation, outputs,
    ].joined(separator: "\n\n") + "\n"
  }

  private static let introduction = """
    # Fields

    What Stele knows of a logged line, whatever product and format it came from: the fields of search expressions and of
    `search --output`. A format fills those that it has. What no field covers keeps the load balancer's own name
    (`$geoip_city`, `%[var(txn.team)]`).

    This page is generated from the code: `UPDATE_FIELDS=1 swift test --filter FieldPage` writes it anew.
    """

  private static var types: String {
    "## Types\n\n| Type | Values | In JSON |\n|---|---|---|\n"
      + FieldType.allCases.map { "| \($0.rawValue) | \($0.meaning) | \($0.form) |" }.joined(separator: "\n")
  }

  private static var fields: String {
    var text = """
      ## Fields and their names elsewhere

      Names in ECS \(Standard.ecs), the OpenTelemetry semantic conventions \(Standard.semanticConventions) and OCSF
      \(Standard.ocsf). Where a standard has no name, or the value is not of the type that it asks for, the field keeps its
      own: `stele."<field>"` in ECS, the attribute `stele.<field>` in OpenTelemetry, `unmapped."<field>"` in OCSF.
      `resource:` is an attribute of the resource, `record:` a part of the log record. Names of HTTP are only given to events
      of kind `http`, and OCSF names only to events whose class has them. What is marked with ~ says less than the field,
      which is therefore written under its own name as well.

      | Field | Type | Meaning | ECS | OpenTelemetry | OCSF |
      |---|---|---|---|---|---|

      """
    for field in Field.allCases {
      let mapping = field.mapping
      let mark = coarse.contains(field) ? " ~" : ""
      let ecs = mapping.ecs.map { "`\($0)`" }.joined(separator: ", ")
      text += "| `\(field.name)` | \(field.type.rawValue) | \(field.meaning.replacing("|", with: "\\|")) "
      text +=
        "| \(ecs)\(ecs.isEmpty ? "" : mark) | \(quoted(mapping.otel, mark)) | \(quoted(mapping.ocsf, mark)) |\n"
    }
    return String(text.dropLast())
  }

  /// Fields whose standard names take a part of what they say.
  static let coarse: Set<Field> = [
    .kind, .truncated, .masked, .foreign, .sourceClaimMismatch, .outcome, .action, .lbAction, .syslogSeverity,
    .tlsClientFingerprint,
    .upstreamAddress, .upstreamStatus,
  ]

  private static func quoted(_ name: String?, _ mark: String) -> String {
    name.map { "`\($0)`\(mark)" } ?? ""
  }

  private static var kinds: String {
    table("Kinds", "kind", EventKind.allCases.map { ($0.rawValue, $0.meaning) })
  }

  private static var parsing: String {
    table("Parsing", "parse.status", ParseStatus.allCases.map { ($0.rawValue, $0.meaning) })
      + "\n\n`parse.offset` is the byte at which the best format stopped fitting, or where a value of the wrong type stands.\n\n"
      + rows("parse.error", ParseError.allCases.map { ($0.rawValue, $0.meaning) })
  }

  private static var nulls: String {
    table("Nulls", "Reason", NullReason.allCases.map { ($0.name, $0.meaning) }) + """


      Expressions ask for a reason by `is`: `dur.connect is not_reached`, `http.referrer is not dash`, `id.request is null` (any
      reason). `has <field>` is `<field> is not null`. Numbers are never null because they are 0 or -1, but for durations,
      where HAProxy writes -1 for a phase that the request never came to.
      """
  }

  private static var times: String {
    table("Times", "time_quality", EventContext.Quality.allCases.map { ($0.rawValue, $0.meaning) }) + """


      `time` is the line's own stamp (when the request began, else when the connection was accepted, else when it ended),
      else the syslog header's, else the receive time. `time_start` and `time_end` are worked out from one another and
      `dur.active` (or `dur.total`) where the line has only one of them: HAProxy %tr + %Ta, Nginx $time_local - $request_time,
      Envoy START_TIME + DURATION.
      """
  }

  private static var truncation: String {
    table(
      "Truncation", "truncated",
      [
        ("none", "Nothing says that bytes are missing"),
        (
          "source_suspected",
          "No format fits, and a quote is not closed or the length is one at which senders cut: 1024, 2048, 4096, 8192"
        ),
        ("source_certain", "The message is exactly as long as the sender is known to cut at"),
        (
          "collector",
          "It was over a limit of the collector: a cut datagram, or a piece of an over-long frame"
        ),
      ])
  }

  private static let outputs = """
    ## Bytes and numbers in the outputs

    Log lines are bytes, JSON is text. In every output, text that is not UTF-8 has U+FFFD in place of each byte that does not
    belong, and all its bytes stand in base64 beside it, so that nothing is lost: `"<field>.base64"` in ndjson,
    `stele.base64."<field>"` in ECS, the attribute `stele.base64.<field>` (a `bytesValue`) in OpenTelemetry,
    `unmapped.base64."<field>"` in OCSF. Where there is no such key, the text is exact.

    The reasons of nulls are in `nulls` (ndjson), `stele.nulls` (ECS), `stele.null.<field>` (OpenTelemetry) and
    `unmapped.nulls` (OCSF), for the fields that the line's format has.

    Integers have up to 19 digits. ndjson, ECS and OCSF write them as JSON numbers with all digits (programs that read JSON
    numbers as doubles lose digits beyond 2^53), OTLP/JSON as strings. `time` has nanoseconds everywhere but in OCSF, whose
    times and durations are milliseconds; where that drops digits, `unmapped` has the whole value.

    Where the line logs lists of attempts (`upstream.addr`, `upstream.status`, …), `upstream` is a list with one object for
    each server that was tried: `group` (Nginx's internal redirects, from 0), `addr`, `status`, `connect`, `header`,
    `response` (nanoseconds), `bytes_in`, `bytes_out`. It stands in ndjson, in ECS below `stele`, in OpenTelemetry as the
    attribute `stele.upstream`, in OCSF below `unmapped` and, shortened, as `load_balancer.endpoint_connections`.

    `search --output otel` writes one OTLP `LogsData` a line. Severities are those of the error log's line, else of the syslog header. ECS `message`, the
    OpenTelemetry body and OCSF `message` are the line's message where no format fits it, else a short summary; the
    message as received is there with `--with-raw`.
    """

  private static func table(_ title: String, _ column: String, _ values: [(String, String)]) -> String {
    "## \(title)\n\n" + rows(column, values)
  }

  private static func rows(_ column: String, _ values: [(String, String)]) -> String {
    "| `\(column)` | Meaning |\n|---|---|\n"
      + values.map { "| `\($0.0)` | \($0.1) |" }.joined(separator: "\n")
  }
}

extension FieldType {
  /// What the values are, and their unit.
  public var meaning: String {
    switch self {
    case .integer: "A whole number"
    case .status: "An HTTP status, or -1, 0 or 9 where the load balancer has none to report"
    case .duration: "Nanoseconds"
    case .size: "Bytes"
    case .time: "Nanoseconds since 1970, UTC"
    case .address: "An IPv4 or IPv6 address; text where it is none (a unix socket's path)"
    case .flag: "Yes or no"
    case .text: "Bytes, mostly readable, not necessarily UTF-8"
    case .list: "Several texts in one, joined by `, ` or ` : ` as the load balancer wrote them"
    }
  }

  /// What stands for a value in JSON.
  var form: String {
    switch self {
    case .integer, .status, .duration, .size: "number"
    case .time: "RFC 3339 in UTC, nine digits of fraction"
    case .address: "string; IPv6 as in RFC 5952"
    case .flag: "true or false"
    case .text: "string"
    case .list: "string in ndjson; list of strings elsewhere where the standard has a list"
    }
  }
}

extension NullReason {
  /// One line for people.
  public var meaning: String {
    switch self {
    case .absent: "The line's format does not have the field"
    case .dash: "`-` was logged"
    case .empty: "Nothing was logged: `\"\"`, nothing between two separators, or `null` in JSON"
    case .notReached: "`-1` was logged for a phase that the request never came to"
    case .unparsed: "No format fits the line, so nobody can say what it holds"
    }
  }
}

extension EventContext.Quality {
  /// One line for people.
  public var meaning: String {
    switch self {
    case .explicitZone: "The stamp names its zone, or counts from 1970"
    case .configuredZone: "The stamp names none; the source's `timezone` was taken"
    case .inferredYear: "The stamp has no year; the one nearest to the receive time was taken"
    case .ambiguousSaving:
      "The clock showed that time twice, or not at all, as daylight saving changed; the nearer moment was taken"
    case .received: "No stamp in the line; it is the receive time"
    }
  }
}
