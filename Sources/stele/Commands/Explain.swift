import ArgumentParser
import Bytes
import Events
import Formats
import Inspect
import Platform
import Templates

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how a log line is read.",
    discussion: """
      Prints what each part of the line means: its bytes, its field, its typed value. Where a line does not \
      fit, a caret shows how far it came. Syslog headers are recognized. Ends with status 3 if any line does \
      not fit.

      EXAMPLES
        tail -n 1 access.log | stele explain
        stele explain --format haproxy/httplog --failed < haproxy.log
        stele explain --format 'nginx:$remote_addr\\ $status' '192.0.2.1 200'
      """)

  @Option(help: "The lines' format: a name, auto, haproxy:'…', nginx:'…', envoy:'…'.")
  var format = "auto"

  @Flag(help: "Show only lines that do not fit.")
  var failed = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @Argument(help: "The line; without it, lines are read from standard input.")
  var line: String?

  func run() throws {
    var explainer = LineExplainer(try FormatSpec.parse(format), format)
    var output = try StandardOutput()
    var lines: [JSONValue] = []
    func explain(_ bytes: ByteView, _ number: Int?) throws {
      let explanation = explainer.explain(bytes)
      if failed, explanation.fits { return }
      if json {
        lines.append(explanation.json(number))
      } else {
        try output.write(explanation.text(number))
      }
    }
    if let line {
      try Array(line.utf8).withView { try explain($0, nil) }
    } else {
      var reader = LineReader(try StandardStream.input.open())
      while let bytes = try reader.next() { try explain(bytes, reader.lines) }
    }
    if json {
      let object: JSONValue = [
        "format": .text(format), "fitting": .number(explainer.fitting), "failing": .number(explainer.failing),
        "lines": .list(lines),
      ]
      try output.write(object.text + "\n")
    } else if line == nil {
      try output.write("\(explainer.fitting) lines fit \(format), \(explainer.failing) do not\n")
    }
    try output.flush()
    if explainer.failing > 0 { throw Ending(outcome: .incomplete) }
  }
}

/// What one line came to.
struct Explanation {
  /// One part of a line that fits.
  struct Part {
    var range: Range<Int>
    /// Within how many other parts.
    var depth: Int
    /// The field's name, or the load balancer's own.
    var name: String
    /// The bytes, safe to show.
    var text: String
    /// What they mean; nil for text.
    var value: String?
  }

  /// Where a line stopped fitting.
  struct Failure {
    var offset: Int
    /// The line around that place, and the caret below it.
    var picture: String
    var text: String
  }

  /// The templates that fit, the outermost first: a syslog header, the format.
  var templates: [String] = []
  var parts: [Part] = []
  var failure: Failure?
  var byteCount = 0

  var fits: Bool { failure == nil }

  func text(_ number: Int?) -> String {
    let name = number.map { "line \($0): " } ?? ""
    var text = "\(name)\(templates.joined(separator: ", "))"
    if templates.isEmpty { text += "does not fit" }
    text += " (\(byteCount) bytes)\n"
    let nameWidth = parts.map { $0.name.count + 2 * $0.depth }.max() ?? 0
    let digits = String(byteCount).count
    for part in parts {
      let indent = String(repeating: "  ", count: part.depth)
      text += "  \(padded(part.range.lowerBound, digits))-\(padded(part.range.upperBound, digits))  "
      text += indent + part.name + String(repeating: " ", count: nameWidth - part.name.count - indent.count)
      text += "  " + part.text
      if let value = part.value, value != part.text { text += "  = \(value)" }
      text += "\n"
    }
    if let failure { text += failure.picture + "  " + failure.text + "\n" }
    return text
  }

  private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: " ", count: max(0, width - digits.count)) + digits
  }

  func json(_ number: Int?) -> JSONValue {
    var members: [JSONValue.Member] = []
    if let number { members.append(.init("line", .number(number))) }
    members.append(.init("fits", .flag(fits)))
    members.append(.init("templates", .list(templates.map { .text($0) })))
    let parts = parts.map { part -> JSONValue in
      [
        "start": .number(part.range.lowerBound), "end": .number(part.range.upperBound),
        "name": .text(part.name), "text": .text(part.text), "value": .optional(part.value),
      ]
    }
    members.append(.init("parts", .list(parts)))
    if let failure {
      members.append(.init("offset", .number(failure.offset)))
      members.append(.init("error", .text(failure.text)))
    }
    return .object(members)
  }
}
