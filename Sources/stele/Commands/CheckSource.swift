import ArgumentParser
import Bytes
import Events
import Formats
import Inspect
import Platform
import ProxyConfiguration

struct CheckSource: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-source",
    abstract: "Compare how Stele reads a log with what the load balancer itself says.",
    usage: "stele check-source --format <format> <text file> <json file> [--join <field>] [--json]",
    discussion: """
      Let the load balancer log each request twice in one run: in the format to be tested, and as JSON that it \
      writes itself (HAProxy by a log-format with the json converter, Nginx by log_format escape=json, Envoy by \
      json_format). The keys of the JSON are Stele's field names; durations and times that are plain numbers are \
      nanoseconds, or have their unit behind the name: "dur.active:ms", "time_end:s". Other keys are names of what \
      the format calls so. The two are joined by a field that both have, and every other field that both have is \
      compared: nothing is nothing, whether - or "" or null was logged, and what the load balancer escapes in text \
      is what it stands for.

      Ends with status 0 if all requests are in both logs and equal, 2 if a field differs or a request is there \
      twice, 3 if requests are missing on one side, or on a line that does not fit.

      EXAMPLES
        stele check-source --format haproxy/httplog text.log json.log
        stele check-source --format nginx:'$request_id $request' a.log b.log --join id.request
      """)

  @Option(help: "The text lines' format: a name, haproxy:'…', nginx:'…', envoy:'…'.")
  var format: String

  @Option(
    help: "The JSON lines' format, where their keys are no field names: nginx:escape=json '{…}' and so on.")
  var jsonFormat: String?

  @Option(
    help: ArgumentHelp("The field that both logs have, different for each request.", valueName: "field"))
  var join = Field.idRequest.name

  @Option(help: ArgumentHelp("The zone of stamps that name none.", valueName: "zone"))
  var timezone = "UTC"

  @Flag(help: "Take \\u00E9 in the JSON for the byte E9, as HAProxy's converter json(ascii) writes it.")
  var byteEscapes = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @Argument(help: ArgumentHelp("The log in the format to be tested.", valueName: "text file"))
  var textFile: String

  @Argument(help: ArgumentHelp("The log in JSON.", valueName: "json file"))
  var jsonFile: String

  func run() throws {
    guard let zone = TimeZoneFile.zone(timezone) else {
      throw ValidationError("there is no time zone '\(timezone)'")
    }
    let context = EventContext(receiveTime: Clock.realtime(), zone: zone)
    let templates = try SourceFormat.read(format) { Platform.Process.environment($0) }.templates
    let jsonTemplates = try jsonFormat.map { text in
      try SourceFormat.read(text) { Platform.Process.environment($0) }.templates
    }
    var comparison = SourceComparison(join: join)
    var text = SourceReader(templates, context)
    var lines = LineReader(try ReplayInput(textFile).open())
    while let line = try lines.next() { comparison.addText(text.read(line, lines.lines), lines.lines, line) }
    var read = LineReader(try ReplayInput(jsonFile).open())
    if let jsonTemplates {
      var reader = SourceReader(jsonTemplates, context)
      while let line = try read.next() {
        if let record = reader.read(line, read.lines) {
          comparison.addJSON(record)
        } else {
          comparison.addJSON(unread: read.lines, line.array, "it does not fit the format")
        }
      }
    } else {
      while let line = try read.next() { addJSON(line.array, read.lines, context, &comparison) }
    }
    comparison.finish()
    try StandardOutput.print(json ? comparison.json.text + "\n" : comparison.text)
    if comparison.differing > 0 { throw Ending(outcome: .damage) }
    if comparison.missing > 0 { throw Ending(outcome: .incomplete) }
  }

  private func addJSON(
    _ line: [UInt8], _ number: Int, _ context: EventContext, _ comparison: inout SourceComparison
  ) {
    do throws(FlatJSON.Invalid) {
      let object = try FlatJSON(line, escapesAreBytes: byteEscapes)
      var record = SourceRecord(number: number, raw: line)
      record.fill(object, context)
      comparison.addJSON(record)
    } catch { comparison.addJSON(unread: number, line, "\(error)") }
  }
}
