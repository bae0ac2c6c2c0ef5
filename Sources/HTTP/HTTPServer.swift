import Dispatch
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// Why a server does not serve.
public struct HTTPServerError: Error, Sendable, CustomStringConvertible {
  public var address: HTTPListenAddress
  public var cause: String
  public var description: String { "cannot listen on \(address): \(cause)" }
}

/// A small HTTP/1.1 server without TLS: whoever needs that puts a proxy before it.
///
/// Everything that a peer can make it keep is bounded: connections, the size of heads and bodies, and the
/// time that either may take.
public struct HTTPServer: Service {
  public struct Limits: Sendable {
    /// Connections at a time; more wait in the kernel's queue.
    public var connections = 256
    /// Bytes of a request's body.
    public var body = 64 << 10
    /// Longest time in which a body must have come.
    public var bodyTime = Duration.seconds(10)
    /// Seconds without a byte after which a connection is closed.
    public var idleSeconds: Int64 = 30

    public init() {}
  }

  public let address: HTTPListenAddress
  private let routes: [HTTPRoute]
  private let limits: Limits
  private let listening: @Sendable (HTTPListenAddress) -> Void
  var load = Load()

  /// The first of `routes` that fits is taken. `listening` is called once, with the port that was chosen.
  public init(
    _ address: HTTPListenAddress, _ routes: [HTTPRoute], _ limits: Limits = Limits(),
    listening: @escaping @Sendable (HTTPListenAddress) -> Void = { _ in }
  ) {
    self.address = address
    self.routes = routes
    self.limits = limits
    self.listening = listening
  }

  /// Serves until the task is cancelled or told to stop gracefully: then requests under way are answered, and
  /// no others are taken.
  public func run() async throws {
    let quiet = Logger(label: "http") { _ in SwiftLogNoOpLogHandler() }
    let service = try HTTPServerBuilder.http1(configuration: channel).buildServer(
      configuration: ServerConfiguration(
        address: bindAddress,
        availableConnectionsDelegate: MaximumAvailableConnections(limits.connections, logger: quiet)),
      eventLoopGroup: EventLoopGroupProvider.singleton.eventLoopGroup, logger: quiet,
      responder: { (request, writer: consuming ResponseWriter, channel) in
        guard load.enter() else { throw Finished() }
        defer { load.leave() }
        let peer = channel.remoteAddress?.ipAddress
        let (reply, isLast) = await answer(request, peer)
        let isHead = request.method == .head
        try await writer.write(
          response: Self.head(reply, isLast: isLast),
          body: isHead ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: reply.body)))
        // Ends the connection, and with it the rest of a body that nobody wants.
        if isLast { throw Finished() }
      },
      onServerRunning: { channel in
        guard case .host(let host, _) = address, let port = channel.localAddress?.port else {
          return listening(address)
        }
        listening(.host(host, port: UInt16(clamping: port)))
      })
    do { try await service.run() } catch let error as IOError {
      throw HTTPServerError(address: address, cause: "\(error)")
    } catch let error as SocketAddressError {
      throw HTTPServerError(address: address, cause: "\(error)")
    }
  }

  private struct Finished: Error {}

  private var bindAddress: BindAddress {
    switch address {
    case .host(let host, let port): .hostname(host, port: Int(port))
    case .socket(let path): .unixDomainSocket(path: path)
    }
  }

  private var channel: HTTP1Channel.Configuration {
    let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
      maxHeaderFieldSize: 8 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 64)
    return HTTP1Channel.Configuration(
      idleTimeout: .seconds(limits.idleSeconds), httpDecoderConfiguration: decoder)
  }

  /// The reply, and whether nothing more is read from the connection.
  private func answer(_ request: Request, _ peer: String?) async -> (HTTPReply, isLast: Bool) {
    let text = request.head.path ?? "/"
    let path = text.prefix { $0 != "?" }
    let method = request.method.rawValue
    let fitting = routes.filter { $0.matches(path: String(path)) }
    guard !fitting.isEmpty else { return (HTTPReply(404, "nothing is here"), hasBody(request)) }
    guard let route = fitting.first(where: { $0.matches(method: method) }) else {
      let allowed = Set(fitting.map(\.method)).sorted().joined(separator: ", ")
      var reply = HTTPReply(405, "\(method) is not possible here")
      reply.headers.append(HTTPHeader("Allow", allowed))
      return (reply, hasBody(request))
    }
    let body: [UInt8]
    do throws(Refusal) { body = try await read(request) } catch { return (error.reply, true) }
    let query = HTTPQuery(
      method: method, path: String(path),
      parameters: path.count < text.count ? String(text.dropFirst(path.count + 1)) : nil,
      headers: request.headers.map { HTTPHeader($0.name.rawName, $0.value) }, body: body, peer: peer)
    return (await run(route, query), false)
  }

  private func hasBody(_ request: Request) -> Bool {
    request.headers[.contentLength] ?? "0" != "0" || request.headers[.transferEncoding] != nil
  }

  private struct Refusal: Error { var reply: HTTPReply }

  private func read(_ request: Request) async throws(Refusal) -> [UInt8] {
    let tooLarge = Refusal(reply: HTTPReply(413, "a body may have \(limits.body) bytes"))
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.body {
      throw tooLarge
    }
    let (body, limit, time) = (request.body, limits.body, limits.bodyTime)
    do {
      let read = try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
        group.addTask { try await body.collect(upTo: limit) }
        group.addTask {
          try await Task.sleep(for: time)
          return nil
        }
        defer { group.cancelAll() }
        return try await group.next() ?? nil
      }
      if let read { return Array(read.readableBytesView) }
    } catch is NIOTooManyBytesError {
      throw tooLarge
    } catch {
      throw Refusal(reply: HTTPReply(400, "the body could not be read"))
    }
    throw Refusal(reply: HTTPReply(408, "the body did not come in time"))
  }

  /// Runs a handler where it may block: the concurrency runtime has only a few threads.
  private func run(_ route: HTTPRoute, _ query: HTTPQuery) async -> HTTPReply {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: route.handler(query)) }
    }
  }

  private static func head(_ reply: HTTPReply, isLast: Bool) -> HTTPResponse {
    var fields = HTTPFields()
    for header in reply.headers {
      if let name = HTTPField.Name(header.name) { fields[name] = header.value }
    }
    if reply.status >= 200, reply.status != 204, reply.status != 304 {
      fields[.contentLength] = "\(reply.body.count)"
    }
    if isLast { fields[.connection] = "close" }
    return HTTPResponse(status: .init(code: reply.status), headerFields: fields)
  }
}
