import ArgumentParser
import SegmentWriter

/// Where a log's private one-time keys are kept.
struct KeyStoreOption: ParsableArguments {
  @Option(
    name: .customLong("key-store"),
    help: ArgumentHelp(
      "The file with the one-time keys that are still to be used (default: DIRECTORY.next).",
      valueName: "file"))
  var path: String?

  /// A writer's options, with that path.
  var options: WriterOptions {
    var options = WriterOptions()
    options.keyStorePath = path
    return options
  }
}
