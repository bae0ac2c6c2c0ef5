import Segments
import Synchronization
import Templates

/// One source as the pipeline sees it.
public struct SourceDefinition: Sendable {
  public var name: String
  /// What is tried on each message, in that order.
  public var templates: [Template]
  /// How the format was given, for the log's own record.
  public var format: String

  /// Names of the formats among which the source's own lines choose, in the order of their templates, which
  /// are the last ones of `templates`; nil where the format is given.
  public var candidates: [String]?

  /// Templates of whole messages for those with a certain syslog tag; others are tried on `templates`.
  public struct TagGroup: Sendable {
    public var tag: String
    public var templates: [Template]

    public init(tag: String, templates: [Template]) {
      self.tag = tag
      self.templates = templates
    }
  }
  public var groups: [TagGroup] = []
  /// Templates are tried in their order on every message, so that what fits several is always taken for the
  /// same; otherwise the one that fitted last is tried first, which is faster.
  public var isOrdered = false
  /// Bytes at which the sender cuts a datagram, in ascending order; empty where that is not known.
  public var lengths: [Int] = []
  /// What of its messages is not to be stored; nil: all is.
  public var minimise: MinimiseRules?

  public init(name: String, templates: [Template], format: String, candidates: [String]? = nil) {
    self.name = name
    self.templates = templates
    self.format = format
    self.candidates = candidates
  }
}

/// The sources of one run. Number 0 is Stele itself; the others count from 1 in the order given.
public struct SourceTable: Sendable {
  public internal(set) var definitions: [SourceDefinition]

  public init(_ definitions: [SourceDefinition]) { self.definitions = definitions }

  /// Gives a source another format. What may be stored of its messages stays as it was configured.
  mutating func replace(_ source: Int, by definition: SourceDefinition) {
    let rules = definitions[source - 1].minimise
    definitions[source - 1] = definition
    definitions[source - 1].minimise = rules
  }

  var names: [SourceName] {
    [SourceName(0, "stele")]
      + definitions.enumerated().map { SourceName(UInt32($0.offset + 1), $0.element.name) }
  }

  /// By source number; behind them those of tags, in the order of `SourceTraits`.
  var templateLists: [[Template]] {
    [[]] + definitions.map(\.templates) + definitions.flatMap { $0.groups.map(\.templates) }
  }
}

/// Messages that do not fit their source's format, by source number; a syslog header alone is no fit. Written
/// by all workers, read by whoever reports.
public final class ParseCounters: Sendable {
  private final class Cell: Sendable {
    let value = Atomic<Int>(0)
  }
  private let cells: [Cell]

  init(sources: Int) { cells = (0...sources).map { _ in Cell() } }

  func countUnparsed(_ source: Int) { cells[source].value.wrappingAdd(1, ordering: .relaxed) }

  public func unparsed(_ source: Int) -> Int { cells[source].value.load(ordering: .relaxed) }
}
