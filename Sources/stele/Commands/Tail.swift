import ArgumentParser
import Bytes
import Cryptography
import Inspect
import Platform
import SegmentReader
import UnixSignals

struct Tail: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the newest entries, and those that come.",
    usage: "stele tail <directory> [<expression>] [-n <n>] [--no-follow] …",
    discussion: """
      Prints the last entries that an expression finds (`stele help search` says what it may be), and then \
      each new one as soon as a signed checkpoint covers it, which is about a second after it was received: \
      what is shown is in the log for ever. Goes on over the ends of segments and restarts of the daemon, \
      until it is interrupted or nobody reads its output any more.

      EXAMPLES
        stele tail edge
        stele tail edge 'http.status >= 500' -n 100 --output ndjson
        stele tail edge --no-follow --entries all
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Argument(help: "What to look for.")
  var expression = ""

  @Option(name: .short, help: ArgumentHelp("How many of the entries that are there.", valueName: "n"))
  var n = 10

  @Flag(name: [.short, .long], inversion: .prefixedNo, help: "Go on with entries that come.")
  var follow = true

  @OptionGroup var results: ResultOptions

  @OptionGroup(title: "Encrypted entries") var decryption: DecryptionOptions

  /// How often it is looked for new entries, nanoseconds.
  private static let interval: Int64 = 100_000_000

  func validate() throws {
    if n < 0 { throw ValidationError("the number of entries cannot be negative") }
  }

  func run() async throws {
    let stop = StopSignal()
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    let waiting = Task { for await _ in signals { stop.set() } }
    defer { waiting.cancel() }
    let command = self
    try await onThread("stele-tail") { try command.show(until: stop) }
  }

  private func show(until stop: StopSignal) throws {
    let recipient = try decryption.recipient()
    let reader = try LogReader(directory, recipient: recipient)
    var search = try LogSearch(reader)
    try results.setZones(of: &search, isNeeded: expression.contains("time"))
    let names = TemplateNames(reader)
    let wanted = try Expression(expression, isKnown: { names.contain($0) })
    var query = SearchQuery(wanted, entries: results.entries, zones: search.zones)
    if n > 0 { note(try search.run(query, .last(n), results.form)) }
    var closed = search.closedEntries
    noteClosed(closed)
    guard follow else { return }
    let output = TailOutput(try StandardStream.output.open())
    var follower = LogFollower(reader.directory, from: try reader.endIndex(), recipient: recipient)
    while !StandardStream.output.isBroken, !stop.wait(until: Clock.monotonic() + Self.interval) {
      let news = try follower.poll()
      if news.missed > 0 {
        StandardError.write(
          "stele: \(directory): \(news.missed) entries were removed before they could be shown\n")
      }
      if !results.saysZone { try LogSearch.learnZones(&query.zones, from: news) }
      note(try output.write(news, query, results.form))
      // Once is enough.
      if closed == 0 { noteClosed(news.closed) }
      closed += news.closed
    }
  }

  private func note(_ summary: SearchSummary) {
    for block in summary.damaged { StandardError.write("stele: \(directory): \(block)\n") }
  }

  private func noteClosed(_ closed: Int) {
    if closed > 0, results.entries != .control {
      StandardError.write(
        "stele: \(directory): \(closed) entries are encrypted and not shown; --decrypt KEY reads them\n")
    }
  }
}

/// Where entries that come go to.
private final class TailOutput: Sendable {
  private let file: FileDescriptor

  init(_ file: consuming FileDescriptor) { self.file = file }

  func write(_ news: LogFollower.News, _ query: SearchQuery, _ form: SearchOutput) throws -> SearchSummary {
    do throws(SystemError) {
      return try news.search(query, output: form) { [self] (bytes) throws(SystemError) in
        try file.write(bytes)
      }
    } catch {
      if error.errno == .brokenPipe { throw StandardOutput.BrokenPipe() }
      throw error
    }
  }
}
