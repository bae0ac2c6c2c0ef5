import Collector
import Formats
import Intake
import Platform
import SegmentWriter
import Syslog
import TLS

extension DaemonPlan {
  /// Opens what the settings name: formats, host names, certificates.
  init(_ settings: Settings) throws {
    self.init(directory: settings.directory, keyPath: settings.keyPath)
    version = Version.text
    writer.segmentByteLimit = settings.segmentSize
    writer.segmentAgeLimit = settings.segmentAge
    pipeline.commitInterval = settings.commit
    for (index, source) in settings.sources.enumerated() {
      inputs.append(try Input(source, id: UInt32(index + 1)))
    }
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
    source.receiveBuffer = settings.receiveBuffer
    let body = try FormatSpec.parse(settings.format)
    let definition = SourceDefinition(
      name: settings.name, templates: SyslogHeaders.templates(around: body), format: settings.format)
    self.init(source, definition, timezone: settings.timezone)
  }

  private static func endpoint(_ settings: SourceSettings) throws -> Source.Endpoint {
    guard let address = try settings.listen.addresses().first else {
      throw SourceError(source: settings.name, text: "\(settings.listen.host) has no address")
    }
    switch settings.listen.scheme {
    case .udp: return .udp(address, sockets: settings.sockets)
    case .tcp: return .tcp(address)
    case .unix: return .unixDatagram(path: settings.listen.host)
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
        clientCertificate: settings.clientCertificate)
      return .tls(address, context)
    }
  }
}
