import ArgumentParser
import Bytes
import Inspect
import Platform
import SegmentReader
import UnixSignals

struct Top: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Watch a daemon at work.",
    usage: """
      stele top <directory> [--once]
      stele top --url <url> [<directory>] [--once]
      """,
    discussion: """
      Shows each source (rate, loss, what does not fit its format), how far entries are durable, and from the \
      newest messages of the log the HTTP statuses and the slowest servers; anew every second, until q or \
      Ctrl-C. The daemon is asked over the control channel beside the log's directory, which takes its user \
      or root, or over HTTP. Without a daemon it shows the end of the log.

      EXAMPLES
        stele top edge
        stele top edge --once
        stele top --url http://127.0.0.1:9464
      """)

  @Argument(help: "The log's directory.")
  var directory: String?

  @Option(help: "The daemon's HTTP address: http://HOST:PORT or unix:///PATH.")
  var url: String?

  @Flag(help: "Print one frame, as plain text, and end.")
  var once = false

  /// The alternate screen, without a cursor; and back.
  private static let begin = "\u{1B}[?1049h\u{1B}[?25l"
  private static let end = "\u{1B}[?25h\u{1B}[?1049l"

  /// From one frame to the next, nanoseconds.
  private static let interval: Int64 = 1_000_000_000

  func validate() throws {
    if directory == nil, url == nil { throw ValidationError("say which log, or the daemon's --url") }
    if !once, !StandardStream.output.isTerminal || !StandardStream.input.isTerminal {
      throw ValidationError("a picture that changes needs a terminal; --once prints one frame")
    }
  }

  func run() async throws {
    if !once, !Terminal.canDraw {
      let term = Platform.Process.environment("TERM").map { "TERM=\($0)" } ?? "TERM is not set"
      throw ValidationError("this terminal cannot be drawn upon (\(term)); --once prints one frame")
    }
    let stop = StopSignal()
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
    let waiting = Task { for await _ in signals { stop.set() } }
    defer { waiting.cancel() }
    let command = self
    try await onThread("stele-top") { try command.show(until: stop) }
  }

  private func show(until stop: StopSignal) throws {
    var view = try TopView(directory: directory, url: url)
    if once {
      // Two, for the rates.
      _ = try view.next()
      if stop.wait(until: Clock.monotonic() + Self.interval) { return }
      let lines = try view.next().lines(columns: .max, rows: .max)
      return try StandardOutput.print(lines.map { $0 + "\n" }.joined())
    }
    guard let terminal = Terminal() else { return }
    defer { terminal.restore() }
    try StandardOutput.print(Self.begin)
    defer { try? StandardOutput.print(Self.end) }
    while !stop.isSet {
      let due = Clock.monotonic() + Self.interval
      let frame = try view.next()
      var drawn = try Self.draw(frame)
      while Clock.monotonic() < due, !stop.isSet {
        switch terminal.key(within: 100_000_000) {
        case UInt8(ascii: "q"), UInt8(ascii: "Q"), 4: return
        case Terminal.suspendKey:
          try StandardOutput.print(Self.end)
          terminal.suspend()
          try StandardOutput.print(Self.begin)
          drawn = try Self.draw(frame)
        default: break
        }
        if drawn != Terminal.size { drawn = try Self.draw(frame) }
      }
    }
  }

  /// Draws over what was there; returns the size that it was drawn for.
  private static func draw(_ frame: TopFrame) throws -> (columns: Int, rows: Int) {
    let size = Terminal.size
    let lines = frame.lines(columns: size.columns, rows: size.rows)
    try StandardOutput.print("\u{1B}[H" + lines.joined(separator: "\u{1B}[K\n") + "\u{1B}[K\u{1B}[J")
    return size
  }
}

/// What `top` looks at, from one frame to the next.
private struct TopView {
  private let feed: StatusFeed
  private let title: String
  private let log: LogDirectory?
  private var follower: LogFollower?
  private var traffic: TrafficWindow?
  private var before: (status: JSONValue, time: Int64)?

  /// Most messages that are read for one frame, the newest.
  private static let messageLimit = 20_000

  init(directory: String?, url: String?) throws {
    title = "stele top " + (directory ?? url ?? "")
    if let url {
      feed = StatusFeed(url: url)
    } else {
      feed = StatusFeed(directory: directory ?? "")
    }
    guard let directory else {
      log = nil
      return
    }
    let reader = try LogReader(directory)
    log = reader.directory
    let end = reader.committedSize
    follower = LogFollower(reader.directory, from: end - min(end, UInt64(Self.messageLimit)))
    traffic = TrafficWindow()
  }

  mutating func next() throws -> TopFrame {
    let now = Clock.monotonic()
    let status = try feed.next()
    try follower?.poll().forEachMessage(newest: Self.messageLimit) { event, metadata in
      traffic?.add(event, metadata)
    }
    // Without a daemon, the end of the log is all there is.
    let end = status == nil ? traffic?.newest : Clock.realtime()
    traffic?.forget(before: max(end ?? 0, TrafficWindow.span) - TrafficWindow.span)
    var frame = TopFrame(title: title, status: status, traffic: traffic)
    frame.before = before.map { ($0.status, now - $0.time) }
    if status == nil, let log { frame.refusal = SilentDaemon(log.path).refusal }
    frame.committed = log.map { PublishedCheckpoint.size($0.path, "checkpoint") }
    before = status.map { ($0, now) }
    return frame
  }
}
