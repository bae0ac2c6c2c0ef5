import ArgumentParser
import Cryptography
import HTTP
import Logging
import MerkleLog
import Platform
import SegmentWriter
import ServiceLifecycle
import UnixSignals
import Witness

struct WitnessCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "witness",
    abstract: "Cosign the logs of others: a witness (C2SP tlog-witness).",
    discussion: """
      Remembers how far each log has come, and cosigns a checkpoint only when it continues that. So whoever \
      holds a log and its keys still cannot show two histories, nor set the log back, without its witnesses. \
      It sees sizes and hashes, never a log line. Collectors can witness each other.

      Prints its verifier key, which belongs into the policies of those who rely on it:

        witness edge-2 VKEY http://edge-2.example.com:8091
        group others any edge-2 edge-3
        quorum others

      A log whose key is about to be replaced can have both keys here for a while: --log twice, or a file of \
      `stele keys export`, with which the former one counts for nothing new.

      The state directory is what the witness knows: never restore it from a backup. It listens without TLS; \
      put a proxy before it where the network is not your own.

      EXAMPLES
        stele witness --listen http://127.0.0.1:8091 --state /var/lib/stele/witness \\
          --key /etc/stele/witness.key --name witness.example.com/edge-2 \\
          --log logs.example.com/edge-1+8950de40+AR/54Kf…
      """)

  @Option(help: "Where to listen: http://HOST:PORT or unix:///PATH. Port 0 lets the kernel choose.")
  var listen: String

  @Option(
    help: ArgumentHelp("Directory of what it remembers; made if it is not there.", valueName: "directory"))
  var state: String

  @Option(help: ArgumentHelp("File with its private key.", valueName: "file"))
  var key: String

  @Option(
    help: ArgumentHelp("Make the private key, if the file is not there, with this name.", valueName: "name"))
  var name: String?

  @Option(
    help: ArgumentHelp(
      "Verifier key of a log, or a file that holds its keys. May be given several times, also for one log.",
      valueName: "vkey"))
  var log: [String] = []

  @Option(help: ArgumentHelp("Policy whose 'log' lines name more logs.", valueName: "file"))
  var policy: String?

  @Option(help: "Requests that each address may make a second.")
  var rate = 20.0

  func run() async throws {
    Platform.Process.setBrokenPipe(.ignored)
    Platform.Process.raiseFileLimit()
    let logger = Logger(label: "witness") { _ in DaemonLog() }
    let address: HTTPListenAddress
    do { address = try HTTPListenAddress(listen) } catch { throw ValidationError("--listen: \(error)") }
    guard rate > 0 else { throw ValidationError("--rate must be more than 0") }
    let logs = try log.flatMap { try KeyArgument.logs([$0]) }
    var keys = logs.map(\.origin)
    if let policy { keys += try WitnessPolicy(file: policy).logs.map(\.key) }
    guard !keys.isEmpty else { throw ValidationError("--log VKEY or --policy FILE must name a log") }
    if let other = keys.first(where: { !$0.isSupported }) {
      throw ValidationError("\(other) is no log's key: that is of type 1 (Ed25519)")
    }
    let witness = try Witness(key: try readKey(), state: state, logs: keys, former: logs.flatMap(\.former))
    let count = keys.count
    let limits = RateLimit(perSecond: rate, burst: max(2 * rate, 20))
    let server = HTTPServer(address, Self.routes(witness, limits, logger)) { address in
      try? StandardOutput.print("\(witness.key)\n")
      logger.info("witness \(witness.key.name): listening on \(address) for \(count) log keys")
    }
    let configuration = ServiceGroupConfiguration(
      services: [server], gracefulShutdownSignals: [.sigterm, .sigint],
      logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() })
    ServiceManager()?.notify("READY=1")
    try await ServiceGroup(configuration: configuration).run()
  }

  private func readKey() throws -> CosignerKey {
    if let name {
      guard let keyName = KeyName(name) else {
        throw ValidationError("'\(name)' is no key name: it must not be empty or have blanks or '+' in it")
      }
      if (try? FileDescriptor(reading: key)) == nil { try LogCreation.createKey(name: keyName, at: key) }
    }
    let cosigner = CosignerKey(try LogCreation.readKey(key))
    if let name, "\(cosigner.verifier.name)" != name {
      throw ValidationError("\(key) holds the key of \(cosigner.verifier.name), not of \(name)")
    }
    return cosigner
  }

  private static func routes(_ witness: Witness, _ limit: RateLimit, _ logger: Logger) -> [HTTPRoute] {
    @Sendable func limited(_ query: HTTPQuery, _ answer: () -> Witness.Reply) -> HTTPReply {
      guard limit.allows(query.peer ?? "", now: Clock.monotonic()) else {
        return HTTPReply(429, Array("too many requests\n".utf8), headers: [HTTPHeader("Retry-After", "1")])
      }
      let reply = answer()
      if reply.status == 409 || reply.status == 422 || reply.status == 500 {
        let text = String(decoding: reply.body.dropLast(), as: UTF8.self)
        logger.warning("\(query.path) from \(query.peer ?? "the socket"): status \(reply.status): \(text)")
      }
      return HTTPReply(reply.status, reply.body, type: reply.type)
    }
    return [
      HTTPRoute("POST", "/add-checkpoint") { query in limited(query) { witness.addCheckpoint(query.body) } },
      HTTPRoute("GET", "/*") { query in
        let parts = query.path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[2] == "checkpoint" else { return HTTPReply(404, "nothing is here") }
        return limited(query) { witness.checkpoint(String(parts[1])) }
      },
    ]
  }
}
