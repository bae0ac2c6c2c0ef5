import Bytes
import Collector
import HTTP

/// What the daemon answers over HTTP.
///
///     /metrics   for Prometheus, and as OpenMetrics where that is asked for
///     /health    200, or 503 and why, when the daemon does not do what it is there for
///     /ready     200 while messages are received and stored, else 503
///     /status    the snapshot, as --status-json prints it
struct StatusSite: Sendable {
  let limits: @Sendable () -> HealthLimits
  let snapshot: @Sendable () -> DaemonSnapshot

  var routes: [HTTPRoute] {
    [
      HTTPRoute("GET", "/metrics") { [snapshot] query in
        let exposition = Exposition(accept: query.header("Accept"))
        return HTTPReply(
          200, exposition.text(snapshot().metrics), type: exposition.mediaType,
          headers: Self.fresh + [HTTPHeader("Vary", "Accept")])
      },
      HTTPRoute("GET", "/health") { [snapshot, limits] _ in
        let health = Health(snapshot(), limits())
        return Self.reply(health.isGood ? 200 : 503, health.json)
      },
      HTTPRoute("GET", "/ready") { [snapshot] _ in
        let isReady = snapshot().status.isReady
        return Self.reply(isReady ? 200 : 503, ["ready": .flag(isReady)])
      },
      HTTPRoute("GET", "/status") { [snapshot] _ in Self.reply(200, snapshot().json) },
    ]
  }

  private static let fresh = [HTTPHeader("Cache-Control", "no-store")]

  private static func reply(_ status: Int, _ value: JSONValue) -> HTTPReply {
    HTTPReply(status, Array((value.text + "\n").utf8), type: "application/json", headers: fresh)
  }
}
