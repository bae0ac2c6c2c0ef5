import Bytes
import Events
import Segments

extension Event {
  /// Sets what is known of an entry beside its bytes.
  mutating func setEntry(index: UInt64, _ metadata: EntryMetadata, source: String?, envelope: ByteView) {
    set(.seq, .integer(Int64(clamping: index)))
    if let source { set(.sourceID, text: source) }
    let transport = envelope.isEmpty ? nil : Self.transports[envelope[0]]
    if let transport { set(.sourceTransport, text: transport) }
    switch metadata.flags & 7 {
    case 0: set(.frame, text: transport == "udp" ? "udp" : "datagram")
    case 1: set(.frame, text: "octet")
    case 2: set(.frame, text: transport == "file" || transport == "stdin" ? "file" : "lf")
    case 3: set(.frame, text: "nul")
    default: break
    }
    let truncations = ["none", "source_suspected", "source_certain", "collector"]
    set(.truncated, text: truncations[Int(metadata.flags &>> 3 & 3)])
    setPeer(envelope)
  }

  private static let transports: [UInt8: String] = [
    0: "file", 1: "udp", 2: "tcp", 3: "tls", 4: "unix", 6: "stdin",
  ]

  /// Reads the envelope's fields: tag, byte count, bytes. Stops where they end early.
  private mutating func setPeer(_ envelope: ByteView) {
    var offset = 1
    while offset + 2 <= envelope.count {
      let tag = envelope[offset], count = Int(envelope[offset + 1])
      guard offset + 2 + count <= envelope.count else { return }
      let bytes = envelope[offset + 2, offset + 2 + count]
      switch tag {
      case 1: if let address = Address(bytes: bytes) { set(.sourcePeerIP, .address(address)) }
      case 2 where count == 2: set(.sourcePeerPort, .integer(Int64(bytes[0]) | Int64(bytes[1]) &<< 8))
      case 5: set(.sourcePeerIdentity, text: bytes)
      default: break
      }
      offset += 2 + count
    }
  }
}

/// Statements of Stele itself.
enum ControlText {
  /// The value of `"type"` in a line of JSON, as far as it is plain text.
  static func kind(_ raw: ByteView) -> ByteView? {
    Array("\"type\":\"".utf8).withView { key in
      guard let found = raw.find(key) else { return nil }
      let start = found + key.count
      guard let end = raw.find(UInt8(ascii: "\""), from: start), end > start else { return nil }
      return raw[start, end]
    }
  }
}
