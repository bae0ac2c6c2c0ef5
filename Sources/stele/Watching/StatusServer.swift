import HTTP
import Logging
import Platform
import Synchronization

/// The daemon's HTTP server. It works on threads of its own, so that it answers whatever the daemon does.
final class StatusServer: Sendable {
  private let server: RunningHTTPServer
  /// Where it listens, with the port that was chosen.
  var address: HTTPListenAddress { server.address }

  /// Mode of a unix socket's file: whoever is in the daemon's group may ask.
  private static let mode: UInt32 = 0o660

  private init(_ server: RunningHTTPServer) { self.server = server }

  /// Nil when nothing is to be answered.
  fileprivate static func start(_ address: HTTPListenAddress?, _ site: StatusSite) throws -> StatusServer? {
    guard let address else { return nil }
    guard case .socket(let path) = address else {
      return StatusServer(try RunningHTTPServer(address, site.routes))
    }
    let file = try SocketPlace(path)
    try file.refuseIfInUse()
    let server = try RunningHTTPServer(address, site.routes)
    try file.directory.setMode(mode, of: file.name)
    return StatusServer(server)
  }

  fileprivate func stop() {
    server.stop()
    guard case .socket(let path) = server.address, let file = try? SocketPlace(path) else { return }
    _ = try? file.directory.remove(file.name)
  }
}

/// The daemon's HTTP server as the settings want it; they can change while it runs. All that it does blocks: not for
/// a thread of the concurrency runtime.
final class StatusService: Sendable {
  /// Other settings, which may need another server. One that was made answers already.
  struct Change: Sendable {
    fileprivate var settings: HTTPSettings?
    fileprivate var server: StatusServer?
  }

  private let watch: DaemonWatch
  private let logger: Logger
  private let state = Mutex(Change())

  init(_ watch: DaemonWatch, _ logger: Logger) {
    self.watch = watch
    self.logger = logger
  }

  private var limits: HealthLimits { state.withLock { $0.settings?.limits } ?? HealthLimits() }

  /// Listens where `settings` say, beside the present server if that is elsewhere.
  func prepare(_ settings: HTTPSettings?) throws -> Change {
    let old = state.withLock { $0 }
    if old.settings?.address == settings?.address { return Change(settings: settings, server: old.server) }
    let site = StatusSite(limits: { [weak self] in self?.limits ?? HealthLimits() }) { [watch] in
      watch.snapshot
    }
    return Change(settings: settings, server: try StatusServer.start(settings?.address, site))
  }

  /// Has a prepared change hold, and the server before it end.
  func commit(_ change: Change) {
    let old = state.withLock { state in
      defer { state = change }
      return state
    }
    if old.server === change.server { return }
    if let server = change.server { logger.info("answering on \(server.address)/metrics") }
    old.server?.stop()
  }

  /// Gives a prepared change up.
  func discard(_ change: Change) {
    if change.server !== state.withLock({ $0.server }) { change.server?.stop() }
  }

  func stop() { commit(Change()) }
}

/// Where a socket's file is.
private struct SocketPlace: ~Copyable {
  let path: String
  let directory: Directory
  let name: String

  /// `path` is absolute.
  init(_ path: String) throws(SystemError) {
    self.path = path
    let slash = path.lastIndex(of: "/") ?? path.startIndex
    directory = try Directory(slash == path.startIndex ? "/" : String(path[..<slash]))
    name = String(path[path.index(after: slash)...])
  }

  /// Throws when somebody answers there: the server would take away the file of any socket.
  func refuseIfInUse() throws(SystemError) {
    guard (try? Socket(.stream, connectedTo: .unix(path: path))) != nil else { return }
    throw SystemError(operation: "listen", path: path, errno: .addressInUse)
  }
}
