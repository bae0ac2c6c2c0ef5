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
  /// Names of the frontends whose access-log entries are counted for the reconciliation with the load
  /// balancer's own counters; empty: all.
  public var countedFrontends: [String] = []
  /// What of its messages is not to be stored; nil: all is.
  public var minimise: MinimiseRules?

  public init(name: String, templates: [Template], format: String, candidates: [String]? = nil) {
    self.name = name
    self.templates = templates
    self.format = format
    self.candidates = candidates
  }
}

/// The sources of one run. Number 0 is Stele itself; the others count from 1 in the order in which they came.
/// The number of one that is gone is not given again.
public struct SourceTable: Sendable {
  /// By source number, from 1; those that are gone have no templates and no name.
  public internal(set) var definitions: [SourceDefinition]
  /// The election that chooses each source's format, by source number from 0; nil where the format is given.
  /// Numbers of elections are not given again, either.
  private(set) var elections: [Int?] = [nil]
  private var electionCount = 0

  public init(_ definitions: [SourceDefinition]) {
    self.definitions = []
    for definition in definitions { append(definition) }
  }

  /// Adds a source, and returns its number.
  @discardableResult mutating func append(_ definition: SourceDefinition) -> Int {
    definitions.append(definition)
    elections.append(nil)
    if definition.candidates != nil { holdElection(definitions.count) }
    return definitions.count
  }

  /// Puts a source's new settings in the place of its old ones.
  mutating func change(_ source: Int, to definition: SourceDefinition) {
    let old = definitions[source - 1]
    definitions[source - 1] = definition
    if definition.candidates == old.candidates { return }
    elections[source] = nil
    if definition.candidates != nil { holdElection(source) }
  }

  /// Takes a source out.
  mutating func remove(_ source: Int) {
    definitions[source - 1] = SourceDefinition(name: "", templates: [], format: "")
    elections[source] = nil
  }

  private mutating func holdElection(_ source: Int) {
    elections[source] = electionCount
    electionCount += 1
  }

  /// Gives a source another format. What may be stored of its messages stays as it was configured.
  mutating func replace(_ source: Int, by definition: SourceDefinition) {
    var definition = definition
    definition.countedFrontends = definitions[source - 1].countedFrontends
    definition.minimise = definitions[source - 1].minimise
    change(source, to: definition)
  }

  /// By list of `templateLists`: the source that it is for.
  var listOwners: [Int] {
    Array(0...definitions.count)
      + definitions.enumerated().flatMap { place, definition in definition.groups.map { _ in place + 1 } }
  }

  var names: [SourceName] {
    [SourceName(0, "stele")]
      + definitions.enumerated().compactMap {
        $0.element.name.isEmpty ? nil : SourceName(UInt32($0.offset + 1), $0.element.name)
      }
  }

  /// By source number; behind them those of tags, in the order of `SourceTraits`.
  var templateLists: [[Template]] {
    [[]] + definitions.map(\.templates) + definitions.flatMap { $0.groups.map(\.templates) }
  }
}

/// Messages that do not fit their source's format, by source number; a syslog header alone is no fit. Written
/// by all workers, read by whoever reports.
public final class ParseCounters: Sendable {
  final class Cell: Sendable {
    private let value = Atomic<Int>(0)
    fileprivate let stored = Atomic<Int>(0)

    func add() { value.wrappingAdd(1, ordering: .relaxed) }
    var count: Int { value.load(ordering: .relaxed) }
  }
  private let all = Mutex<[Cell]>([])

  /// One for each of so many sources, and for number 0.
  func cells(_ sources: Int) -> [Cell] {
    all.withLock { all in
      while all.count <= sources { all.append(Cell()) }
      return Array(all.prefix(sources + 1))
    }
  }

  /// Adds entries that have become durable, by source number.
  func add(stored tally: [Int]) {
    if tally.isEmpty { return }
    for (cell, count) in zip(cells(tally.count - 1), tally) where count > 0 {
      cell.stored.wrappingAdd(count, ordering: .relaxed)
    }
  }

  /// Messages of a source that have become durable.
  public func stored(_ source: Int) -> Int {
    all.withLock { $0.indices.contains(source) ? $0[source].stored.load(ordering: .relaxed) : 0 }
  }

  public func unparsed(_ source: Int) -> Int {
    all.withLock { $0.indices.contains(source) ? $0[source].count : 0 }
  }
}
