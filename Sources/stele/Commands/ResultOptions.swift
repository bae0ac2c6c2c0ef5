import ArgumentParser
import Inspect

/// Which entries are shown, and how: what `search` and `tail` have in common.
struct ResultOptions: ParsableArguments {
  enum Form: String, CaseIterable, ExpressibleByArgument { case table, raw, ndjson, ecs, otel, ocsf }

  @Option(help: "How entries are printed: table, raw, ndjson, ecs, otel or ocsf.")
  var output = Form.table

  @Option(help: "Which entries are looked at: received (messages), control (Stele's own) or all.")
  var entries = SearchQuery.Entries.received

  @Flag(help: "With ndjson, ecs, otel or ocsf: the message's bytes too.")
  var withRaw = false

  @Option(
    help: ArgumentHelp(
      "The zone of stamps that name none (default: as each source was configured).", valueName: "zone"))
  var timezone: String?

  func validate() throws {
    if withRaw, output == .table || output == .raw {
      throw ValidationError("--with-raw says something with --output ndjson, ecs, otel and ocsf only")
    }
  }

  var form: SearchOutput {
    switch output {
    case .table: .table
    case .raw: .raw
    case .ndjson: .json(.own, raw: withRaw)
    case .ecs: .json(.ecs, raw: withRaw)
    case .otel: .json(.otlp, raw: withRaw)
    case .ocsf: .json(.ocsf, raw: withRaw)
    }
  }

  /// Whether the zone of stamps that name none was said.
  var saysZone: Bool { timezone != nil }

  /// Sets the zones of stamps that name none. Without `isNeeded`, only where the output shows times.
  func setZones(of search: inout LogSearch, isNeeded: Bool) throws {
    if let timezone {
      guard let zone = TimeZoneFile.zone(timezone) else {
        throw ValidationError("no time zone '\(timezone)'; write UTC, +01:00 or Europe/Paris")
      }
      search.zones = SourceZones(other: zone)
    } else if output != .raw || isNeeded {
      try search.learnZones()
    }
  }
}

extension SearchQuery.Entries: ExpressibleByArgument {
  public init?(argument: String) {
    switch argument {
    case "received": self = .received
    case "control": self = .control
    case "all": self = .all
    default: return nil
    }
  }
  public static var allValueStrings: [String] { ["received", "control", "all"] }
  public var defaultValueDescription: String { "received" }
}
