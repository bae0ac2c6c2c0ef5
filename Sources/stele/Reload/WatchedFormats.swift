import Collector
import Formats
import Intake
import Logging
import Platform
import ProxyConfiguration
import Synchronization
import Templates

/// The load balancers' configurations that formats are read from.
final class WatchedFormats: WatchedFiles {
  private let daemon: Daemon
  private let logger: Logger
  private let states: Mutex<[WatchedState]>

  init(daemon: Daemon, plan: DaemonPlan, logger: Logger) {
    self.daemon = daemon
    self.logger = logger
    states = Mutex(plan.inputs.compactMap { Self.watched($0) }.map { WatchedState($0) })
  }

  private static func watched(_ input: DaemonPlan.Input) -> WatchedSource? {
    ProxyReference(input.definition.format).map {
      WatchedSource(name: input.source.name, reference: $0, sha256: input.formats?.sha256)
    }
  }

  /// The daemon collects from other sources now. Of those that are not among `changed`, what was read stays.
  func follow(_ plan: DaemonPlan, changed: Set<String>) {
    states.withLock { states in
      let old = states
      states = plan.inputs.compactMap { Self.watched($0) }.map { source in
        let kept = old.first { $0.source.name == source.name && !changed.contains(source.name) }
        return kept ?? WatchedState(source)
      }
    }
  }

  func isDue(isForced: Bool) -> Bool {
    states.withLock { states in
      for place in states.indices { states[place].look(isForced: isForced) }
      return states.contains { $0.isDue }
    }
  }

  func take(isForced: Bool) -> [ReloadVerdict] {
    states.withLock { states in
      states.indices.filter { states[$0].isDue }.compactMap { states[$0].take(daemon, logger) }
    }
  }
}

/// A source whose formats stand in a file.
struct WatchedSource: Sendable {
  var name: String
  var reference: ProxyReference
  /// Of the file as the daemon has read it.
  var sha256: String?
}

/// What was last seen of one source's configuration.
private struct WatchedState {
  let source: WatchedSource
  private var current: SourceFormat?
  private var marks: FileMarks
  private var hashes: [String?]
  /// The files are to be read again.
  private(set) var isDue = false

  init(_ source: WatchedSource) {
    self.source = source
    current = try? SourceFormat.read(source.reference.text) { Platform.Process.environment($0) }
    hashes = current?.file?.files.map(\.sha256) ?? []
    // Changed since the daemon read it: then it is a change to be taken.
    if current?.file?.files.first?.sha256 != source.sha256 { hashes = [] }
    marks = FileMarks(Self.paths(current?.file, source.reference.path), areTaken: !hashes.isEmpty)
  }

  mutating func look(isForced: Bool) {
    isDue = marks.areDue(Self.paths(current?.file, source.reference.path), isForced: isForced)
  }

  /// Reads the files again. Returns nil when they say what they said before.
  mutating func take(_ daemon: Daemon, _ logger: Logger) -> ReloadVerdict? {
    isDue = false
    let path = source.reference.path
    do {
      let new = try SourceFormat.read(source.reference.text) { Platform.Process.environment($0) }
      let newHashes = new.file?.files.map(\.sha256) ?? []
      if newHashes == hashes { return nil }
      hashes = newHashes
      marks.take(Self.paths(new.file, path))
      let change = try take(new, daemon, logger)
      return ReloadVerdict(path: path, changes: ["source \(source.name): \(change)"])
    } catch {
      let text = Remedy.told(error)
      // Once it can be read again that is said, even if it is what it was before.
      hashes = []
      logger.warning(
        "source \(source.name): \(path) has changed and cannot be used; the formats read before stay: \(text)"
      )
      daemon.refuseFormat(
        FormatChange(
          source: source.name, path: path, sha256: nil, old: FormatChange.list(current?.file?.formats ?? []),
          new: [], problems: [text]))
      return ReloadVerdict(path: path, error: "source \(source.name): \(text)")
    }
  }

  /// Returns what is different, in words.
  private mutating func take(_ new: SourceFormat, _ daemon: Daemon, _ logger: Logger) throws -> String {
    guard let file = new.file else { return "no formats" }
    let old = current?.file
    let known = Set((old?.problems ?? []).map(\.text))
    if let problem = file.problems.first(where: { !known.contains($0.text) }) { throw problem }
    let change = FormatChange(source.name, file, replacing: old?.formats ?? [])
    daemon.replaceFormat(SourceDefinition(source.name, new, previous: current?.templates ?? []), change)
    current = new
    let names = file.formats.map(\.name).joined(separator: ", ")
    logger.notice("source \(source.name): \(file.path) has changed; formats are now \(names)")
    return "formats are now \(names)"
  }

  /// The files, and those that patterns stand for now.
  private static func paths(_ file: ProxyFile?, _ path: String) -> [String] {
    var paths = file?.files.map(\.path) ?? [path]
    for pattern in file?.patterns ?? [] {
      for path in ConfigurationFiles.disk.matching(pattern) where !paths.contains(path) { paths.append(path) }
    }
    return paths
  }
}
