import SegmentWriter
import Bytes
import ArgumentParser
import Formats
import Inspect
import Platform
import TLS

struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Store recorded logs, or send them over the network.",
    usage: """
      stele replay <file> … --into <directory> [--format <format>] [--strict] [--json]
      stele replay <file> … --to <url> [--wrap <header>] [--rate <n>] [--json]
      """,
    discussion: """
      With --into, each line becomes one entry; what it was is stored byte for byte, whether it fits the \
      format or not. `stele search DIRECTORY --output raw` gives the files back. With --to, each line is \
      sent as one message, as it is or behind a syslog header; over a stream with octet counting \
      behind a header, and with a line feed otherwise.

      EXAMPLES
        stele replay access.log --into edge --format nginx/combined
        zcat haproxy.log.*.gz | stele replay - --into edge
        stele replay h.log --to udp://127.0.0.1:5514 --wrap rfc3164 --rate 10000
        stele replay h.log --to tls://logs.example.com:6514 --ca ca.pem
      """)

  @Argument(
    help: ArgumentHelp(
      "The files, in the order in which they are read; - is standard input.", valueName: "file"))
  var files: [String]

  @Option(help: ArgumentHelp("Store the lines in this log.", valueName: "directory"))
  var into: String?

  @Option(
    help: ArgumentHelp(
      "Send the lines there: udp://, tcp://, tls://HOST:PORT, unix:///PATH or unix-stream:///PATH.",
      valueName: "url"))
  var to: String?

  @Option(
    help:
      "The lines' format: a name, auto, none, haproxy:'…', nginx:'…', envoy:'…', @haproxy.cfg (with --into).")
  var format: String?

  @Option(
    help: ArgumentHelp("The file with the log's private key (default: DIRECTORY.key).", valueName: "file"))
  var keyFile: String?

  @OptionGroup var keyStore: KeyStoreOption

  @Flag(help: "End with status 3 if any line does not fit the format (with --into).")
  var strict = false

  @Option(
    help: ArgumentHelp(
      "What of each line is not to be stored: a file of the keys that a source's 'minimize' has (with --into).",
      valueName: "file"))
  var minimize: String?

  @Option(help: "The syslog header in front of each line: none, rfc3164 or rfc5424 (with --to).")
  var wrap: Wrapping?

  @Option(help: ArgumentHelp("Messages a second (with --to).", valueName: "n"))
  var rate: Int?

  @Flag(help: "Print the summary as one JSON object.")
  var json = false

  @OptionGroup(title: "Options for --into") var encryption: RecipientOptions

  @OptionGroup(title: "Options for --to tls://") var tls: ClientOptions

  func validate() throws {
    guard (into == nil) != (to == nil) else {
      throw ValidationError("say either --into DIRECTORY or --to URL")
    }
    let misplaced: [(String, Bool)] =
      into != nil
      ? [
        ("--wrap", wrap != nil), ("--rate", rate != nil), ("--ca", tls.ca != nil),
        ("--certificate", tls.certificate != nil), ("--key", tls.key != nil),
      ]
      : [
        ("--format", format != nil), ("--key-file", keyFile != nil), ("--key-store", keyStore.path != nil),
        ("--strict", strict), ("--minimize", minimize != nil), ("--recipient", !encryption.recipient.isEmpty),
      ]
    if let option = misplaced.first(where: \.1) {
      throw ValidationError("\(option.0) says nothing with \(into != nil ? "--into" : "--to")")
    }
    if let rate, rate < 1 { throw ValidationError("--rate must be at least 1") }
    guard (tls.certificate == nil) == (tls.key == nil) else {
      throw ValidationError("--certificate and --key go together")
    }
    if files.filter({ $0 == "-" }).count > 1 { throw ValidationError("standard input can be read only once") }
  }

  func run() throws {
    let inputs = try files.map { try ReplayInput($0) }
    if let into {
      try LogReplay(
        inputs, into: into, keyFile: keyFile, options: options(), format: format ?? "auto",
        minimise: minimize, isStrict: strict, isJSON: json
      ).run()
    } else if let to {
      try send(inputs, to: try Endpoint(to))
    }
  }

  private func options() throws -> WriterOptions {
    var options = keyStore.options
    options.recipients = try PEMFile.recipients(encryption.recipient)
    return options
  }

  private func send(_ inputs: [ReplayInput], to endpoint: Endpoint) throws {
    Platform.Process.setBrokenPipe(.ignored)
    let context = endpoint.scheme == .tls ? try tls.context() : nil
    let start = Clock.monotonic()
    var replayer = Replayer(
      try Channel.open(endpoint, context), wrap ?? .none, host: HostName.own, rate: rate)
    var progress = Progress("sending", total: inputs.reduce(0) { $0 + $1.size })
    var before = 0
    for input in inputs {
      var reader = LineReader(try input.open())
      while let line = try reader.next() {
        try replayer.send(line)
        progress.update(before + reader.bytes)
      }
      before += reader.bytes
    }
    let isRead = try replayer.finish()
    progress.finish()
    try report(replayer.messages, replayer.bytes, endpoint, Clock.monotonic() - start)
    if !isRead { StandardError.write("stele: the receiver has not read everything within 10 s\n") }
    if replayer.overlong > 0 {
      StandardError.write(
        "stele: \(replayer.overlong) lines were not sent: a datagram carries at most "
          + "\(Channel.datagramLimit) bytes; send them to a tcp://, tls:// or unix-stream:// source\n")
    }
    if !isRead || replayer.overlong > 0 { throw Ending(outcome: .incomplete) }
  }

  private func report(_ messages: Int, _ bytes: Int, _ endpoint: Endpoint, _ time: Int64) throws {
    if json {
      let object: JSONValue = [
        "messages": .number(messages), "bytes": .number(bytes), "to": .text(endpoint.url),
        "seconds": .decimal(Double(time) / 1e9, digits: 3),
      ]
      return try StandardOutput.print(object.text + "\n")
    }
    let rate = Double(messages) / max(Double(time) / 1e9, 1e-9)
    StandardError.write(
      "sent \(messages) messages (\(Quantity.rounded(bytes: bytes))) to \(endpoint.url) in "
        + "\(Quantity.rounded(nanoseconds: time)), \(Quantity.rounded(count: rate)) a second\n")
  }
}

/// How a sender shows itself to a TLS receiver, and whom it trusts.
struct ClientOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The authorities that the server's certificate is checked against (default: the system's).",
      valueName: "file"))
  var ca: String?

  @Option(help: ArgumentHelp("The certificate to show, with its chain (PEM).", valueName: "file"))
  var certificate: String?

  @Option(help: ArgumentHelp("Its private key (PEM).", valueName: "file"))
  var key: String?

  func context() throws(TLSError) -> TLSClientContext {
    try TLSClientContext(authorities: ca, certificateChain: certificate, privateKey: key)
  }
}

extension Wrapping: ExpressibleByArgument {}
