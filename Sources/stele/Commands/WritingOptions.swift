import ArgumentParser
import Collector
import Platform
import SegmentWriter

/// Which log is written to.
struct WritingOptions: ParsableArguments {
  @Argument(help: "The log's directory.")
  var directory: String

  @Option(
    help: ArgumentHelp("The file with the log's private key (default: DIRECTORY.key).", valueName: "file"))
  var keyFile: String?

  @OptionGroup var keyStore: KeyStoreOption

  var keyPath: String { LogCreation.keyPath(keyFile, for: directory) }

  /// The lock, or the daemon that has it, while `body` runs.
  func withSession<R>(_ body: (any LogSession) throws -> R) throws -> R {
    let session = try LogOpening.session(
      directory: directory, keyPath: keyPath, options: keyStore.options)
    do {
      let result = try body(session)
      try session.close()
      if session is WriterSession { LogOwner.warn(directory) }
      return result
    } catch {
      try? session.close()
      throw error
    }
  }

  /// The same where the private key, or a daemon that has it, is here; nil, and nothing done, in a copy such
  /// as an auditor's. A key that was named must be there.
  func withSessionIfPossible<R>(_ body: (any LogSession) throws -> R) throws -> R? {
    do throws(SystemError) { _ = try FileDescriptor(reading: keyPath) } catch {
      guard keyFile == nil, error.errno == .noSuchFile else { throw error }
      guard let session = try ChannelSession(directory) else { return nil }
      return try body(session)
    }
    return try withSession(body)
  }
}
