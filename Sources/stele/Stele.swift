import ArgumentParser
import Formats
import Platform

@main
struct Stele: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stele",
    abstract: "The immutable audit log for load balancers.",
    discussion: """
      EXIT STATUS
        0   fine
        1   the command failed
        2   verify or check found tampering or damage, check-source a difference
        3   intact, but something that was asked for is missing
        64  the command line makes no sense
        66  no such log or file
        74  reading or writing failed
      """,
    version: Version.text,
    subcommands: [
      Init.self, Serve.self, Replay.self, Verify.self, Search.self, Tail.self, Top.self, Losses.self,
      Prove.self,
      Check.self, SealCommand.self,
      Erase.self, Prune.self, HoldCommand.self, Release.self, Holds.self, Export.self, Publish.self,
      InspectCommand.self,
      TimestampCommand.self, Cosign.self, WitnessCommand.self, Explain.self, CheckSource.self, Lint.self,
      Config.self, Keys.self,
    ])

  static func main() async {
    Platform.Process.openStandardStreams()
    Platform.Process.quietDispatch()
    Platform.Process.setBrokenPipe(.byDefault)
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch { end(error) }
  }

  /// Says what went wrong, once, and ends with its status.
  private static func end(_ error: any Error) -> Never {
    switch error {
    case let ending as Ending: Platform.Process.exit(ending.outcome.rawValue)
    case is StandardOutput.BrokenPipe: Platform.Process.exit(Outcome.fine.rawValue)
    case is ValidationError, is CleanExit, is ExitCode: exit(withError: error)
    default: break
    }
    // What the argument parser found has its own type, which only `exitCode` knows; ours are EXIT_FAILURE to
    // it.
    if exitCode(for: error) != .failure { exit(withError: error) }
    // The description of a format's error points at a place in the format below its first line.
    StandardError.write(
      error is FormatError
        ? "stele: the format cannot be used:\n\(error)\n" : "stele: \(Remedy.told(error))\n")
    Platform.Process.exit(Outcome(error).rawValue)
  }
}
