import Bytes
import Events
import Intake
import SegmentWriter
import Synchronization
import TLS

/// What became of the files of a TLS source after they have changed.
public struct CertificateRecord: Sendable {
  public var source: String
  /// The certificate in use from now on: the one before, if the files cannot be used.
  public var certificate: TLSServerContext.Certificate
  /// Why the new files cannot be used and the old ones stay in use; nil when they are used.
  public var refusal: String?

  public init(source: String, certificate: TLSServerContext.Certificate, refusal: String? = nil) {
    self.source = source
    self.certificate = certificate
    self.refusal = refusal
  }

  /// The control entry: one object of JSON.
  var json: String {
    let text = PeerCertificate.text(fingerprint: certificate.fingerprint)
    let end = Timestamp.text(certificate.notAfterNanoseconds)
    let reason = refusal.map { #","error":\#(JSON.quote(String($0.prefix(2000))))"# } ?? ""
    return #"{"type":"certificate","source":\#(JSON.quote(source)),"fingerprint":"\#(text)","#
      + #""not_after":"\#(end)","accepted":\#(refusal == nil)\#(reason)}"#
  }
}

extension Daemon {
  /// The sources that are received by TLS now, each with what its connections share.
  public var tlsSources: [(name: String, context: TLSServerContext)] {
    sources.withLock(\.all).compactMap { running in
      running.input.source.tls.map { (running.input.source.name, $0) }
    }
  }

  /// Writes down what became of changed certificates.
  public func record(_ certificate: CertificateRecord) { record(certificate.json) }
}
