import Bytes
import Events
import MerkleLog
import Platform
import Segments

extension EntryFields {
  var lines: [String] {
    [
      Description.line("Received", Timestamp.text(metadata.time)),
      Description.line(
        "Kind", metadata.kind == .control ? "control: a statement of the log itself" : "message"),
      Description.line("Source", "number \(metadata.source)"),
      Description.line("Flags", EntryFlags(metadata.flags).text),
      Description.line("Bytes", "\(rawByteCount)"),
    ]
  }

  var json: JSONValue {
    [
      "time": .text(Timestamp.text(metadata.time)),
      "kind": metadata.kind == .control ? "control" : "received",
      "source": .number(metadata.source), "flags": .list(EntryFlags(metadata.flags).names.map { .text($0) }),
      "raw_bytes": .number(rawByteCount), "commitment": .text("\(commitment)"),
    ]
  }
}

/// The meaning of an entry's flags.
struct EntryFlags {
  /// One word each: the framing first.
  var names: [String]

  init(_ flags: UInt16) {
    let framings = ["datagram", "octet_counting", "line_feed", "nul", "control"]
    let framing = Int(flags & 7)
    names = [framing < framings.count ? framings[framing] : "framing_\(framing)"]
    switch flags >> 3 & 3 {
    case 1: names.append("truncation_suspected")
    case 2: names.append("truncated")
    case 3: names.append("truncated_by_collector")
    default: break
    }
    let bits = [
      (5, "unterminated"), (6, "continued"), (7, "trailing_line_feed"), (8, "cut"), (9, "masked"),
      (10, "foreign"),
    ]
    for (bit, name) in bits where flags >> UInt16(bit) & 1 == 1 { names.append(name) }
  }

  var text: String { names.map { $0.split(separator: "_").joined(separator: " ") }.joined(separator: ", ") }
}

/// What the transport knew of a message, field by field.
struct EnvelopeDescription {
  private(set) var members: [JSONValue.Member] = []

  /// Reads an envelope: transport u8, then fields of tag u8, byte count u8, bytes. What is not known is shown
  /// in hexadecimal.
  init(_ envelope: ByteView) {
    guard !envelope.isEmpty else { return }
    let transports = [
      "file", "udp", "tcp", "tls", "unix_datagram", "control", "standard_input", "unix_stream",
    ]
    let transport = Int(envelope[0])
    add("transport", .text(transport < transports.count ? transports[transport] : "\(transport)"))
    var offset = 1
    while offset + 2 <= envelope.count {
      let end = offset + 2 + Int(envelope[offset + 1])
      guard end <= envelope.count else { break }
      add(tag: envelope[offset], envelope[offset + 2, end])
      offset = end
    }
    if offset < envelope.count { add("rest", .text(Hex.encode(envelope.dropFirst(offset)))) }
  }

  private mutating func add(_ name: String, _ value: JSONValue) { members.append(.init(name, value)) }

  private mutating func add(tag: UInt8, _ bytes: ByteView) {
    var reader = ByteReader(bytes)
    switch tag {
    case 1:
      if let address = IPAddress(bytes) { return add("peer_address", .text("\(address)")) }
    case 2:
      if bytes.count == 2, let port = try? reader.integer(UInt16.self) {
        return add("peer_port", .number(port))
      }
    case 3:
      if bytes.count == 8, let number = try? reader.integer(UInt64.self) {
        return add("connection", .number(number))
      }
    case 4: return add("certificate", .text(Hex.encode(bytes)))
    case 5: return add("subject", .text(bytes.text))
    case 6: return add("path", .text(bytes.text))
    case 7:
      if bytes.count == 12, let process = try? reader.integer(UInt32.self),
        let user = try? reader.integer(UInt32.self), let group = try? reader.integer(UInt32.self)
      {
        add("process", .number(process))
        add("user", .number(user))
        return add("group", .number(group))
      }
    case 8:
      if bytes.count == 34, let device = try? reader.integer(UInt64.self),
        let inode = try? reader.integer(UInt64.self), let offset = try? reader.integer(UInt64.self)
      {
        add("device", .number(device))
        add("inode", .number(inode))
        return add("stored_to", .number(offset))
      }
    case 9:
      if bytes.count > 2, let address = IPAddress(bytes.prefix(bytes.count - 2)) {
        let port = UInt16(bytes[bytes.count - 2]) | UInt16(bytes[bytes.count - 1]) << 8
        return add("proxy", .text("\(SocketAddress.ip(address, port: port))"))
      }
    default: break
    }
    add("tag_\(tag)", .text(Hex.encode(bytes)))
  }

  var text: String {
    members.map { member in
      if case .text(let text) = member.value {
        "\(member.name) \(text)"
      } else {
        "\(member.name) \(member.value.text)"
      }
    }.joined(separator: ", ")
  }
}

extension ProofExtra.Disclosure {
  /// The message as text; nil when it is not UTF-8.
  private var message: String? { String(validating: raw, as: UTF8.self) }

  var lines: [String] {
    let envelope = envelope.withView { EnvelopeDescription($0).text }
    // Control bytes in a hostile message must not reach the terminal.
    let shown = String(decoding: raw, as: UTF8.self).unicodeScalars.map { scalar in
      scalar.value < 0x20 || scalar.value == 0x7F || (0x80..<0xA0).contains(scalar.value)
        ? "\u{FFFD}" : "\(scalar)"
    }.joined()
    var lines: [String] = []
    if !sourceName.isEmpty {
      lines.append(Description.line("Source", "\(sourceName) (the name is not proved)"))
    }
    return lines + [Description.line("Envelope", envelope), Description.line("Message", shown)]
  }

  var json: JSONValue {
    [
      "source_name": .text(sourceName),
      "envelope": .object(envelope.withView { EnvelopeDescription($0).members }),
      "raw": .optional(message), "raw_base64": .text(raw.withView { Base64.encode($0) }),
    ]
  }
}

extension CheckedProof {
  /// For people: what is proved, and by whom.
  public var text: String {
    var lines = [
      Description.line(
        "Proved",
        "entry \(index) is in the log \(checkpoint.origin), under its checkpoint of size \(checkpoint.size)")
    ]
    for key in signers { lines.append(Description.line("Signed by", "\(key)")) }
    lines += fields.lines
    if let disclosure {
      lines += disclosure.lines
    } else {
      lines.append(Description.line("Message", "not disclosed; the entry commits to it"))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// What is proved, as one object.
  public var json: JSONValue {
    [
      "result": "proved", "index": .number(index), "origin": .text("\(checkpoint.origin)"),
      "size": .number(checkpoint.size), "root": .text("\(checkpoint.root)"),
      "signers": .list(signers.map { .text("\($0)") }), "entry": fields.json,
      "disclosure": disclosure?.json ?? .null,
    ]
  }
}
