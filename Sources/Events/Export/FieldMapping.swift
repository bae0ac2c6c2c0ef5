/// Where an event's field goes in the outputs that follow a published standard.
///
/// The outputs are written from these rows, and so is the page that documents them. What a standard has no
/// name for keeps Stele's: below `stele` in ECS, as an attribute `stele.<name>` in OpenTelemetry, below
/// `unmapped` in OCSF. So does a value that is not of the type that the standard asks for.
public struct FieldMapping: Sendable {
  /// Paths in ECS 9, `http.response.status_code`. A field of several paths is written to each.
  public var ecs: [String] = []
  /// The name in OpenTelemetry: an attribute by its semantic convention (1.44); `resource:` before an
  /// attribute of the resource, `record:` before a part of the log record itself.
  public var otel: String?
  /// The path in OCSF 1.8. `[]` stands behind a list of objects of which the value makes one.
  public var ocsf: String?

  /// The names of the field in all three; empty where it has none of them.
  public init(_ field: Field) { self = MappingTable.all[Int(field.rawValue)] }

  init(_ ecs: String..., otel: String? = nil, ocsf: String? = nil) {
    self.ecs = ecs
    self.otel = otel
    self.ocsf = ocsf
  }
}

extension Field {
  /// Where the field goes in ECS, OpenTelemetry and OCSF.
  public var mapping: FieldMapping { FieldMapping(self) }
}

/// The versions of the standards that the outputs follow.
public enum Standard {
  /// Elastic Common Schema.
  public static let ecs = "9.0.0"
  /// OpenTelemetry semantic conventions.
  public static let semanticConventions = "1.44.0"
  /// Open Cybersecurity Schema Framework.
  public static let ocsf = "1.8.0"
}
