import Bytes
import ArgumentParser
import Inspect
import Platform
import ProxyConfiguration

struct Lint: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Find what a load balancer does not log, in its own configuration.",
    discussion: """
      Reads haproxy.cfg, nginx.conf (and what it includes) or Envoy's bootstrap (YAML or JSON), and lists \
      every hole in the audit coverage: its line, what is lost, and the change that closes it.

        hole  requests or connections leave no record at all
        risk  records can be lost or cut without anybody noticing
        gap   records lack what would let them be counted, joined or read with certainty

      Ends with status 3 when there is a finding, or when a part of the configuration could not be read.

      EXAMPLES
        stele lint /etc/haproxy/haproxy.cfg
        stele lint --level risk /etc/nginx/nginx.conf
        stele lint --kind envoy bootstrap.json --json
      """)

  @Argument(help: "The configuration file; for HAProxy also a directory of .cfg files.")
  var file: String

  @Option(help: "Whose it is: haproxy, nginx or envoy (default: told by name and contents).")
  var kind: ProxyKind?

  @Option(help: "The least that is shown: hole, risk or gap.")
  var level = CoverageFinding.Severity.gap

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let read = try ProxyFile(file, kind: kind) { Platform.Process.environment($0) }
    let findings = read.findings.filter { $0.severity <= level }
    if json {
      try StandardOutput.print(object(read, findings).text + "\n")
    } else {
      try StandardOutput.print(text(read, findings))
    }
    if !findings.isEmpty || !read.problems.isEmpty { throw Ending(outcome: .incomplete) }
  }

  private func text(_ read: ProxyFile, _ findings: [CoverageFinding]) -> String {
    var text = ""
    for finding in findings {
      text += "\(finding.place): \(finding.severity.rawValue): \(finding.rule) (\(Self.subjects(finding)))\n"
      text += "  lost: \(finding.lost)\n  mend: \(finding.mend)\n"
    }
    for problem in read.problems {
      text += "\(problem.place.map { "\($0): " } ?? "")not read: \(problem.text)\n"
    }
    let counts = CoverageFinding.Severity.allCases.map { severity in
      let count = findings.count { $0.severity == severity }
      return "\(count) \(severity.rawValue)\(count == 1 ? "" : "s")"
    }
    text +=
      "\(file) (\(read.kind.rawValue), \(read.files.count) \(read.files.count == 1 ? "file" : "files"), "
    text += "\(read.formats.count) \(read.formats.count == 1 ? "format" : "formats")): "
    return text + counts.joined(separator: ", ") + "\n"
  }

  private static func subjects(_ finding: CoverageFinding) -> String {
    let shown = finding.subjects.prefix(4).joined(separator: ", ")
    return finding.subjects.count > 4 ? "\(shown) and \(finding.subjects.count - 4) more" : shown
  }

  private func object(_ read: ProxyFile, _ findings: [CoverageFinding]) -> JSONValue {
    let list = findings.map { finding -> JSONValue in
      [
        "rule": .text(finding.rule), "severity": .text(finding.severity.rawValue),
        "file": .text(finding.place.file), "line": .number(finding.place.line),
        "subjects": .list(finding.subjects.map { .text($0) }), "lost": .text(finding.lost),
        "mend": .text(finding.mend),
      ]
    }
    let formats = read.formats.map { format -> JSONValue in
      [
        "name": .text(format.name), "file": .text(format.place.file), "line": .number(format.place.line),
        "users": .list(format.users.map { .text($0) }), "string": .text(format.string),
      ]
    }
    let problems = read.problems.map { problem -> JSONValue in
      [
        "file": .optional(problem.place?.file), "line": .optional(problem.place?.line),
        "text": .text(problem.text),
      ]
    }
    return [
      "kind": .text(read.kind.rawValue), "files": .list(read.files.map { .text($0.path) }),
      "findings": .list(list), "formats": .list(formats), "problems": .list(problems),
    ]
  }
}

extension ProxyKind: ExpressibleByArgument {}
extension CoverageFinding.Severity: ExpressibleByArgument {}
