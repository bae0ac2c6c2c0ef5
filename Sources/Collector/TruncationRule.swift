import Bytes
import Events
import Syslog
import Templates

/// Tells from a line that no format fits whether its sender has probably cut it.
///
/// A length that the sender is known to cut at makes it certain, and is the receiver's business. Here stands
/// what only looks like it: a quote that the source's format would have closed, or a length at which software
/// usually cuts.
enum TruncationRule {
  /// Bytes of a message, line feed and all, at which it is cut unless somebody set another limit: HAProxy's
  /// `len` (configuration manual, 4.2 `log`), what RFC 5424 tells receivers to take, and rsyslog's
  /// `maxMessageSize`.
  static let usualLimits = [1024, 2048, 4096, 8192]

  /// Whether lines of these formats have quotes.
  static func hasQuotes(_ templates: [Template]) -> Bool {
    templates.contains { template in
      template.literals.contains { $0.contains(UInt8(ascii: "\"")) }
        || template.slots.contains { hasQuotes($0.alternatives) }
    }
  }

  /// The flags of a message that no format fits.
  static func flags(_ flags: FrameFlags, unparsed raw: ByteView, hasQuotes: Bool) -> FrameFlags {
    if flags.truncation != .none || flags.continued { return flags }
    let size = raw.count + (flags.trailingLineFeed ? 1 : 0)
    var flags = flags
    if usualLimits.contains(size) || hasQuotes && QuoteScan.isOpen(raw) { flags.truncation = .suspected }
    return flags
  }

  /// The flags of a message whose format fits, but for the end of its last quotes.
  static func flags(cut flags: FrameFlags) -> FrameFlags {
    if flags.truncation != .none { return flags }
    var flags = flags
    flags.truncation = .suspected
    return flags
  }
}
