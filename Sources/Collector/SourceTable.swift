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

  public init(name: String, templates: [Template], format: String) {
    self.name = name
    self.templates = templates
    self.format = format
  }
}

/// The sources of one run. Number 0 is Stele itself; the others count from 1 in the order given.
public struct SourceTable: Sendable {
  public let definitions: [SourceDefinition]

  public init(_ definitions: [SourceDefinition]) { self.definitions = definitions }

  var names: [SourceName] {
    [SourceName(0, "stele")]
      + definitions.enumerated().map { SourceName(UInt32($0.offset + 1), $0.element.name) }
  }

  /// By source number.
  var templateLists: [[Template]] { [[]] + definitions.map(\.templates) }
}

/// Messages that do not fit their source's format, by source number; a syslog header alone is no fit. Written by all workers, read by whoever reports.
public final class ParseCounters: Sendable {
  private final class Cell: Sendable {
    let value = Atomic<Int>(0)
  }
  private let cells: [Cell]

  init(sources: Int) { cells = (0...sources).map { _ in Cell() } }

  func countUnparsed(_ source: Int) { cells[source].value.wrappingAdd(1, ordering: .relaxed) }

  public func unparsed(_ source: Int) -> Int { cells[source].value.load(ordering: .relaxed) }
}
