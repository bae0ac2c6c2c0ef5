import Bytes
import Events
import Inspect
import Platform
import SegmentReader
import Segments
import Synchronization
import Templates
import Yams

/// A log's blocks, searched from the first to the last.
struct LogSearch {
  private let files: [SegmentFile]
  let blocks: [SearchBlock]
  /// Entries that are encrypted and cannot be read with the keys at hand.
  private(set) var closedEntries = 0
  /// Zones of stamps that name none.
  var zones = SourceZones()

  /// Blocks searched between two looks at the progress.
  private static let step = 64

  init(_ reader: LogReader) throws(LogError) {
    var files: [SegmentFile] = []
    var blocks: [SearchBlock] = []
    for number in 0..<reader.segmentCount {
      let isUnsigned = reader.firstIndexes[number] >= reader.committedSize
      let file: SegmentFile
      do throws(LogError) { file = try reader.segment(number) } catch {
        // A crash can leave a last file without even a header.
        if isUnsigned, number == reader.segmentCount - 1 { break }
        throw error
      }
      files.append(file)
      for place in file.blocks.indices {
        if let block = SearchBlock(file, place) {
          blocks.append(block)
        } else {
          closedEntries += file.blocks[place].contents.count
        }
      }
    }
    self.files = files
    self.blocks = blocks
  }

  /// Runs a query and writes what it finds to standard output. Returns what could not be read, or not be found
  /// any more.
  func run(
    _ query: SearchQuery, _ limit: SearchRun.Limit, _ output: SearchOutput
  ) throws -> SearchSummary {
    defer { withExtendedLifetime(files) {} }
    let out = OutputFile(try StandardStream.output.open())
    let isShown = !StandardStream.output.isTerminal
    let total = blocks.reduce(0) { $0 + $1.payload.count }
    var progress = Progress("searching", total: total, isQuiet: !isShown)
    defer { progress.finish() }
    do throws(SystemError) {
      if case .last = limit { return try Self.run(blocks[...], query, limit, output, out) }
      var all = SearchSummary()
      var left: Int?
      if case .first(let count) = limit { left = count }
      var done = 0
      for start in stride(from: 0, to: blocks.count, by: Self.step) {
        if left == 0 { break }
        let part = blocks[start..<min(start + Self.step, blocks.count)]
        let summary = try Self.run(part, query, left.map { .first($0) } ?? .none, output, out)
        all.damaged += summary.damaged
        all.erased += summary.erased
        left = left.map { $0 - summary.hits }
        done += part.reduce(0) { $0 + $1.payload.count }
        progress.update(done)
      }
      return all
    } catch {
      if error.errno == .brokenPipe { throw StandardOutput.BrokenPipe() }
      throw error
    }
  }

  private static func run(
    _ blocks: ArraySlice<SearchBlock>, _ query: SearchQuery, _ limit: SearchRun.Limit, _ output: SearchOutput,
    _ out: OutputFile
  ) throws(SystemError) -> SearchSummary {
    try SearchRun.run(Array(blocks), query, limit: limit, output: output) { (bytes) throws(SystemError) in
      try out.file.write(bytes)
    }
  }

  /// What Stele itself has written into the log as control entries of a type, oldest first.
  func records(_ type: String) throws -> [Node] { try Self.records(type, in: controlLines()) }

  /// All control entries of some types, oldest first.
  func statements(_ types: Set<String>) throws -> [JSONValue] {
    try controlLines().compactMap { line in
      guard let entry = Array(line).withView({ try? JSONValue(parsing: $0) }),
        let type = entry["type"]?.string, types.contains(type)
      else { return nil }
      return entry
    }
  }

  private func controlLines() throws -> [ArraySlice<UInt8>] {
    defer { withExtendedLifetime(files) {} }
    return try Self.controlLines { (query, write) throws(SystemError) in
      _ = try SearchRun.run(blocks, query, output: .raw, write: write)
    }
  }

  private static func records(_ type: String, in lines: [ArraySlice<UInt8>]) -> [Node] {
    lines.compactMap { line in
      let text = String(decoding: line, as: UTF8.self)
      return text.contains(#""type":"\#(type)""#) ? try? compose(yaml: text) : nil
    }
  }

  private static func controlLines(
    _ run: (SearchQuery, @escaping @Sendable (ByteView) throws(SystemError) -> Void) throws(SystemError) ->
      Void
  ) throws(SystemError) -> [ArraySlice<UInt8>] {
    let found = Mutex<[UInt8]>([])
    try run(SearchQuery(entries: .control)) { bytes in found.withLock { $0 += bytes.array } }
    return found.withLock { $0 }.split(separator: UInt8(ascii: "\n"))
  }

  /// Takes the zones from the log's own record of its sources, the latest of each name.
  mutating func learnZones() throws { zones.learn(from: try records("source")) }

  /// Takes the zones of sources that blocks declare, too.
  static func learnZones(_ zones: inout SourceZones, from news: LogFollower.News) throws {
    let lines = try controlLines { (query, write) throws(SystemError) in
      _ = try news.search(query, output: .raw, write: write)
    }
    zones.learn(from: records("source", in: lines))
  }
}

extension SourceZones {
  fileprivate mutating func learn(from records: [Node]) {
    for node in records {
      guard let name = node["name"]?.string, let timezone = node["timezone"]?.string
      else { continue }
      named[name] = TimeZoneFile.zone(timezone)
    }
  }
}

/// Where results go, from several threads in turn.
private final class OutputFile: Sendable {
  let file: FileDescriptor
  init(_ file: consuming FileDescriptor) { self.file = file }
}

/// Names of slots in the templates that a log's blocks carry: what a format of the user's own calls its
/// parts.
final class TemplateNames {
  private let reader: LogReader
  private lazy var names = collect()

  /// Blocks that are looked at: formats change rarely.
  private static let blockLimit = 256

  init(_ reader: LogReader) { self.reader = reader }

  func contain(_ name: String) -> Bool { names.contains(name) }

  private func collect() -> Set<String> {
    var names: Set<String> = []
    var looked = 0
    for number in (0..<reader.segmentCount).reversed() {
      guard let file = try? reader.segment(number) else { continue }
      for place in file.blocks.indices.reversed() {
        guard looked < Self.blockLimit else { return names }
        looked += 1
        guard let block = try? file.block(place) else { continue }
        for node in 0..<block.contents.nodeCount {
          names.formUnion(block.contents.template(node).slots.map(\.name))
        }
      }
    }
    return names
  }
}
