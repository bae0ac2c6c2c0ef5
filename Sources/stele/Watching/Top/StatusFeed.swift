import Bytes
import Collector
import HTTP

/// What a daemon says of itself, again and again: over the control channel of its log, or over HTTP.
final class StatusFeed {
  private enum Way {
    case channel(directory: String)
    case http(HTTPClient, url: String)
  }

  private let way: Way
  private var session: ChannelSession?

  /// Asks the daemon that writes the log in `directory`.
  init(directory: String) { way = .channel(directory: directory) }

  /// Asks `http://HOST:PORT` or `unix:///PATH`.
  init(url: String) {
    var options = HTTPClient.Options()
    options.timeout = 5_000_000_000
    var base = url.hasSuffix("/") ? String(url.dropLast()) : url
    if base.hasPrefix("unix://") {
      options.socket = String(base.dropFirst("unix://".count))
      base = "http://stele"
    }
    way = .http(HTTPClient(options), url: base + "/status")
  }

  /// The status now; nil when no daemon answers on the control channel. Over HTTP that is an error.
  func next() throws -> JSONValue? {
    switch way {
    case .channel(let directory):
      if session == nil { session = ChannelSession(watching: directory) }
      let status = try? session?.status()
      if status == nil { session = nil }
      return status
    case .http(let client, let url):
      let answer = try client.get(url)
      guard answer.status == 200, let status = answer.body.withView({ try? JSONValue(parsing: $0) }),
        status["sources"] != nil
      else { throw NoStatus(url: url) }
      return status
    }
  }

  struct NoStatus: Error, CustomStringConvertible {
    var url: String
    var description: String { "\(url): what answers there is no Stele daemon of this version" }
  }
}
