import ArgumentParser
import Collector
import Intake
import Logging
import Platform
import SegmentWriter
import ServiceLifecycle
import TLS
import UnixSignals

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Collect logs: the daemon.",
    usage: """
      stele serve [--config <file>] [--status-json]
      stele serve --log <directory> --listen <url> … --file <file> … [--format <format>] …
      """,
    discussion: """
      Reads what to do from a configuration file, or, for a quick start, from flags. Stops gracefully on \
      SIGTERM and SIGINT: what the sockets hold is stored, then the last checkpoint and seal are written.

      A configuration file that has changed is taken over within two seconds, or at once on SIGHUP: as a whole, \
      or not at all. Sources that stay lose nothing, and the log tells what has changed, or why nothing has. \
      Only what concerns the log itself ('log', but for 'reserve', and 'encryption'), and how many sockets a source \
      has, need a restart. \
      Connections stay open, but for those that the source's clients, authorities or allowed addresses do not let \
      in any more. Limits hold for open connections as well; how one is framed stays as it began.

      EXAMPLES
        stele serve --config /etc/stele/stele.yaml
        stele serve --log edge --listen udp://127.0.0.1:5514
        stele serve --log edge --file '/var/log/envoy/*.log' --format envoy/default
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
    var logger = Logger(label: "stele") { _ in DaemonLog() }
    let settings = try settings()
    var plan = try DaemonPlan(settings)
    plan.isClockSynchronized = Clock.isSynchronized
    logger[metadataKey: "log"] = .string(plan.directory)
    let (failures, failed) = AsyncStream.makeStream(of: Void.self)
    let daemon = try ServiceManager.patiently("opening the log") { [logger] in
      try Daemon(
        plan, notice: { logger.warning("\($0)", metadata: $0.metadata) },
        chosen: { logger.info("\($0)", metadata: ["source": "\($0.source)"]) },
        note: { logger.notice("\($0)") }, alarm: { logger.critical("\($0)") },
        failed: { error in
          logger.critical("\(error)", metadata: NotableMessage.writingFailed.metadata)
          failed.yield()
        })
    }
    if let warning = PrivateFile("key", plan.keyPath).warning { logger.warning("\(warning)") }
    let clock = ClockSynchronization(plan.isClockSynchronized, logger) { daemon.record($0) }
    let companions = try Companions(settings, daemon, directory: plan.directory, logger: logger)
    var service = DaemonService(daemon: daemon, failures: failures, logger: logger, companions: companions)
    service.background.append(clock.thread)
    if let manager = ServiceManager() {
      service.background.append(ServiceReport(manager: manager, daemon: daemon).thread)
    }
    var services: [any Service] = [service]
    for input in plan.inputs {
      for problem in input.formats?.problems ?? [] {
        logger.warning("source \(input.source.name): \(problem)")
      }
    }
    let reloads = quick.log == nil ? ReloadState() : nil
    let view = DaemonWatch(daemon, directory: plan.directory, companions: companions, reloads: reloads)
    daemon.report.set { view.snapshot.json }
    let http = StatusService(view, logger)
    try await onThread("stele-http") { http.commit(try http.prepare(settings.http)) }
    let files = FileWatch(files: watched(settings, plan, daemon, companions, http, reloads, logger)) {
      daemon.hurry()
    }
    daemon.reloader.set { files.reload().answer }
    services.append(files)
    let status = StatusReport(watch: view)
    if statusJson { services.append(status) }
    var configuration = ServiceGroupConfiguration(
      services: services.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) },
      gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    // The group's own lines tell nothing that the service's do not.
    configuration.logger = Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }
    do { try await ServiceGroup(configuration: configuration).run() } catch {
      try? await onThread("stele-http") { http.stop() }
      throw error
    }
    try? await onThread("stele-http") { http.stop() }
    if statusJson { status.print() }
  }

  /// The configuration first: the formats are of the sources that it names.
  private func watched(
    _ settings: Settings, _ plan: DaemonPlan, _ daemon: Daemon, _ companions: Companions,
    _ http: StatusService, _ reloads: ReloadState?, _ logger: Logger
  ) -> [any WatchedFiles] {
    let formats = WatchedFormats(daemon: daemon, plan: plan, logger: logger)
    let certificates = WatchedCertificates(daemon, logger)
    guard let reloads else { return [certificates, formats] }
    let configuration = WatchedConfiguration(
      config ?? Self.defaultConfiguration, settings, daemon, formats, companions, http, reloads, logger)
    return [configuration, certificates, formats, WatchedPolicy(companions, logger)]
  }

  private func settings() throws -> Settings {
    guard let directory = quick.log else {
      if !quick.file.isEmpty { throw ValidationError("--file needs --log DIRECTORY") }
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
    help: ArgumentHelp(
      "Where to receive: udp://, tcp://, tls://HOST:PORT, unix:///PATH (datagrams), unix-stream:///PATH. "
        + "May be given several times."))
  var listen: [String] = []

  @Option(
    help: ArgumentHelp(
      "A file to follow; the last part of its path may have '*'. May be given several times.",
      valueName: "file"))
  var file: [String] = []

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
    guard !listen.isEmpty || !file.isEmpty else {
      throw ValidationError("--log needs at least one --listen URL or --file FILE")
    }
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
      var source = settings.newSource(endpoint, format)
      source.certificate = certificate
      source.key = key
      source.clientCA = clientCa
      source.clientCertificate = clientCertificate ?? .required
      settings.sources.append(source)
    }
    for path in file {
      guard FilePattern(path) != nil else {
        throw ValidationError("--file \(path) must end with a file's name, and only that may have '*'")
      }
      settings.sources.append(settings.newSource(Endpoint(files: path), format))
    }
    return settings
  }
}

extension Settings {
  /// A source with a name of its own.
  fileprivate func newSource(_ endpoint: Endpoint, _ format: String) -> SourceSettings {
    var name = SourceSettings.name(for: endpoint)
    if sources.contains(where: { $0.name == name }) { name += "-\(sources.count + 1)" }
    var source = SourceSettings(name: name, listen: endpoint)
    source.format = format
    return source
  }
}

extension TLSServerContext.ClientCertificate: ExpressibleByArgument {}
