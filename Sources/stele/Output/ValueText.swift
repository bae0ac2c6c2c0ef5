import Bytes
import Events

/// Typed values for people.
enum ValueText {
  /// The value, with its unit; nil for text, which is its own bytes.
  static func text(_ value: Value) -> String? {
    switch value {
    case .null(let reason): "nothing (\(reason.name))"
    case .integer(let number): "\(number)"
    case .duration(let nanoseconds): duration(nanoseconds)
    case .size(let bytes): "\(bytes) bytes"
    case .time(let moment): Timestamp.text(moment, digits: moment % 1_000_000_000 == 0 ? 0 : 9)
    case .address(let address): "\(address)"
    case .flag(let flag): flag ? "yes" : "no"
    case .text: nil
    }
  }

  private static func duration(_ nanoseconds: Int64) -> String {
    switch nanoseconds.magnitude {
    case 0: "0 ms"
    case ..<1_000_000: "\(shortest(nanoseconds, 1000)) µs"
    case ..<1_000_000_000: "\(shortest(nanoseconds, 1_000_000)) ms"
    default: "\(shortest(nanoseconds, 1_000_000_000)) s"
    }
  }

  /// A quotient without needless zeros: `86`, `0.5`.
  private static func shortest(_ value: Int64, _ unit: Int64) -> String {
    value % unit == 0 ? "\(value / unit)" : "\(Double(value) / Double(unit))"
  }

  /// Bytes as they may be shown on a terminal, cut to `limit` characters.
  static func visible(_ bytes: ByteView, limit: Int = .max) -> String {
    var out = ByteBuffer()
    // No character has more than four bytes.
    let shown = limit < bytes.count / 4 ? limit * 4 : bytes.count
    VisibleText.append(bytes.prefix(shown), to: &out)
    let text = out.view.text
    return text.count > limit ? text.prefix(limit - 1) + "…" : text
  }
}
