import Bytes
import Collector
import Cryptography
import Events
import Formats
import Inspect
import Intake
import MerkleLog
import Platform
import ProxyConfiguration
import SegmentWriter
import Segments
import Templates

/// `replay --into`: files through the same pipeline as the daemon's messages, into a sealed log.
struct LogReplay {
  private let inputs: [ReplayInput]
  private let directory: String
  private let keyPath: String
  private let options: WriterOptions
  private let format: String
  private let definition: SourceFormat
  private let minimise: MinimiseRules?
  private let isStrict: Bool
  private let isJSON: Bool

  init(
    _ inputs: [ReplayInput], into directory: String, keyFile: String?, options: WriterOptions, format: String,
    minimise: String?, isStrict: Bool, isJSON: Bool
  ) throws {
    self.inputs = inputs
    self.directory = directory
    keyPath = LogCreation.keyPath(keyFile, for: directory)
    self.options = options
    self.format = format
    // Files hold bare lines, or lines behind the header that a syslog daemon wrote.
    definition = try SourceFormat.read(format) { Platform.Process.environment($0) }
    let format = definition
    self.minimise = try minimise.map { try MinimiseSettings(file: $0, format).rules }
    for problem in definition.file?.problems ?? [] { StandardError.write("warning: \(problem)\n") }
    self.isStrict = isStrict
    self.isJSON = isJSON
  }

  /// One source for the run, called like the file.
  private var sourceName: String {
    inputs.count == 1 && !inputs[0].isStandardInput ? inputs[0].name : "replay"
  }

  func run() throws {
    let start = Clock.monotonic()
    let writer = try LogOpening.open(directory: directory, keyPath: keyPath, options: options)
    let firstIndex = writer.tree.size + 1
    let before = storedBytes()
    var source = SourceDefinition(sourceName, definition)
    source.minimise = minimise
    let pipeline = try Pipeline(writer, SourceTable([source]))
    pipeline.record(declaration)
    let count: Count
    do { count = try readAll(pipeline) } catch {
      // What was read is stored; the file's fault is what the caller hears of.
      try pipeline.finish()
      throw error
    }
    pipeline.settleFormats()
    try pipeline.finish()
    let unparsed = pipeline.counters.unparsed(1)
    let summary = Summary(
      lines: count.lines, bytes: count.bytes, unparsed: unparsed, stored: storedBytes() - before,
      firstIndex: firstIndex, time: Clock.monotonic() - start, format: pipeline.formatEvidence(1))
    if isJSON { try StandardOutput.print(summary.json.text + "\n") } else { report(summary) }
    if isStrict, unparsed > 0 { throw Ending(outcome: .incomplete) }
  }

  private struct Count {
    var lines = 0
    var bytes = 0
  }

  private func readAll(_ pipeline: Pipeline) throws -> Count {
    var count = Count()
    var progress = Progress("replaying", total: inputs.reduce(0) { $0 + $1.size })
    defer { progress.finish() }
    for input in inputs {
      guard var reader = FileReader(pipeline.queue, source: 1, envelope: envelope(input)) else { break }
      let before = count.bytes
      do {
        _ = try reader.read(try input.open()) { progress.update(before + $0) }
      } catch {
        reader.close()
        throw error
      }
      count.lines += reader.messages
      count.bytes += reader.bytes
      reader.close()
    }
    return count
  }

  private func envelope(_ input: ReplayInput) -> [UInt8] {
    var envelope = Envelope(input.isStandardInput ? .standardInput : .file)
    if !input.isStandardInput {
      Array(input.absolutePath.utf8.suffix(255)).withView { envelope.add(.path, $0) }
    }
    return envelope.view.array
  }

  /// The log's record of where these entries come from.
  private var declaration: String {
    let files = inputs.map { JSONValue.text($0.isStandardInput ? "-" : $0.absolutePath) }
    let record: JSONValue = [
      "type": .text("source"), "id": .number(1), "name": .text(sourceName), "files": .list(files),
      "format": .text(format),
      "timezone": .text("UTC"),
    ]
    return record.adding("minimize", minimise?.json).text
  }

  // MARK: The summary

  private struct Summary {
    var lines: Int
    var bytes: Int
    var unparsed: Int
    var stored: Int
    /// Of the first line.
    var firstIndex: UInt64
    var time: Int64
    var format: FormatEvidence?

    var json: JSONValue {
      let object: JSONValue = [
        "lines": .number(lines), "bytes": .number(bytes), "unparsed": .number(unparsed),
        "stored_bytes": .number(stored), "first": .number(firstIndex),
        "end": .number(firstIndex + UInt64(lines)), "seconds": .decimal(Double(time) / 1e9, digits: 3),
      ]
      return object.adding("format", format?.json)
    }
  }

  /// Bytes of everything in the log's directory but the tiles, which are a cache.
  private func storedBytes() -> Int {
    guard let log = try? Directory(directory), let names = try? log.names() else { return 0 }
    return names.reduce(0) { sum, name in
      guard FileNames.parse(name) != nil, let status = try? log.status(of: name) else { return sum }
      return sum + status.size
    }
  }

  private func report(_ summary: Summary) {
    let rate = Double(summary.lines) / max(Double(summary.time) / 1e9, 1e-9)
    var text = "\(summary.lines) lines, \(Quantity.rounded(bytes: summary.bytes))"
    text += ", stored and sealed in \(Quantity.rounded(bytes: summary.stored))"
    if summary.stored > 0, summary.lines > 0 {
      let share = Double(summary.stored) / Double(summary.lines)
      text += " (\(Quantity.decimal(share, places: 1)) bytes a line)"
    }
    if summary.lines > 0 {
      text += ", entries \(summary.firstIndex) to \(summary.firstIndex + UInt64(summary.lines) - 1)"
    }
    text +=
      "; \(Quantity.rounded(nanoseconds: summary.time)), \(Quantity.rounded(count: rate)) lines a second\n"
    if let choice = summary.format?.summary { text += "\(choice)\n" }
    if summary.unparsed > 0 {
      let name = inputs.count == 1 && !inputs[0].isStandardInput ? " < \(inputs[0].path)" : ""
      text +=
        "\(summary.unparsed) lines do not fit the format \(format) and are stored as they are; "
        + "see why with:\n"
      text += "  stele explain --format '\(format)'\(name)\n"
    }
    StandardError.write(text)
  }
}
