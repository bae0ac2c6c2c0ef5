import Bytes
import Platform
import TLS

/// Who may send to a TLS source, and for which hosts.
public struct ClientList: Equatable, Sendable {
  /// What tells that a certificate is a client's.
  public enum Identity: Equatable, Sendable {
    /// A subject alternative name; letters in any case.
    case name(String)
    /// SHA-256 of the certificate's DER form.
    case fingerprint([UInt8])
  }

  public struct Client: Equatable, Sendable {
    public var identity: Identity
    /// Host names of the messages that may come from it; nil: those that its certificate is for.
    public var hosts: [String]?

    public init(_ identity: Identity, hosts: [String]? = nil) {
      self.identity = identity
      self.hosts = hosts
    }
  }

  public var clients: [Client]

  public init(_ clients: [Client]) { self.clients = clients }

  /// The hosts for which whoever shows `certificate` may speak; nil when it is nobody of the list.
  func hosts(of certificate: PeerCertificate) -> [String]? {
    let texts = certificate.names.map { $0.text.lowercased() }
    let found = clients.filter { client in
      switch client.identity {
      case .name(let name): texts.contains(name.lowercased())
      case .fingerprint(let bytes): bytes == certificate.fingerprint
      }
    }
    return found.isEmpty ? nil : found.flatMap { $0.hosts ?? certificate.hosts }
  }
}

extension PeerCertificate {
  /// The hosts that its subject alternative names stand for: DNS names and their first labels, addresses.
  var hosts: [String] {
    names.flatMap { name -> [String] in
      switch name {
      case .dns(let name): name.hasPrefix("*") ? [name] : [name, String(name.prefix { $0 != "." })]
      case .address: [name.text]
      case .other: []
      }
    }
  }
}

extension PeerCertificate.Name {
  /// As configurations write it.
  var text: String {
    switch self {
    case .dns(let name), .other(let name): name
    case .address(let bytes): bytes.withView { IPAddress($0)?.description } ?? ""
    }
  }
}
