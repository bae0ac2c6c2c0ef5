import ArgumentParser
import Bytes
import Formats
import Inspect
import Platform
import ProxyConfiguration

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how log lines are read.",
    usage: "stele explain [--format <format>] [<line> | <file> | -] …",
    discussion: """
      Prints what each part of a line means: its bytes, its field, its typed value or why there is none. Where a \
      line does not fit, what still fits is shown, a caret under the place where it stops, what would have had to \
      stand there, and which shipped formats come further. Syslog headers are recognized. After the lines of a \
      file comes a summary. Ends with status 3 if any line does not fit.

      An argument is a file if there is one of that name, - is standard input, and anything else is a line. \
      Without arguments, lines are read from standard input.

      EXAMPLES
        tail -n 1 access.log | stele explain
        stele explain --format haproxy/httplog --failed haproxy.log
        stele explain --summary access.log error.log
        stele explain --format 'nginx:$remote_addr $status' '192.0.2.1 200'
      """)

  @Option(help: "The lines' format: a name, auto, haproxy:'…', nginx:'…', envoy:'…', @haproxy.cfg.")
  var format = "auto"

  @Flag(help: "Show only lines that do not fit.")
  var failed = false

  @Flag(help: "Show no lines, only the summary.")
  var summary = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @Argument(
    help: ArgumentHelp(
      "Lines, files, or - for standard input (default: standard input).", valueName: "line or file"))
  var inputs: [String] = []

  /// Where lines come from.
  private enum Input {
    case line(String)
    case file(ReplayInput)
  }

  func run() throws {
    let templates = try SourceFormat.read(format) { Platform.Process.environment($0) }.templates
    let inputs = try (inputs.isEmpty ? ["-"] : inputs).map(Self.input)
    var run = ExplainRun(
      explainer: LineExplainer(templates), output: try StandardOutput(),
      shows: { explanation in !summary && !(failed && explanation.fits) }, isJSON: json)
    var isMany = false
    for input in inputs {
      switch input {
      case .line(let line): try Array(line.utf8).withView { try run.explain($0, nil, nil) }
      case .file(let file):
        isMany = true
        let name = inputs.count > 1 ? file.name : nil
        var reader = LineReader(try file.open())
        while let bytes = try reader.next() { try run.explain(bytes, name, reader.lines) }
      }
    }
    try run.finish(format, isMany: isMany || summary)
  }

  private static func input(_ argument: String) throws -> Input {
    if argument == "-" { return .file(try ReplayInput(argument)) }
    // No path has these, and a line of a log nearly always has.
    if argument.contains(where: { $0 == " " || $0 == "\"" }) || argument.utf8.count > 4096 {
      return .line(argument)
    }
    do throws(SystemError) { return .file(try ReplayInput(argument)) } catch {
      guard error.errno == .noSuchFile else { throw error }
      StandardError.write("stele: there is no file '\(argument)': it is taken for a line\n")
      return .line(argument)
    }
  }
}

/// Explains line after line, and sums up.
private struct ExplainRun: ~Copyable {
  var explainer: LineExplainer
  var output: StandardOutput
  let shows: (Explanation) -> Bool
  let isJSON: Bool
  private var summary = ExplanationSummary()
  private var lines: [JSONValue] = []

  init(
    explainer: consuming LineExplainer, output: consuming StandardOutput,
    shows: @escaping (Explanation) -> Bool,
    isJSON: Bool
  ) {
    self.explainer = explainer
    self.output = output
    self.shows = shows
    self.isJSON = isJSON
  }

  mutating func explain(_ bytes: ByteView, _ file: String?, _ number: Int?) throws {
    let explanation = explainer.explain(bytes)
    let place = number.map { "\(file.map { "\($0), " } ?? "")line \($0)" }
    summary.add(explanation, place ?? "the line given")
    guard shows(explanation) else { return }
    if isJSON {
      lines.append(explanation.json(file, number))
    } else {
      try output.write(explanation.text(place))
    }
  }

  mutating func finish(_ format: String, isMany: Bool) throws {
    if isJSON {
      let members = [JSONValue.Member("format", .text(format))] + summary.members
      try output.write(JSONValue.object(members + [.init("lines", .list(lines))]).text + "\n")
    } else if isMany {
      try output.write(summary.text(format))
    }
    try output.flush()
    if summary.failing > 0 { throw Ending(outcome: .incomplete) }
  }
}
