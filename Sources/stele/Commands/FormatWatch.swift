import Collector
import Formats
import Intake
import Logging
import Platform
import ProxyConfiguration
import ServiceLifecycle
import Templates
import UnixSignals

/// Watches the load balancers' configurations that formats are read from, and has the daemon take changes
/// over.
///
/// Files are looked at every second, so that it makes no difference how an editor writes them; what has
/// changed is read once it has stayed the same for a second, or at once on SIGHUP.
struct FormatWatch: Service {
  private let daemon: Daemon
  private let logger: Logger
  private let sources: [WatchedSource]

  init(daemon: Daemon, plan: DaemonPlan, logger: Logger) {
    self.daemon = daemon
    self.logger = logger
    sources = plan.inputs.compactMap { input in
      ProxyReference(input.definition.format).map {
        WatchedSource(name: input.source.name, reference: $0, sha256: input.formats?.sha256)
      }
    }
  }

  /// No source's formats stand in a file.
  var isIdle: Bool { sources.isEmpty }

  func run() async throws {
    let watched = WatchedSources(sources)
    await withTaskGroup(of: Void.self) { group in
      let (wakes, wake) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(2))
      group.addTask {
        while (try? await Task.sleep(for: .seconds(1))) != nil { wake.yield(false) }
      }
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sighup) { wake.yield(true) }
      }
      await cancelWhenGracefulShutdown {
        for await isForced in wakes {
          await watched.look(isForced: isForced, daemon, logger)
        }
      }
      group.cancelAll()
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

/// What was last seen of every source's configuration.
private actor WatchedSources {
  private var states: [WatchedState]

  init(_ sources: [WatchedSource]) { states = sources.map { WatchedState($0) } }

  func look(isForced: Bool, _ daemon: Daemon, _ logger: Logger) {
    for index in states.indices { states[index].look(isForced: isForced, daemon, logger) }
  }
}

/// What was last seen of one source's configuration.
private struct WatchedState {
  private let source: WatchedSource
  private var current: SourceFormat?
  private var seen: [FileMark]
  private var taken: [FileMark]
  private var hashes: [String?]

  /// What tells that a file has changed.
  private struct FileMark: Equatable {
    var path: String
    var status: FileStatus?
  }

  init(_ source: WatchedSource) {
    self.source = source
    current = try? SourceFormat.read(source.reference.text) { Platform.Process.environment($0) }
    hashes = current?.file?.files.map(\.sha256) ?? []
    // Changed since the daemon read it: then it is a change to be taken.
    if current?.file?.files.first?.sha256 != source.sha256 { hashes = [] }
    seen = Self.marks(current?.file, source.reference.path)
    taken = hashes.isEmpty ? [] : seen
  }

  /// Reads the files again if they have changed and are at rest.
  mutating func look(isForced: Bool, _ daemon: Daemon, _ logger: Logger) {
    let now = Self.marks(current?.file, source.reference.path)
    defer { seen = now }
    guard isForced || now != taken && now == seen else { return }
    taken = now
    let path = source.reference.path
    do {
      let new = try SourceFormat.read(source.reference.text) { Platform.Process.environment($0) }
      let newHashes = new.file?.files.map(\.sha256) ?? []
      if newHashes == hashes { return }
      hashes = newHashes
      taken = Self.marks(new.file, path)
      try take(new, daemon, logger)
    } catch {
      let text = "\(error)"
      // Once it can be read again that is said, even if it is what it was before.
      hashes = []
      logger.warning(
        "source \(source.name): \(path) has changed and cannot be used; the formats read before stay: \(text)"
      )
      daemon.refuseFormat(
        FormatChange(
          source: source.name, path: path, sha256: nil, old: FormatChange.list(current?.file?.formats ?? []),
          new: [], problems: [text]))
    }
  }

  private mutating func take(_ new: SourceFormat, _ daemon: Daemon, _ logger: Logger) throws {
    guard let file = new.file else { return }
    let old = current?.file
    let known = Set((old?.problems ?? []).map(\.text))
    if let problem = file.problems.first(where: { !known.contains($0.text) }) { throw problem }
    let change = FormatChange(source.name, file, replacing: old?.formats ?? [])
    daemon.replaceFormat(SourceDefinition(source.name, new, previous: current?.templates ?? []), change)
    current = new
    let names = file.formats.map(\.name).joined(separator: ", ")
    logger.notice("source \(source.name): \(file.path) has changed; formats are now \(names)")
  }

  /// The files, and those that patterns stand for now.
  private static func marks(_ file: ProxyFile?, _ path: String) -> [FileMark] {
    var paths = file?.files.map(\.path) ?? [path]
    for pattern in file?.patterns ?? [] {
      for path in ConfigurationFiles.disk.matching(pattern) where !paths.contains(path) { paths.append(path) }
    }
    return paths.map { FileMark(path: $0, status: try? FileDescriptor(reading: $0).status()) }
  }
}
