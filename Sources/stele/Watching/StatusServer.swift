import HTTP
import Platform

/// The daemon's HTTP server. It works on threads of its own, so that it answers whatever the daemon does.
final class StatusServer: Sendable {
  private let server: RunningHTTPServer
  /// Where it listens, with the port that was chosen.
  var address: HTTPListenAddress { server.address }

  /// Mode of a unix socket's file: whoever is in the daemon's group may ask.
  private static let mode: UInt32 = 0o660

  private init(_ server: RunningHTTPServer) { self.server = server }

  /// Nil when nothing is to be answered.
  static func start(_ settings: HTTPSettings?, _ watch: DaemonWatch) async throws -> StatusServer? {
    guard let settings else { return nil }
    return try await onThread("stele-http") {
      let site = StatusSite(limits: settings.limits) { watch.snapshot }
      guard case .socket(let path) = settings.address else {
        return StatusServer(try RunningHTTPServer(settings.address, site.routes))
      }
      let file = try SocketPlace(path)
      try file.refuseIfInUse()
      let server = try RunningHTTPServer(settings.address, site.routes)
      try file.directory.setMode(mode, of: file.name)
      return StatusServer(server)
    }
  }

  func stop() async {
    try? await onThread("stele-http") { [server] in
      server.stop()
      guard case .socket(let path) = server.address else { return }
      let file = try SocketPlace(path)
      try file.directory.remove(file.name)
    }
  }
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
