import Bytes
import Collector
import Cryptography
import Logging
import Platform
import Synchronization

/// The daemon's own configuration file: what has changed in it holds at once and as a whole, or not at all,
/// and the log tells which.
final class WatchedConfiguration: WatchedFiles {
  private struct State {
    /// What holds.
    var settings: Settings
    var marks: FileMarks
    /// The file says something else than what holds.
    var isRefused = false
  }

  private let path: String
  private let daemon: Daemon
  private let formats: WatchedFormats
  private let companions: Companions
  private let http: StatusService
  private let reloads: ReloadState
  private let logger: Logger
  private let state: Mutex<State>

  /// `settings` are what the daemon was started with.
  init(
    _ path: String, _ settings: Settings, _ daemon: Daemon, _ formats: WatchedFormats,
    _ companions: Companions, _ http: StatusService, _ reloads: ReloadState, _ logger: Logger
  ) {
    self.http = http
    self.reloads = reloads
    self.path = path
    self.daemon = daemon
    self.formats = formats
    self.companions = companions
    self.logger = logger
    // Changed since it was read: then it is a change to be taken over.
    var marks = FileMarks([path], areTaken: true)
    if (try? Settings(file: path)) != settings { marks = FileMarks([path], areTaken: false) }
    state = Mutex(State(settings: settings, marks: marks))
  }

  func isDue(isForced: Bool) -> Bool {
    state.withLock { $0.marks.areDue([path], isForced: isForced) }
  }

  func take(isForced: Bool) -> [ReloadVerdict] {
    let (settings, isRefused) = state.withLock { ($0.settings, $0.isRefused) }
    var hash: String?
    do {
      let text = try Settings.text(of: path)
      hash = text.utf8Digest
      let new = try Settings(parsing: text, file: path)
      let difference = SettingsDifference(settings, new)
      try difference.check(text, path)
      if difference.changes.isEmpty, !isRefused {
        if isForced { logger.info("\(path): nothing has changed") }
      } else {
        try take(new, difference, hash)
      }
      state.withLock { state in
        state.settings = new
        state.isRefused = false
      }
      reloads.accept()
      return [ReloadVerdict(path: path, changes: difference.changes.map(\.text))]
    } catch {
      let text = Remedy.told(error)
      state.withLock { $0.isRefused = true }
      logger.error("\(path) is not taken over, and what held before holds on: \(text)")
      reloads.refuse(text)
      daemon.record(
        Self.record(hash, ["accepted": .flag(false), "error": .text(String(text.prefix(8000)))]))
      return [ReloadVerdict(path: path, error: text)]
    }
  }

  /// Checks all, then makes what can fail, then changes.
  private func take(_ new: Settings, _ difference: SettingsDifference, _ hash: String?) throws {
    let plan = try DaemonPlan(new)
    let failures = SourceTestRun.failures(new, plan)
    if !failures.isEmpty { throw FailedTests(failures: failures) }
    let crew = try companions.crew(new)
    let server = try http.prepare(new.http)
    do {
      try daemon.reload(
        plan, changed: difference.sources, record: Self.record(hash, difference.acceptance))
    } catch {
      http.discard(server)
      throw error
    }
    http.commit(server)
    formats.follow(plan, changed: difference.sources)
    // The sources are changed by now: what is left must not undo them.
    do { try companions.replace(by: crew) } catch { logger.critical("\(error); restart the daemon") }
    let keys = difference.changes.map(\.key).joined(separator: ", ")
    logger.notice("\(path) is taken over: \(keys.isEmpty ? "it says again what holds" : keys)")
  }

  private static func record(_ hash: String?, _ rest: JSONValue) -> String {
    let record: JSONValue = ["type": "configuration"]
    guard case .object(let first) = record, case .object(let more) = rest else { return record.text }
    return JSONValue.object(first + more).adding("sha256", hash.map { .text($0) }).text
  }
}

/// Lines of the configuration's own that are not read as it says.
private struct FailedTests: Error, CustomStringConvertible {
  var failures: [ConfigurationError]
  var description: String { failures.map(\.description).joined(separator: "\n") }
}

extension SettingsDifference {
  /// Most changes that one entry names, and the longest text of each value.
  private static let limits = (changes: 500, text: 400)

  /// What the control entry says.
  fileprivate var acceptance: JSONValue {
    let named = changes.prefix(Self.limits.changes).map { change in
      var change = change
      change.old = change.old.map { String($0.prefix(Self.limits.text)) }
      change.new = change.new.map { String($0.prefix(Self.limits.text)) }
      return change.json
    }
    let object: JSONValue = ["accepted": .flag(true), "changes": .list(named)]
    let leftOut = changes.count - named.count
    return object.adding("left_out", leftOut > 0 ? .number(leftOut) : nil)
  }

  /// Refuses what cannot change while the daemon runs.
  fileprivate func check(_ text: String, _ path: String) throws(ConfigurationError) {
    if let change = unchangeable.first {
      let old = change.old.map { "'\($0)'" } ?? "not set", new = change.new.map { "'\($0)'" } ?? "not set"
      throw ConfigurationValue.place(of: change.key, text, path).error(
        "restart to change \(change.key) (it is \(old), and was to be \(new)); nothing else is taken over either"
      )
    }
    if isIncomplete {
      throw ConfigurationError(
        file: path, line: 1, column: 1,
        text: "something has changed that cannot while the daemon runs; restart it")
    }
  }
}

extension String {
  /// SHA-256 of the text as UTF-8, in hexadecimal.
  fileprivate var utf8Digest: String { Array(utf8).withView { SHA256.hash($0) }.description }
}
