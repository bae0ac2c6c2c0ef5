import ArgumentParser
import Collector
import Intake
import Logging
import Platform
import ServiceLifecycle
import TLS
import UnixSignals

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Collect logs: the daemon.",
    usage: """
      stele serve [--config <file>] [--status-json]
      stele serve --log <directory> --listen <url> … [--format <format>] …
      """,
    discussion: """
      Reads what to do from a configuration file, or, for a quick start, from flags. Stops gracefully on \
      SIGTERM and SIGINT: what the sockets hold is stored, then the last checkpoint and seal are written.

      EXAMPLES
        stele serve --config /etc/stele/stele.yaml
        stele serve --log edge --listen udp://127.0.0.1:5514
        stele serve --log edge --listen tls://0.0.0.0:6514 \\
          --certificate tls.crt --key tls.key --client-ca ca.crt
      """)

  /// Where the configuration is unless something else is said.
  static let defaultConfiguration = "/etc/stele/stele.yaml"

  @Option(help: ArgumentHelp("The configuration file (default: \(defaultConfiguration)).", valueName: "file"))
  var config: String?

  @OptionGroup(title: "Quick start") var quick: QuickStart

  @Flag(
    help: "Print one line of JSON every second: durable and checkpointed entries, and counts for each source."
  )
  var statusJson = false

  func run() async throws {
    Platform.Process.setHangup(.ignored)
    Platform.Process.setBrokenPipe(.ignored)
    Platform.Process.raiseFileLimit()
    let logger = Logger(label: "stele") { _ in DaemonLog() }
    let settings = try settings()
    let plan = try DaemonPlan(settings)
    let (failures, failed) = AsyncStream.makeStream(of: Void.self)
    let daemon = try Daemon(
      plan, notice: { logger.warning("\($0)") }, chosen: { logger.info("\($0)") },
      note: { logger.notice("\($0)") },
      failed: { error in
        logger.critical("\(error)")
        failed.yield()
      })
    var service = DaemonService(daemon: daemon, failures: failures, logger: logger)
    let timestamping = settings.timestamps.map {
      Timestamping($0, directory: plan.directory, logger: logger) { daemon.record($0) }
    }
    if let timestamping { service.background.append(timestamping.thread) }
    if let scrub = settings.scrub {
      service.background.append(
        Scrubbing(settings: scrub, directory: plan.directory, logger: logger) { daemon.record($0) }.thread)
    }
    var services: [any Service] = [service]
    for input in plan.inputs {
      for problem in input.formats?.problems ?? [] {
        logger.warning("source \(input.source.name): \(problem)")
      }
    }
    let watch = FormatWatch(daemon: daemon, plan: plan, logger: logger)
    if !watch.isIdle { services.append(watch) }
    let witnesses = try settings.witnesses.map {
      try WitnessService($0, daemon, directory: plan.directory, logger: logger)
    }
    if let witnesses { services.append(witnesses) }
    let status = StatusReport(
      daemon: daemon, directory: plan.directory, timestamping: timestamping, witnesses: witnesses)
    if statusJson { services.append(status) }
    var configuration = ServiceGroupConfiguration(
      services: services.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) },
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // The group's own lines tell nothing that the service's do not.
    configuration.logger = Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }
    try await ServiceGroup(configuration: configuration).run()
    if statusJson { status.print() }
  }

  private func settings() throws -> Settings {
    guard let directory = quick.log else {
      if !quick.listen.isEmpty { throw ValidationError("--listen needs --log DIRECTORY") }
      return try Settings(file: config ?? Self.defaultConfiguration)
    }
    if config != nil { throw ValidationError("--config and --log exclude each other") }
    return try quick.settings(directory: directory)
  }
}

/// The flags that stand for a small configuration file.
struct QuickStart: ParsableArguments {
  @Option(help: ArgumentHelp("The log's directory, made by `stele init`.", valueName: "directory"))
  var log: String?

  @Option(
    help: ArgumentHelp("The file with the log's private key (default: DIRECTORY.key).", valueName: "file"))
  var keyFile: String?

  @OptionGroup var keyStore: KeyStoreOption

  @Option(
    help: "Where to receive: udp://, tcp://, tls://HOST:PORT, unix:///PATH. May be given several times.")
  var listen: [String] = []

  @Option(help: "The format of all sources: a name, auto, haproxy:'…', nginx:'…', envoy:'…', @haproxy.cfg.")
  var format = "auto"

  @Option(
    help: ArgumentHelp("This server's certificate with its chain, for tls:// (PEM).", valueName: "file"))
  var certificate: String?

  @Option(help: ArgumentHelp("Its private key (PEM).", valueName: "file"))
  var key: String?

  @Option(help: ArgumentHelp("The authorities that sign clients' certificates (PEM).", valueName: "file"))
  var clientCa: String?

  @Option(
    help:
      "Whether clients show a certificate: required, optional or none (default: required with --client-ca).")
  var clientCertificate: TLSServerContext.ClientCertificate?

  @OptionGroup var encryption: RecipientOptions

  func settings(directory: String) throws -> Settings {
    guard !listen.isEmpty else { throw ValidationError("--log needs at least one --listen URL") }
    var settings = Settings(directory: directory, logKey: keyFile, keyStore: keyStore.path)
    settings.recipients = encryption.recipient
    for url in listen {
      let endpoint = try Endpoint(url)
      if endpoint.scheme == .tls, certificate == nil || key == nil {
        throw ValidationError("\(url) needs a certificate and its key: --certificate FILE --key FILE")
      }
      if endpoint.scheme == .tls, clientCa == nil, clientCertificate ?? .required != .none {
        throw ValidationError(
          "\(url) asks for client certificates, which needs --client-ca FILE; "
            + "--client-certificate none lets anybody send")
      }
      var name = SourceSettings.name(for: endpoint)
      if settings.sources.contains(where: { $0.name == name }) { name += "-\(settings.sources.count + 1)" }
      var source = SourceSettings(name: name, listen: endpoint)
      source.format = format
      source.certificate = certificate
      source.key = key
      source.clientCA = clientCa
      source.clientCertificate = clientCertificate ?? .required
      settings.sources.append(source)
    }
    return settings
  }
}

extension TLSServerContext.ClientCertificate: ExpressibleByArgument {}
