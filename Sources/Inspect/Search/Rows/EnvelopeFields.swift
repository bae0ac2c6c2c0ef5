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
    if metadata.flags & 0x200 != 0 { set(.masked, .flag(true)) }
    if metadata.flags & 0x400 != 0 { set(.foreign, .flag(true)) }
    setPeer(envelope)
  }

  private static let transports: [UInt8: String] = [
    0: "file", 1: "udp", 2: "tcp", 3: "tls", 4: "unix", 6: "stdin", 7: "unix-stream",
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

extension Event {
  /// Sets what a statement of Stele itself says: one line of JSON.
  mutating func setStatement(_ raw: ByteView) {
    let action = ControlText.text("type", of: raw)
    let isLoss = action.map { $0.text == "loss" } ?? false
    set(.kind, text: (isLoss ? EventKind.lossNotice : .collector).rawValue)
    if let action { set(.action, text: action) }
    guard isLoss else { return }
    if let source = ControlText.text("source", of: raw) { set(.lossSource, text: source) }
    if let layer = ControlText.text("layer", of: raw) { set(.lossLayer, text: layer) }
    if let count = ControlText.number("count", of: raw) { set(.lossCount, .integer(count)) }
    for (field, key) in [(Field.lossFrom, "from"), (.lossTo, "to")] {
      guard let stamp = ControlText.text(key, of: raw).flatMap({ Stamp(iso: $0) }) else { continue }
      set(field, .time(EventContext(receiveTime: 0).resolve(stamp).nanoseconds))
    }
  }
}

/// Statements of Stele itself.
enum ControlText {
  /// The value of a key in a line of JSON, as far as it is plain text; nil when that is not there.
  static func text(_ key: String, of raw: ByteView) -> ByteView? {
    guard let start = value(of: key, in: raw), start < raw.count, raw[start] == UInt8(ascii: "\""),
      let end = raw.find(UInt8(ascii: "\""), from: start + 1), end > start + 1
    else { return nil }
    return raw[start + 1, end]
  }

  /// The value of a key in a line of JSON, where it is a number of up to 18 digits.
  static func number(_ key: String, of raw: ByteView) -> Int64? {
    guard let start = value(of: key, in: raw) else { return nil }
    var end = start
    while end < raw.count, raw[end] &- UInt8(ascii: "0") < 10 { end += 1 }
    guard end > start, end - start <= 18 else { return nil }
    return Int64(raw[start, end].text)
  }

  private static func value(of key: String, in raw: ByteView) -> Int? {
    Array("\"\(key)\":".utf8).withView { key in raw.find(key).map { $0 + key.count } }
  }
}
