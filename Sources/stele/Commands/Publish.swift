import ArgumentParser
import HTTP
import Inspect
import Logging
import Platform
import SegmentReader
import ServiceLifecycle
import UnixSignals

struct Publish: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serve an exported tree over HTTP, and export as the log grows.",
    discussion: """
      Answers what C2SP tlog-tiles asks for: /checkpoint, /tile/…, /tile/entries/… from the directory that \
      `stele export` wrote. With --log it exports the log's tree to that directory first, and again whenever \
      a checkpoint was written. Put a proxy before it for TLS.

      EXAMPLES
        stele publish tiles --listen http://127.0.0.1:8080
        stele publish tiles --log edge --listen http://127.0.0.1:8080
        stele publish tiles --log edge --decrypt reader.key --listen http://127.0.0.1:8080
      """)

  @Argument(help: "The directory with the exported tree.")
  var tree: String

  @Option(help: ArgumentHelp("Where to answer: http://HOST:PORT or unix:///PATH.", valueName: "url"))
  var listen: String

  @Option(help: ArgumentHelp("The directory of the log to export from.", valueName: "directory"))
  var log: String?

  @Option(help: ArgumentHelp("How often to look for a new checkpoint.", valueName: "duration"))
  var every = "1s"

  @OptionGroup(title: "Encrypted entries") var decryption: DecryptionOptions

  func validate() throws {
    if decryption.decrypt != nil, log == nil {
      throw ValidationError("--decrypt goes with --log: a tree that is exported already is not encrypted")
    }
  }

  func run() async throws {
    let address = try HTTPListenAddress(listen)
    guard let interval = Quantity.duration(every), interval > 0 else {
      throw ValidationError("'\(every)' is no duration: 1s or 250ms is expected")
    }
    var services: [any Service] = []
    if let log {
      let publisher = TreePublisher(
        log: log, recipient: try decryption.recipient(), tree: tree, interval: interval)
      try publisher.export()
      services.append(publisher)
    }
    let server = HTTPServer(address, try TreeSite(tree).routes) { bound in
      try? StandardOutput.print("listening on \(bound)\n")
    }
    services.append(server)
    let configuration = ServiceGroupConfiguration(
      services: services.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) },
      gracefulShutdownSignals: [.sigterm, .sigint],
      logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() })
    try await ServiceGroup(configuration: configuration).run()
  }
}
