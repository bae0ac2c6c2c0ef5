import ArgumentParser
import Collector
import Inspect
import Platform

struct Config: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Work with configuration files.", subcommands: [ConfigCheck.self])
}

struct ConfigCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Read a configuration file as `stele serve` would, and print what was understood.",
    discussion: """
      An error names file, line and column. Formats are compiled, host names resolved, certificates and keys \
      read; no socket is opened and no log is touched.

      EXAMPLE
        stele config check /etc/stele/stele.yaml
      """)

  @Argument(help: "The configuration file.")
  var file: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let settings = try Settings(file: file)
    _ = try DaemonPlan(settings)
    try StandardOutput.print(json ? settings.json.text + "\n" : settings.yaml)
    let isLog = (try? Directory(settings.directory)) != nil
    if !isLog {
      StandardError.write(
        "note: there is no log in \(settings.directory) yet; make one with: "
          + "stele init \(settings.directory) --origin NAME\n")
    }
  }
}
