import Bytes
import MerkleLog
import Platform
import SegmentWriter
import Segments
import Synchronization

/// The control channel of a running daemon: the unix stream socket `DIRECTORY.control`, mode 0600. A request is
/// one line of JSON, and so is its answer:
///
///     {"do":"hello"}                          {"done":true}             once it is this client's turn
///     {"do":"record","entries":["{…}",…]}     {"done":true,"end":N}     under a checkpoint, N behind the last
///     {"do":"finish"}                         {"done":true}             the open segment is sealed
///     {"do":"rotate","key":FILE,"reason":…}   {"done":true,"rotation":TEXT,"replaced":…}   else a key is made
///     {"do":"status"}                         {"done":true,"status":{…}}  at once
///     {"do":"reload"}                         {"done":true,"files":[…]}   at once: what became of each file
///     anything                                {"error":"…"}
///
/// One client at a time has its turn, from its first request other than these two to the connection's end,
/// so that one act is whole before another begins.
public enum ControlChannel {
  /// Where the daemon of a log listens.
  public static func path(_ directory: String) -> String {
    LogCreation.beside(directory) + ".control"
  }

  /// Most bytes of a line.
  static let lineLimit = 4 << 20
}

/// Lines over a stream socket that does not block.
struct ControlStream: ~Copyable {
  private let socket: Socket
  private var buffer = ByteBuffer()

  /// How long one wait takes at most, nanoseconds: then it is asked whether to go on.
  private static let slice: Int64 = 100_000_000

  init(_ socket: consuming Socket) { self.socket = socket }

  /// The next line, without its end; nil when the peer has ended, or `goesOn` says no.
  mutating func line(while goesOn: () -> Bool) throws(SystemError) -> [UInt8]? {
    while true {
      if let end = buffer.view.find(UInt8(ascii: "\n")) {
        let line = buffer.view.prefix(end).array
        var rest = ByteBuffer()
        rest.append(buffer.view.dropFirst(end + 1))
        buffer = rest
        return line
      }
      guard buffer.count < ControlChannel.lineLimit, goesOn() else { return nil }
      if try !socket.descriptor.isReadable(within: Self.slice) { continue }
      var hasEnded = false
      try unsafe buffer.append(minimum: 64 << 10) { (room) throws(SystemError) -> Int in
        switch try unsafe socket.receive(into: room) {
        case .bytes(let count): return count
        case .nothing: return 0
        case .end:
          hasEnded = true
          return 0
        }
      }
      if hasEnded { return nil }
    }
  }

  func send(_ value: JSONValue) throws(SystemError) {
    var text = ByteBuffer()
    value.append(to: &text)
    text.append("\n")
    var sent = 0
    while sent < text.count {
      let count = try socket.send(text.view.dropFirst(sent))
      sent += count
      if count == 0 { Clock.sleep(nanoseconds: 1_000_000) }
    }
  }
}

/// A client of a daemon's control channel.
public final class ChannelSession: LogSession {
  private let path: String
  private var stream: ControlStream

  /// Connects, and waits for its turn. Nil when no daemon listens.
  public convenience init?(_ directory: String) throws(WriteError) {
    self.init(watching: directory)
    try ask(["do": "hello"])
  }

  /// Connects only to ask for the status. Nil when no daemon listens, or this user may not ask it.
  public init?(watching directory: String) {
    path = directory
    do throws(SystemError) {
      stream = ControlStream(
        try Socket(.stream, connectedTo: .unix(path: ControlChannel.path(directory))))
    } catch { return nil }
  }

  /// What the daemon says of itself, as `serve --status-json` prints it.
  public func status() throws(WriteError) -> JSONValue { try ask(["do": "status"])["status"] ?? .null }

  /// Has the daemon take over what has changed in its files, and returns what became of each.
  public func reload() throws(WriteError) -> [JSONValue] { try ask(["do": "reload"])["files"]?.items ?? [] }

  @discardableResult private func ask(_ request: JSONValue) throws(WriteError) -> JSONValue {
    let line: [UInt8]?
    do throws(SystemError) {
      try stream.send(request)
      line = try stream.line(while: { true })
    } catch { throw .system(error) }
    guard let line, let answer = line.withView({ try? JSONValue(parsing: $0) }) else {
      throw .daemon(
        path: path,
        reason: "it ended before it answered; what was asked for may have been done: look before "
          + "you ask again")
    }
    if let error = answer["error"]?.string { throw .daemon(path: path, reason: error) }
    return answer
  }

  @discardableResult public func record(_ texts: [String]) throws(WriteError) -> UInt64 {
    let answer = try ask(["do": "record", "entries": .list(texts.map { .text($0) })])
    return answer["end"]?.integer(UInt64.self) ?? 0
  }

  public func finishSegment() throws(WriteError) { try ask(["do": "finish"]) }

  public func rotate(to key: NextKeySource, reason: String?) throws(WriteError) -> RotationOutcome {
    let file: String? = if case .file(let file) = key { file } else { nil }
    let answer = try ask(["do": "rotate", "key": .optional(file), "reason": .optional(reason)])
    guard let outcome = RotationOutcome(answer) else {
      throw .daemon(path: path, reason: "its answer cannot be read; see `stele keys show`")
    }
    return outcome
  }

  public func close() {}
}

/// The daemon's end of the control channel: one thread.
final class ControlServer: Sendable {
  private let session: PipelineSession
  private let path: String
  private let acts: ActLock
  private let status: @Sendable () -> JSONValue
  private let reload: @Sendable () -> JSONValue
  private let isStopping = Atomic(false)
  private let thread = Mutex<Thread?>(nil)
  private let clients = Mutex(0)

  /// Most clients at a time; more wait in the kernel's queue.
  private static let clientLimit = 16

  /// Listens, and starts the thread. Whoever does this holds the log's lock: a socket that is there is one
  /// that a killed daemon left.
  init(
    _ directory: String, _ session: PipelineSession, _ acts: ActLock,
    status: @escaping @Sendable () -> JSONValue, reload: @escaping @Sendable () -> JSONValue
  ) throws(SystemError) {
    self.session = session
    self.status = status
    self.reload = reload
    self.acts = acts
    path = ControlChannel.path(directory)
    let cut = path.lastIndex(of: "/")
    let parent = try Directory(cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".")
    let name = cut.map { String(path[path.index(after: $0)...]) } ?? path
    try parent.remove(name)
    let socket = try Socket(.stream, boundTo: .unix(path: path))
    try parent.setMode(0o600, of: name)
    try socket.listen(backlog: 16)
    let listener = Listener(socket)
    let started = try Thread(name: "stele-control", stackSize: 1 << 20) { [self] in serve(listener) }
    thread.withLock { $0 = started }
  }

  private final class Listener: Sendable {
    let socket: Socket
    init(_ socket: consuming Socket) { self.socket = socket }
  }

  private final class Client: Sendable {
    private let socket: Mutex<Optional<Socket>>
    init(_ socket: consuming Socket) { self.socket = Mutex(Optional(socket)) }
    /// The socket, the first time.
    func take() -> Socket? { socket.withLock { $0.take() } }
  }

  /// Ends the threads; a request that is being carried out is waited for.
  func stop() {
    isStopping.store(true, ordering: .releasing)
    thread.withLock { $0?.join() }
    while clients.withLock({ $0 > 0 }) { Clock.sleep(nanoseconds: 2_000_000) }
    let cut = path.lastIndex(of: "/")
    if let parent = try? Directory(cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".") {
      _ = try? parent.remove(cut.map { String(path[path.index(after: $0)...]) } ?? path)
    }
  }

  private var goesOn: Bool { !isStopping.load(ordering: .acquiring) }

  private func serve(_ listener: Listener) {
    while goesOn {
      if clients.withLock({ $0 >= Self.clientLimit }) {
        Clock.sleep(nanoseconds: 20_000_000)
        continue
      }
      guard (try? listener.socket.descriptor.isReadable(within: 200_000_000)) == true,
        let accepted = try? listener.socket.accept()
      else { continue }
      admit(Client(accepted))
    }
  }

  /// Serves a client on a thread of its own.
  private func admit(_ client: Client) {
    clients.withLock { $0 += 1 }
    let started = try? Thread(name: "stele-client", stackSize: 1 << 20) { [self] in
      if let socket = client.take() { serve(socket) }
      clients.withLock { $0 -= 1 }
    }
    if started == nil { clients.withLock { $0 -= 1 } }
  }

  private func serve(_ socket: consuming Socket) {
    var stream = ControlStream(socket)
    var hasTurn = false
    defer { if hasTurn { acts.lock.unlock() } }
    // Who breaks the connection is not there to hear of it.
    while goesOn, let line = (try? stream.line(while: { goesOn })) ?? nil {
      var answer: JSONValue
      switch line.withView({ try? JSONValue(parsing: $0) })?["do"]?.string {
      case "status": answer = ["done": .flag(true), "status": status()]
      case "reload": answer = reload()
      default:
        if !hasTurn {
          acts.lock.lock()
          hasTurn = true
        }
        do throws(WriteError) { answer = try carryOut(line) } catch { answer = ["error": .text("\(error)")] }
      }
      if (try? stream.send(answer)) == nil { return }
    }
  }

  private func carryOut(_ line: [UInt8]) throws(WriteError) -> JSONValue {
    guard let request = line.withView({ try? JSONValue(parsing: $0) }) else {
      return ["error": "the request is not JSON"]
    }
    switch request["do"]?.string {
    case "hello": return ["done": .flag(true)]
    case "finish":
      try session.finishSegment()
      return ["done": .flag(true)]
    case "record":
      let texts = request["entries"]?.items?.compactMap(\.string) ?? []
      for text in texts {
        let entry = Array(text.utf8).withView { try? JSONValue(parsing: $0) }
        guard entry?["type"]?.string != nil, text.utf8.count <= 256 << 10, !text.contains("\n")
        else { return ["error": "an entry must be one object of JSON with a type, of at most 256 KiB"] }
        if let type = entry?["type"]?.string, KeyRecord.type == type || KeyEpochRecord.type == type {
          return ["error": "entries about one-time keys are the writer's own"]
        }
        // Copies of old ones are carried on.
        if entry?["type"]?.string == KeyRotationRecord.type, entry.flatMap(KeyRotationRecord.init) == nil {
          return ["error": "an entry about the log's key must be signed by both keys"]
        }
      }
      if texts.isEmpty { return ["error": "there is nothing to record"] }
      return ["done": .flag(true), "end": .number(try session.record(texts))]
    case "rotate":
      let outcome = try session.rotate(
        to: request["key"]?.string.map { .file($0) } ?? .generated, reason: request["reason"]?.string)
      return outcome.answer
    default: return ["error": "the request is not known to this version"]
    }
  }
}

extension RotationOutcome {
  fileprivate var answer: JSONValue {
    ["done": .flag(true), "rotation": .text(rotation.text), "replaced": .flag(isKeyReplaced)]
  }

  fileprivate init?(_ answer: JSONValue) {
    guard let text = answer["rotation"]?.string, case .flag(let isKeyReplaced)? = answer["replaced"],
      let rotation = try? Array(text.utf8).withView({ try KeyRotation($0) })
    else { return nil }
    self.init(rotation, isKeyReplaced: isKeyReplaced)
  }
}

/// Held while entries are taken away or held back, so that one such act is whole before another begins.
final class ActLock: Sendable {
  let lock = Lock()
}
