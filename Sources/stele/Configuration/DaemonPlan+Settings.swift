import Collector
import Formats
import Intake
import Platform
import ProxyConfiguration
import SegmentWriter
import Syslog
import TLS
import Templates

extension DaemonPlan {
  /// Opens what the settings name: formats, host names, certificates.
  init(_ settings: Settings) throws {
    self.init(directory: settings.directory, keyPath: settings.keyPath)
    version = Version.text
    writer.keyStorePath = settings.keyStorePath
    writer.reserve = settings.reserve
    writer.segmentByteLimit = settings.segmentSize
    writer.segmentAgeLimit = settings.segmentAge
    writer.recipients = try PEMFile.recipients(settings.recipients)
    pipeline.commitInterval = settings.commit
    retention = settings.retention
    for (index, source) in settings.sources.enumerated() {
      inputs.append(try Input(source, id: UInt32(index + 1)))
    }
  }
}

extension SourceDefinition {
  /// A source whose messages have a format behind any syslog header, and behind those of `previous` if they
  /// do not fit: a load balancer that has been reconfigured ends old connections with the old formats.
  init(_ name: String, _ format: SourceFormat, previous: [Template] = []) {
    let body = format.templates.including(previous)
    self.init(
      name: name, templates: SyslogHeaders.templates(around: body), format: format.text,
      candidates: format.text == "auto" ? body.map(\.name) : nil)
    groups = format.groups.map {
      TagGroup(tag: $0.tag, templates: SyslogHeaders.templates(around: $0.templates.including(previous)))
    }
    lengths = format.lengths
    isOrdered = format.file != nil
  }
}

extension [Template] {
  /// These, and behind them those of `others` that are not among them, as many as one source can try.
  fileprivate func including(_ others: [Template]) -> [Template] {
    let known = Set(self)
    return self
      + others.filter { !known.contains($0) }.prefix(Swift.max(0, SourceFormat.templateLimit - count))
  }
}

extension FormatChange {
  /// What `file` says, in place of `old`.
  init(_ source: String, _ file: ProxyFile, replacing old: [ProxyFormat]) {
    self.init(
      source: source, path: file.path, sha256: file.files.first?.sha256, old: Self.list(old),
      new: Self.list(file.formats), problems: file.problems.map(\.description))
  }

  static func list(_ formats: [ProxyFormat]) -> [Format] {
    formats.map { Format(name: $0.name, string: $0.string) }
  }
}

/// What is wrong with one source, apart from its spelling.
struct SourceError: Error, CustomStringConvertible {
  var source: String
  var text: String
  var description: String { "source \(source): \(text)" }
}

extension DaemonPlan.Input {
  init(_ settings: SourceSettings, id: UInt32) throws {
    var source = Source(id: id, name: settings.name, endpoint: try Self.endpoint(settings))
    source.framing = settings.framing
    source.expectsPriority = settings.framing == .auto
    source.messageLimit = settings.messageLimit
    source.allow = settings.allow
    source.expectsProxy = settings.expectsProxy
    source.receiveBuffer = settings.receiveBuffer
    source.clients = settings.clients
    settings.limits.apply(to: &source)
    let format = try SourceFormat.read(settings.format) { Platform.Process.environment($0) }
    var definition = SourceDefinition(settings.name, format)
    definition.minimise = settings.minimise?.rules
    if settings.reconcile?.kind == .haproxy {
      definition.countedFrontends = settings.reconcile?.proxies ?? []
    }
    self.init(source, definition, timezone: settings.timezone)
    if let file = format.file { formats = FormatChange(settings.name, file, replacing: []) }
  }

  private static func endpoint(_ settings: SourceSettings) throws -> Source.Endpoint {
    if settings.listen.scheme == .file {
      guard let pattern = FilePattern(settings.listen.host) else {
        throw SourceError(
          source: settings.name, text: "\(settings.listen.host) does not end with a file's name")
      }
      return .files(pattern, startsAtEnd: settings.startsAtEnd)
    }
    guard let address = try settings.listen.addresses().first else {
      throw SourceError(source: settings.name, text: "\(settings.listen.host) has no address")
    }
    switch settings.listen.scheme {
    case .file: throw SourceError(source: settings.name, text: "a file has no address")
    case .udp: return .udp(address, sockets: settings.sockets)
    case .tcp: return .tcp(address)
    case .unix: return .unixDatagram(path: settings.listen.host)
    case .unixStream: return .unixStream(path: settings.listen.host)
    case .tls:
      guard let certificate = settings.certificate, let key = settings.key else {
        throw SourceError(
          source: settings.name, text: "\(settings.listen.url) needs a certificate and its key")
      }
      guard settings.clientCA != nil || settings.clientCertificate == .none else {
        throw SourceError(
          source: settings.name,
          text: "client certificates are \(settings.clientCertificate.rawValue), which needs client_ca; "
            + "set client_certificate to none to let anybody send")
      }
      let context = try TLSServerContext(
        certificateChain: certificate, privateKey: key, clientAuthorities: settings.clientCA,
        clientCertificate: settings.clientCertificate, minimumVersion: settings.tlsMinimum)
      return .tls(address, context)
    }
  }
}
