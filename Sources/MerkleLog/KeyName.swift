import Bytes

/// The name of a key that signs notes; a log's origin is the name of its key. Not empty, valid UTF-8, without
/// spaces, plus signs and control bytes (C2SP signed-note). Compared byte by byte, never by what looks the
/// same.
public struct KeyName: Hashable, Sendable {
  /// The name in UTF-8.
  public let bytes: [UInt8]

  /// Takes `bytes`; nil when they cannot be a name.
  public init?(_ bytes: ByteView) {
    let bytes = bytes.array
    guard let text = String(validating: bytes, as: UTF8.self), !text.isEmpty else { return nil }
    for scalar in text.unicodeScalars {
      if scalar.value < 0x20 || scalar == "+" || scalar.properties.isWhitespace { return nil }
    }
    self.bytes = bytes
  }

  /// Takes `text`; nil when it cannot be a name.
  public init?(_ text: String) {
    guard let name = Array(text.utf8).withView({ KeyName($0) }) else { return nil }
    self = name
  }
}

extension KeyName {
  /// The name of the one-time key that signs checkpoint `number` of the log called so: `ORIGIN#number`.
  public func checkpointKey(_ number: UInt64) -> KeyName { KeyName(self, suffix: "#\(number)") }

  /// The name of the one-time key that signs seal `number` of the log called so: `ORIGIN#seal-number`.
  public func sealKey(_ number: UInt64) -> KeyName { KeyName(self, suffix: "#seal-\(number)") }

  /// `suffix` holds nothing that a name must not hold.
  private init(_ name: KeyName, suffix: String) { bytes = name.bytes + Array(suffix.utf8) }
}

extension KeyName: CustomStringConvertible {
  public var description: String { String(decoding: bytes, as: UTF8.self) }
}
