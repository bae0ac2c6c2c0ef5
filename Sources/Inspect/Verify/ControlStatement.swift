import Bytes
import Events

/// The few members of a control entry that `verify` adds up: one line of JSON that Stele wrote itself. What
/// does not look so is passed over, for nothing depends on it.
struct ControlStatement {
  var type: String?
  var source: String?
  var count: UInt64?
  /// Whether what is counted are messages that are not in the log, each counted by no other statement.
  private(set) var isLoss = false

  init(_ line: ByteView) {
    type = Self.text(line, #""type":""#)
    source = Self.text(line, #""source":""#)
    count = Self.number(line, #""count":"#)
    if type == "loss" {
      let layer = Self.text(line, #""layer":""#).flatMap(LossLayer.init(rawValue:))
      let unit = Self.text(line, #""unit":""#).flatMap(LossUnit.init(rawValue:))
      isLoss = layer.map { $0.effect == .lost && (unit ?? $0.unit) == .messages } ?? true
    }
  }

  private static func value(_ line: ByteView, _ key: String) -> ByteView? {
    Array(key.utf8).withView { key in line.find(key).map { line.dropFirst($0 + key.count) } }
  }

  private static func text(_ line: ByteView, _ key: String) -> String? {
    guard let rest = value(line, key), let end = rest.find(UInt8(ascii: "\"")), end <= 256 else { return nil }
    return rest.prefix(end).text
  }

  private static func number(_ line: ByteView, _ key: String) -> UInt64? {
    guard let rest = value(line, key) else { return nil }
    var end = 0
    while end < min(rest.count, 20), rest[end] &- UInt8(ascii: "0") < 10 { end += 1 }
    return UInt64(rest.prefix(end).text)
  }
}

extension ControlTotals {
  /// Most types and sources that are told apart.
  private static let limit = 1024

  mutating func add(_ statement: ControlStatement) {
    guard let type = statement.type else { return }
    if types[type] != nil || types.count < Self.limit { types[type, default: 0] += 1 }
    guard statement.isLoss, let source = statement.source, let count = statement.count else { return }
    if losses[source] != nil || losses.count < Self.limit {
      let (sum, overflow) = losses[source, default: 0].addingReportingOverflow(count)
      losses[source] = overflow ? .max : sum
    }
  }
}
