import Bytes
import ArgumentParser
import Collector
import Inspect
import Platform
import ProxyConfiguration

struct Config: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Work with configuration files.",
    subcommands: [ConfigCheck.self, ConfigReload.self, ConfigShow.self])
}

struct ConfigShow: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Print the configuration that is in effect: every key, with defaults filled in.",
    discussion: """
      What is printed is a configuration file that means the same, without comments, tests, relative paths and \
      variables of the environment. It names files with secrets, and shows none. No socket is opened, no log is \
      touched.

      EXAMPLES
        stele config show
        stele config show stele.yaml
        diff <(stele config show old.yaml) <(stele config show new.yaml)
      """)

  @Argument(help: "The configuration file.")
  var file = Serve.defaultConfiguration

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let settings = try Settings(file: file)
    try StandardOutput.print(json ? settings.json.text + "\n" : settings.yaml)
  }
}

struct ConfigCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Read a configuration file as `stele serve` would, and print what was understood.",
    discussion: """
      An error names file, line and column. Formats are compiled, host names resolved, certificates and keys \
      read; no socket is opened and no log is touched. The lines under 'test' of each source are read as the \
      daemon would read them; a field that is not as expected is named with its place, and ends the command with \
      status 1.

      EXAMPLE
        stele config check /etc/stele/stele.yaml
      """)

  @Argument(help: "The configuration file.")
  var file = Serve.defaultConfiguration

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let settings = try Settings(file: file)
    let plan = try DaemonPlan(settings)
    let tests = Self.run(settings, plan)
    let object = settings.json.adding("tests", tests.json)
    try StandardOutput.print(json ? object.text + "\n" : settings.yaml)
    for formats in plan.inputs.compactMap(\.formats) {
      let names = formats.new.map(\.name).joined(separator: ", ")
      StandardError.write("note: source \(formats.source): \(formats.path) has the formats \(names)\n")
      for problem in formats.problems {
        StandardError.write("warning: source \(formats.source): \(problem)\n")
      }
    }
    for source in settings.sources {
      guard let minimise = source.minimise, let format = try? SourceFormat.read(source.format) else {
        continue
      }
      for note in minimise.notes(format) { StandardError.write("note: source \(source.name): \(note)\n") }
    }
    let isLog = (try? Directory(settings.directory)) != nil
    if !isLog {
      StandardError.write(
        "note: there is no log in \(settings.directory) yet; make one with: "
          + "stele init \(settings.directory) --origin NAME\n")
    }
    try tests.report()
  }

  /// What the configuration's tests came to.
  private struct TestReport {
    var passed = 0
    var failures: [ConfigurationError] = []

    /// Nil where there are no tests.
    var json: JSONValue? {
      if passed == 0, failures.isEmpty { return nil }
      let failures = failures.map { failure -> JSONValue in
        [
          "file": .text(failure.file), "line": .number(failure.line), "column": .number(failure.column),
          "text": .text(failure.text),
        ]
      }
      return ["passed": .number(passed), "failures": .list(failures)]
    }

    func report() throws {
      for failure in failures { StandardError.write("\(failure)\n") }
      if passed > 0 || !failures.isEmpty {
        let failed = failures.isEmpty ? "" : "; \(failures.count) expectations do not hold"
        StandardError.write("tests: \(passed) pass\(failed)\n")
      }
      if !failures.isEmpty { throw Ending(outcome: .failed) }
    }
  }

  private static func run(_ settings: Settings, _ plan: DaemonPlan) -> TestReport {
    var report = TestReport()
    for (source, input) in zip(settings.sources, plan.inputs) where !source.tests.isEmpty {
      var run = SourceTestRun(source, input.definition)
      run.run()
      report.passed += run.passed
      report.failures += run.failures
    }
    return report
  }
}
