import Bytes
import Events
import Foundation
import Testing

/// Whatever an event holds is found in each output: where the table says, or under its own name.
@Suite struct ExportTests {
  typealias Object = [String: Any]

  static func object(_ write: (inout ByteBuffer) -> Void) throws -> Object {
    var out = ByteBuffer()
    write(&out)
    #expect(out.view.find(UInt8(ascii: "\n")) == nil)
    let text = try #require(String(validating: out.view.array, as: UTF8.self))
    return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? Object, "\(text)")
  }

  /// The members of nested objects, by their paths.
  static func flat(_ object: Object, _ prefix: String = "") -> Object {
    var flat: Object = [:]
    for (key, value) in object {
      if let inner = value as? Object {
        flat.merge(Self.flat(inner, prefix + key + ".")) { a, _ in a }
      } else {
        flat[prefix + key] = value
      }
    }
    return flat
  }

  /// One value, as text that can be compared.
  static func text(_ value: Any) -> String {
    if let list = value as? [Any] { return list.map(text).joined(separator: ", ") }
    return "\(value)"
  }

  /// Checks every field of many events: `find` gives what an output has for it, by mapped name and by its
  /// own.
  private func check(
    seed: UInt64, _ write: (borrowing Event, inout ByteBuffer) -> Void,
    _ find: (Object, Field) -> (mapped: [Any], own: Any?), null: (Object, String) -> String?,
    base64: (Object, String) -> String?
  ) throws {
    var samples = SampleEvents(seed: seed)
    for _ in 0..<150 {
      try samples.event { event in
        let output = try Self.object { write(event, &$0) }
        let own = try Self.object { event.appendJSON(to: &$0, nullReasons: true) }
        let reasons = own["nulls"] as? [String: String] ?? [:]
        for field in Field.allCases {
          guard let value = own[field.name] else { continue }
          if value is NSNull {
            #expect(null(output, field.name) == reasons[field.name], "seed \(seed): \(field)")
            continue
          }
          let found = find(output, field)
          if let kept = found.own {
            #expect(Self.text(kept) == Self.text(value), "seed \(seed): \(field)")
          } else {
            let isThere = !found.mapped.isEmpty && found.mapped.allSatisfy { Self.isSame($0, value, field) }
            #expect(isThere, "seed \(seed): \(field) = \(value) in \(output)")
          }
          #expect(
            base64(output, field.name) == own[field.name + ".base64"] as? String, "seed \(seed): \(field)")
        }
        for name in ["$geoip_city", "%[var(txn.\"x\")]"] {
          #expect(base64(output, name) == own[name + ".base64"] as? String)
        }
      }
    }
  }

  /// Whether a standard's value is that of the field, by what the page says of both.
  private static func isSame(_ found: Any, _ value: Any, _ field: Field) -> Bool {
    let (found, value) = (text(found), text(value))
    if found == value { return true }
    switch field {
    case .tlsVersion: return value.hasSuffix(found) && value.dropLast(found.count) == "TLSv"
    case .urlHost: return value.hasPrefix(found + ":")
    case .httpMethod: return found == "_OTHER"
    case .transport, .idTrace, .idSpan: return found == value.lowercased()
    case .lbProduct: return found.lowercased() == value
    default: break
    }
    switch field.type {
    case .list:
      return found == value.replacing(" : ", with: ", ")
    case .duration: return (Int64(value) ?? 1) == (Int64(found) ?? 0) * 1_000_000
    case .time:
      if let nanoseconds = Int64(found), found.count > 15 { return Timestamp.text(nanoseconds) == value }
      return Int64(found).map { Timestamp.text($0 * 1_000_000) == value || field == .time } ?? false
    default: return false
    }
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func elasticCommonSchemaHasEveryValue(seed: UInt64) throws {
    try check(seed: seed) {
      $0.appendECS(to: &$1)
    } _: { output, field in
      let flat = Self.flat(output.filter { $0.key != "stele" })
      // `source` is the peer, where there is one.
      let isClient = [.clientIP, .clientPort, .clientEndpoint].contains(field)
      let paths = field.mapping.ecs.filter { !isClient || !$0.hasPrefix("source.") }
      return (paths.compactMap { flat[$0] }, (output["stele"] as? Object)?[field.name])
    } null: { output, name in
      ((output["stele"] as? Object)?["nulls"] as? [String: String])?[name]
    } base64: { output, name in
      ((output["stele"] as? Object)?["base64"] as? [String: String])?[name]
    }
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func elasticCommonSchemaHasItsOwnNamesAndTypesOnly(seed: UInt64) throws {
    var samples = SampleEvents(seed: seed)
    for _ in 0..<150 {
      try samples.event { event in
        let output = try Self.object { event.appendECS(to: &$0) }
        for (path, value) in Self.flat(output.filter { $0.key != "stele" }) {
          let type = try #require(ECSNames.types[path], "\(path) is not in the schema")
          for element in value as? [Any] ?? [value] {
            #expect(Self.isOf(type, element), "\(path): \(element)")
          }
        }
        let action = try #require(output["event"] as? Object)
        let kind = try #require(action["kind"] as? String)
        #expect(ECSNames.kinds.contains(kind))
        let types = Set(action["type"] as? [String] ?? [])
        for category in action["category"] as? [String] ?? [] {
          #expect(
            try #require(ECSNames.categories[category], "\(category)").isSuperset(of: types), "\(category)")
        }
        if let outcome = action["outcome"] as? String {
          #expect(["success", "failure", "unknown"].contains(outcome))
        }
      }
    }
  }

  private static func isOf(_ type: String, _ value: Any) -> Bool {
    switch type {
    case "long":
      return (value as? NSNumber).map { !Self.isBoolean($0) && $0.doubleValue == $0.doubleValue.rounded() }
        ?? false
    case "boolean": return (value as? NSNumber).map { Self.isBoolean($0) } ?? false
    case "ip": return (value as? String).map { Array($0.utf8).withView { Address($0) != nil } } ?? false
    case "date":
      return (value as? String).map { Array($0.utf8).withView { Stamp(iso: $0)?.offset == 0 } } ?? false
    default: return value is String
    }
  }

  private static func isBoolean(_ number: NSNumber) -> Bool { unsafe String(cString: number.objCType) == "c" }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func openTelemetryHasEveryValue(seed: UInt64) throws {
    try check(seed: seed) {
      $0.appendOTLP(to: &$1)
    } _: { output, field in
      let (resource, record, attributes) = Self.parts(output)
      let name = field.mapping.otel ?? ""
      let mapped: Any? =
        name.hasPrefix("resource:")
        ? resource[String(name.dropFirst(9))]
        : name.hasPrefix("record:") ? record[String(name.dropFirst(7))] : attributes[name]
      var found = mapped.map { [$0] } ?? []
      // The body says more than the message where there is none, and ids are only ids if they are
      // hexadecimal.
      if field == .message, let body = record["body"] as? Object { found = [body["stringValue"] ?? ""] }
      if field == .tlsClientFingerprint { found = [] }
      return (found, attributes["stele." + field.name])
    } null: { output, name in
      Self.parts(output).attributes["stele.null." + name] as? String
    } base64: { output, name in
      Self.parts(output).attributes["stele.base64." + name] as? String
    }
  }

  /// The only resource, record, and the record's attributes of OTLP's JSON.
  static func parts(_ output: Object) -> (resource: Object, record: Object, attributes: Object) {
    let logs = (output["resourceLogs"] as? [Object])?.first ?? [:]
    let resource = (logs["resource"] as? Object)?["attributes"] as? [Object] ?? []
    let record = (((logs["scopeLogs"] as? [Object])?.first)?["logRecords"] as? [Object])?.first ?? [:]
    return (values(resource), record, values(record["attributes"] as? [Object] ?? []))
  }

  private static func values(_ attributes: [Object]) -> Object {
    var values: Object = [:]
    for attribute in attributes {
      guard let key = attribute["key"] as? String, let value = attribute["value"] as? Object else { continue }
      #expect(values[key] == nil, "\(key) is there twice")
      if let list = (value["arrayValue"] as? Object)?["values"] as? [Object] {
        values[key] = list.compactMap { $0["stringValue"] }
      } else {
        #expect(value.count == 1 && !(value["intValue"] is NSNumber), "\(value)")
        values[key] = value.values.first
      }
    }
    return values
  }

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func openCybersecuritySchemaHasEveryValue(seed: UInt64) throws {
    try check(seed: seed) {
      $0.appendOCSF(to: &$1)
    } _: { output, field in
      let flat = Self.flat(output.filter { $0.key != "unmapped" })
      var found: Any? = field.mapping.ocsf.flatMap { flat[$0] }
      if field.mapping.ocsf == "load_balancer.metrics[]" {
        let metrics = flat["load_balancer.metrics"] as? [Object] ?? []
        let name = field.name + (field.type == .duration ? "_ns" : "")
        found = metrics.first { $0["name"] as? String == name }?["value"]
        // Nanoseconds, unlike the milliseconds elsewhere.
        if field.type == .duration, let number = (found as? String).flatMap({ Int64($0) }) {
          return (number % 1_000_000 == 0 ? [number / 1_000_000] : [], number % 1_000_000 == 0 ? nil : number)
        }
      }
      if field == .tlsJA4 { found = (flat["ja4_fingerprint_list"] as? [Object])?.first?["value"] }
      return (found.map { [$0] } ?? [], (output["unmapped"] as? Object)?[field.name])
    } null: { output, name in
      ((output["unmapped"] as? Object)?["nulls"] as? [String: String])?[name]
    } base64: { output, name in
      ((output["unmapped"] as? Object)?["base64"] as? [String: String])?[name]
    }
  }

  // MARK: Whole events

  @Test func theSourceIsThePeerElseTheClient() throws {
    let client = event { $0.set(.clientIP, .address(Address(ipv4: 0xC000_0201))) }
    let both = event {
      $0.set(.clientIP, .address(Address(ipv4: 0xC000_0201)))
      $0.set(.clientPort, .integer(7))
      $0.set(.peerIP, .address(Address(ipv4: 0x0A00_0001)))
    }
    let first = Self.flat(try Self.object { client.appendECS(to: &$0) })
    #expect(first["source.ip"] as? String == "192.0.2.1" && first["client.ip"] as? String == "192.0.2.1")
    let second = Self.flat(try Self.object { both.appendECS(to: &$0) })
    #expect(second["source.ip"] as? String == "10.0.0.1" && second["client.ip"] as? String == "192.0.2.1")
    #expect(second["source.port"] == nil && second["client.port"] as? Int == 7)
  }

  private func event(_ body: (inout Event) -> Void, format: String? = "haproxy/httplog") -> Event {
    var event = Event()
    body(&event)
    event.finish(format: format, EventContext(receiveTime: 1_767_225_600_000_000_000))
    return event
  }

  @Test(arguments: [
    ("GET", 3, 400_203), ("PATCH", 9, 400_209), ("BREW", 99, 400_299),
  ])
  func httpActivitiesFollowTheMethod(_ method: String, _ activity: Int, _ type: Int) throws {
    let event = event {
      $0.set(.httpMethod, text: method)
      $0.set(.httpStatus, .integer(200))
    }
    let output = try Self.object { event.appendOCSF(to: &$0) }
    #expect(output["class_uid"] as? Int == 4002 && output["category_uid"] as? Int == 4)
    #expect(output["activity_id"] as? Int == activity && output["type_uid"] as? Int == type)
    #expect((output["metadata"] as? Object)?["profiles"] as? [String] == ["load_balancer"])
  }

  @Test func upstreamAttemptsAreEndpointConnections() throws {
    let event = event {
      $0.set(.httpMethod, text: "GET")
      $0.set(.upstreamAddress, text: "10.0.0.1:80, app : [2001:db8::1]:81")
      $0.set(.upstreamStatus, text: "502, 504 : 200")
    }
    let output = try Self.object { event.appendOCSF(to: &$0) }
    let attempts = (output["load_balancer"] as? Object)?["endpoint_connections"] as? [Object] ?? []
    #expect(attempts.map { $0["code"] as? Int } == [502, 504, 200])
    let servers = attempts.compactMap { $0["network_endpoint"] as? Object }
    #expect(servers.map { "\($0["ip"] ?? $0["name"] ?? "")" } == ["10.0.0.1", "app", "2001:db8::1"])
    let list =
      #""upstream":[{"group":0,"addr":"10.0.0.1:80","status":502},{"group":0,"addr":"app","status":504},"#
      + #"{"group":1,"addr":"[2001:db8::1]:81","status":200}]"#
    for write in 0..<3 {
      var out = ByteBuffer()
      if write == 0 {
        event.appendJSON(to: &out)
      } else if write == 1 {
        event.appendECS(to: &out)
      } else {
        event.appendOCSF(to: &out)
      }
      #expect(out.view.text.contains(list), "\(out.view.text)")
    }
    let map = try #require(Self.object { event.appendOTLP(to: &$0) }["resourceLogs"])
    #expect("\(map)".contains("kvlistValue"))
  }

  @Test(arguments: [("error", 6, 4, 17), ("warn", 6, 3, 13), ("what", 0, 6, 21), ("", 3, 4, 17)])
  func severitiesAreTheErrorLogsElseTheHeaders(_ level: String, _ header: Int64, _ ocsf: Int, _ otel: Int)
    throws
  {
    let event = event(
      {
        if !level.isEmpty { $0.set(.logLevel, text: level) }
        $0.set(.syslogSeverity, .integer(header))
      }, format: "nginx/error")
    #expect(try Self.object { event.appendOCSF(to: &$0) }["severity_id"] as? Int == ocsf)
    let record = Self.parts(try Self.object { event.appendOTLP(to: &$0) }).record
    #expect(record["severityNumber"] as? Int == otel)
  }

  @Test func largeNumbersKeepAllDigits() throws {
    let event = event { $0.set(.bytesOut, .size(9_007_199_254_740_993)) }
    var out = ByteBuffer()
    event.appendJSON(to: &out)
    event.appendECS(to: &out)
    event.appendOCSF(to: &out)
    let count = out.view.text.split(separator: ":9007199254740993").count
    #expect(count >= 4, "\(out.view.text)")
    let output = try Self.object { event.appendOTLP(to: &$0) }
    #expect(Self.parts(output).attributes["stele.bytes.out"] as? String == "9007199254740993")
  }
}
