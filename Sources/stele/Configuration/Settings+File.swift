import Bytes
import Collector
import Events
import Formats
import Intake
import MerkleLog
import Platform
import ProxyConfiguration
import Syslog
import TLS

extension Settings {
  /// Reads a configuration file. Relative paths in it are relative to the directory it is in.
  init(file: String) throws { try self.init(parsing: Self.text(of: file), file: file) }

  /// The text of a configuration file.
  static func text(of file: String) throws -> String {
    var bytes = ByteBuffer()
    try FileDescriptor(reading: file).readAll(limit: 1 << 20, into: &bytes)
    guard let text = String(validating: bytes.view.array, as: UTF8.self) else {
      throw ConfigurationError(file: file, line: 1, column: 1, text: "the file is not UTF-8")
    }
    return text
  }

  /// Reads the text of the configuration file `file`.
  init(
    parsing text: String, file: String,
    environment: @escaping (String) -> String? = { Platform.Process.environment($0) }
  ) throws(ConfigurationError) {
    let root = try ConfigurationValue(parsing: text, file: file)
      .group([
        "log", "commit", "segment", "encryption", "timestamps", "scrub", "witnesses", "retention", "sources",
        "http",
      ])
    try self.init(root, PathBase(file: file, environment: environment))
  }

  private init(_ root: ConfigurationGroup, _ paths: PathBase) throws(ConfigurationError) {
    let log = try root.required("log").group(["directory", "key", "key_store", "reserve"])
    self.init(directory: try paths.resolve(log.required("directory")))
    logKey = try log["key"].map { (value) throws(ConfigurationError) in try paths.resolve(value) }
    keyStore = try log["key_store"].map { (value) throws(ConfigurationError) in
      try paths.resolve(value)
    }
    if let value = log["reserve"] { reserve = try value.size(1 << 20...1 << 40) }
    if let value = root["commit"] { commit = try value.duration(1_000_000...60_000_000_000) }
    if let segment = try root["segment"]?.group(["size", "age"]) {
      if let value = segment["size"] { segmentSize = try value.size(1 << 20...1 << 40) }
      if let value = segment["age"] {
        segmentAge = try value.duration(1_000_000_000...366 * 86_400_000_000_000)
      }
    }
    if let value = root["encryption"] {
      for item in try value.group(["recipients"]).required("recipients").list() {
        recipients.append(try paths.resolve(item))
      }
      if recipients.isEmpty { throw value.error("encryption needs at least one recipient") }
    }
    if let value = root["timestamps"] { timestamps = try TimestampSettings(value, paths) }
    if let value = root["scrub"] { scrub = try ScrubSettings(value) }
    http = try root["http"].map { (value) throws(ConfigurationError) in try HTTPSettings(value) }
    if let value = root["witnesses"] { witnesses = try WitnessSettings(value, paths) }
    retention = try root["retention"].map { (value) throws(ConfigurationError) in
      try RetentionPolicy(value)
    }
    let list = try root.required("sources")
    for item in try list.list() { try append(item, paths) }
    if sources.isEmpty { throw list.error("sources must have at least one source") }
  }

  private mutating func append(_ item: ConfigurationValue, _ paths: PathBase) throws(ConfigurationError) {
    let group = try item.group(SourceSettings.keys)
    let source = try SourceSettings(group, paths)
    let name = try group.required("name")
    if sources.contains(where: { $0.name == source.name }) {
      throw name.error("there is a source '\(source.name)' already; each needs a name of its own")
    }
    if let other = sources.first(where: { $0.listen.sharesPlace(with: source.listen) }),
      let place = group["listen"] ?? group["file"],
      source.listen.port != 0 || source.listen.hasSocketFile || source.listen.scheme == .file
    {
      let verb = source.listen.scheme == .file ? "reads" : "listens on"
      throw place.error("the source '\(other.name)' \(verb) \(other.listen.url) already")
    }
    sources.append(source)
  }
}

extension WitnessSettings {
  init(_ value: ConfigurationValue, _ paths: PathBase) throws(ConfigurationError) {
    let group = try value.group(["policy", "every", "ca"])
    let file = try group.required("policy")
    policy = try paths.resolve(file)
    do { _ = try WitnessPolicy(file: policy) } catch { throw file.error("\(file.name): \(error)") }
    if let value = group["every"] { every = try value.duration(100_000_000...86_400_000_000_000) }
    if let value = group["ca"] { authorities = try paths.resolve(value) }
  }
}

extension RetentionPolicy {
  /// `{age: 400d, size: 500GiB}`, or one of them.
  init(_ value: ConfigurationValue) throws(ConfigurationError) {
    let group = try value.group(["age", "size"])
    let age = try group["age"]?.duration(3_600_000_000_000...36_600 * 86_400_000_000_000)
    let size = try group["size"]?.size(1 << 20...1 << 60)
    if age == nil, size == nil { throw value.error("retention needs an age, a size, or both") }
    self.init(age: age, size: size)
  }

  init(age: Int64?, size: Int?) {
    let parts = [
      age.map { "age \(Quantity.text(duration: $0))" }, size.map { "size \(Quantity.text(size: Int64($0)))" },
    ]
    self.init(age: age, size: size, text: parts.compactMap { $0 }.joined(separator: ", "))
  }
}

extension SourceSettings {
  static let keys = [
    "name", "listen", "format", "timezone", "certificate", "key", "client_ca", "client_certificate",
    "clients", "tls_minimum", "connections", "connections_per_peer", "handshake_timeout", "idle_timeout",
    "rate", "burst",
    "framing", "max_message", "receive_buffer", "sockets", "file", "from",
    "test", "tests", "minimize", "reconcile", "allow", "start", "proxy_protocol",
  ]

  init(_ group: ConfigurationGroup, _ paths: PathBase) throws(ConfigurationError) {
    self.init(name: try Self.name(try group.required("name")), listen: try Self.endpoint(group, paths))
    if let value = group["format"] { format = try Self.format(value) }
    if let value = group["from"] {
      if let key = group.key("format") {
        throw key.error("'format' and 'from' exclude each other; remove one")
      }
      format = try Self.from(value, paths)
    }
    if let value = group["timezone"] { timezone = try Self.timezone(value) }
    try readTransport(group)
    try readTLS(group, paths)
    try readLimits(group)
    try readTests(group)
    reconcile = try group["reconcile"].map { (value) throws(ConfigurationError) in
      try ReconcileSettings(value)
    }
    if let value = group["minimize"] {
      let format = try? SourceFormat.read(format) { Platform.Process.environment($0) }
      minimise = try MinimiseSettings(value, paths, format)
    }
  }

  /// `listen: URL`, or `file: PATH`.
  private static func endpoint(
    _ group: ConfigurationGroup, _ paths: PathBase
  ) throws(ConfigurationError) -> Endpoint {
    if let file = group["file"] {
      if let key = group.key("listen") {
        throw key.error("'listen' and 'file' exclude each other; make a source for each")
      }
      let path = paths.resolve(try file.text())
      guard FilePattern(path) != nil else {
        throw file.error("\(file.name) must end with a file's name, and only that may have '*'")
      }
      return Endpoint(files: path)
    }
    let listen = try group.required("listen")
    let url = try listen.text()
    do throws(Endpoint.Invalid) { return try Endpoint(url) } catch { throw listen.error("\(error)") }
  }

  /// `test:`, or `tests:` as well, for both read naturally.
  private mutating func readTests(_ group: ConfigurationGroup) throws(ConfigurationError) {
    if group["test"] != nil, let key = group.key("tests") {
      throw key.error("'test' and 'tests' are the same; write all tests under one of them")
    }
    for item in try (group["test"] ?? group["tests"])?.list() ?? [] { tests.append(try SourceTest(item)) }
  }

  private static func name(_ value: ConfigurationValue) throws(ConfigurationError) -> String {
    let name = try value.text()
    guard name.utf8.count <= 64, name.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F })
    else {
      throw value.error("\(value.name) may have 64 bytes, and no blanks or control characters")
    }
    return name
  }

  private static func format(_ value: ConfigurationValue) throws(ConfigurationError) -> String {
    let text = try value.text()
    do { _ = try SourceFormat.read(text) } catch { throw value.error("\(value.name):\n\(error)") }
    return text
  }

  /// `from: PATH`, or `from: {haproxy: PATH}` where the file does not tell whose it is.
  private static func from(_ value: ConfigurationValue, _ paths: PathBase) throws(ConfigurationError)
    -> String
  {
    var reference: ProxyReference
    if value.isGroup {
      let group = try value.group(ProxyKind.allCases.map(\.rawValue))
      let kinds = ProxyKind.allCases.filter { group[$0.rawValue] != nil }
      guard kinds.count == 1, let path = try group[kinds[0].rawValue].map(paths.resolve) else {
        throw value.error("\(value.name) must name one file: {haproxy: /etc/haproxy/haproxy.cfg}")
      }
      reference = ProxyReference(path: path, kind: kinds[0])
    } else {
      reference = ProxyReference(path: try paths.resolve(value))
    }
    do { _ = try SourceFormat.read(reference.text) } catch { throw value.error("\(value.name): \(error)") }
    return reference.text
  }

  private static func timezone(_ value: ConfigurationValue) throws(ConfigurationError) -> String {
    let text = try value.text()
    guard TimeZoneFile.zone(text) != nil else {
      throw value.error(
        "\(value.name): no time zone '\(text)'; it is written as UTC, +01:00 or Europe/Paris (package tzdata)"
      )
    }
    return text
  }

  /// Refuses keys that say nothing for the source's transport.
  func refuse(_ words: [String], _ group: ConfigurationGroup) throws(ConfigurationError) {
    for word in words {
      if let key = group.key(word) {
        let kind = listen.scheme == .file ? "file" : "\(listen.scheme.rawValue)://"
        throw key.error("'\(word)' says nothing for a \(kind) source; remove it")
      }
    }
  }

  private mutating func readTransport(_ group: ConfigurationGroup) throws(ConfigurationError) {
    if listen.scheme != .file { try refuse(["start"], group) }
    if listen.scheme != .tcp, listen.scheme != .tls { try refuse(["proxy_protocol"], group) }
    if let value = group["proxy_protocol"] { expectsProxy = try value.choice(Switch.self) == .on }
    switch listen.scheme {
    case .file: try refuse(["framing", "receive_buffer", "sockets", "allow"], group)
    case .udp: try refuse(["framing", "max_message"], group)
    case .unix: try refuse(["framing", "max_message", "sockets", "allow"], group)
    case .unixStream: try refuse(["receive_buffer", "sockets", "allow"], group)
    case .tcp, .tls: try refuse(["receive_buffer", "sockets"], group)
    }
    if let value = group["start"] { startsAtEnd = try value.choice(FileStart.self) == .end }
    if let value = group["allow"] { allow = try AllowList(value) }
    if let value = group["framing"] { framing = try value.choice(among: [.auto, .octet, .lineFeed]) }
    if let value = group["max_message"] {
      let allowed = Syslog.Limits.messageBytesAllowed
      messageLimit = try value.size(Int64(allowed.lowerBound)...Int64(allowed.upperBound))
    }
    if let value = group["receive_buffer"] { receiveBuffer = try value.size(4 << 10...1 << 30) }
    if let value = group["sockets"] { sockets = try value.count(1...64) }
  }

  private mutating func readTLS(_ group: ConfigurationGroup, _ paths: PathBase) throws(ConfigurationError) {
    guard listen.scheme == .tls else {
      return try refuse(
        ["certificate", "key", "client_ca", "client_certificate", "clients", "tls_minimum"], group)
    }
    certificate = try paths.resolve(group.required("certificate"))
    key = try paths.resolve(group.required("key"))
    if let value = group["client_certificate"] { clientCertificate = try value.choice() }
    if let value = group["client_ca"] { clientCA = try paths.resolve(value) }
    if clientCertificate == .none {
      if let key = group.key("client_ca") {
        throw key.error("'client_ca' says nothing when client_certificate is none; remove one of them")
      }
    } else if clientCA == nil {
      throw try group.required("listen").error(
        "a tls:// source needs 'client_ca', the authorities that sign clients' certificates; "
          + "or set client_certificate to none, and anybody can send")
    }
    if let value = group["tls_minimum"] { tlsMinimum = try value.choice() }
    if let value = group["clients"] { clients = try clients(value, group) }
  }
}
