import ArgumentParser
import Bytes
import Collector
import Platform

struct ConfigReload: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Have the running daemon take over its files now, and print what has changed.",
    discussion: """
      The daemon takes over changed files by itself within two seconds; this waits for it, and tells what became of \
      them: the configuration, certificates, load balancers' configurations, the witnesses' policy. One that cannot \
      be used changes nothing, is printed with its place, and ends the command with status 1.

      The daemon is asked over the control channel beside the log's directory, which takes its user or root.

      EXAMPLES
        stele config reload
        stele config reload --log /var/lib/stele/edge
      """)

  @Argument(help: "The configuration file, which names the log.")
  var file = Serve.defaultConfiguration

  @Option(help: ArgumentHelp("The log's directory, where no file names it.", valueName: "directory"))
  var log: String?

  @Flag(help: "Print one JSON object for each file.")
  var json = false

  func run() throws {
    let directory = try log ?? Settings(file: file).directory
    guard let session = ChannelSession(watching: directory) else {
      throw SilentDaemon(directory)
    }
    let files = try session.reload()
    if json {
      try StandardOutput.print(files.map { $0.text + "\n" }.joined())
    } else {
      try print(files)
    }
    if files.contains(where: { $0["error"] != nil }) { throw Ending(outcome: .failed) }
  }

  private func print(_ files: [JSONValue]) throws {
    var text = ""
    for file in files {
      let path = file["file"]?.string ?? ""
      if let error = file["error"]?.string {
        StandardError.write("\(error)\n\(path) is not taken over, and what held before holds on\n")
        continue
      }
      let changes = file["changes"]?.items?.compactMap(\.string) ?? []
      text += changes.isEmpty ? "\(path): nothing has changed\n" : "\(path) is taken over\n"
      for change in changes { text += "  \(change)\n" }
    }
    if files.isEmpty { text = "nothing has changed\n" }
    try StandardOutput.print(text)
  }
}
