import Bytes
import Platform

/// One family of metrics: samples of one name.
struct MetricFamily: Sendable {
  enum Kind: String, Sendable { case counter, gauge, histogram }

  enum Value: Sendable {
    case integer(Int128)
    /// Printed in seconds.
    case nanoseconds(Int64)
    case histogram(Histogram.Reading, unit: Unit)
  }

  /// What a histogram's values are.
  enum Unit: Sendable { case nanoseconds, bytes }

  struct Sample: Sendable {
    var labels: [(name: String, value: String)]
    var value: Value
  }

  var name: String
  var kind: Kind
  var help: String
  var samples: [Sample]

  init(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
    self.name = name
    self.kind = kind
    self.help = help
    self.samples = samples
  }

  /// A family of one sample without labels.
  init(_ name: String, _ kind: Kind, _ help: String, _ value: Value) {
    self.init(name, kind, help, [Sample(labels: [], value: value)])
  }
}

extension MetricFamily.Value {
  static func number(_ value: some BinaryInteger) -> Self { .integer(Int128(value)) }
  static func flag(_ value: Bool) -> Self { .integer(value ? 1 : 0) }
}

/// Prints metrics as text: in the format of Prometheus, version 0.0.4 (prometheus.io, "Exposition formats"), or as
/// OpenMetrics 1.0, where a counter's family is named without `_total`, and the end is told.
enum Exposition {
  case prometheus, openMetrics

  var mediaType: String {
    switch self {
    case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
    case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }
  }

  /// What somebody prefers who accepts these media types (RFC 9110, 12.5.1); Prometheus' own unless OpenMetrics is
  /// named.
  init(accept: String?) {
    func weight(_ type: String) -> Double {
      let ranges = (accept ?? "").lowercased().split(separator: ",").map { range in
        range.split(separator: ";").map { $0.filter { $0 != " " && $0 != "\t" } }
      }
      guard let range = ranges.first(where: { $0.first == type }) else { return 0 }
      let quality = range.dropFirst().first { $0.hasPrefix("q=") }?.dropFirst(2)
      return quality.map { Double($0) ?? 0 } ?? 1
    }
    let open = weight("application/openmetrics-text")
    self = open > 0 && open >= weight("text/plain") ? .openMetrics : .prometheus
  }

  func text(_ families: [MetricFamily]) -> [UInt8] {
    var out = ByteBuffer()
    let isOpen = self == .openMetrics
    for family in families where !family.samples.isEmpty {
      let name = isOpen && family.kind == .counter ? family.name.dropLast("_total".count) : family.name[...]
      out.append("# HELP \(name) \(Self.escaped(family.help, quotes: isOpen))\n")
      out.append("# TYPE \(name) \(family.kind.rawValue)\n")
      for sample in family.samples { Self.append(sample, of: family.name, to: &out) }
    }
    if isOpen { out.append("# EOF\n") }
    return out.view.array
  }

  private static func append(_ sample: MetricFamily.Sample, of name: String, to out: inout ByteBuffer) {
    switch sample.value {
    case .integer(let value): append(name, sample.labels, "\(value)", to: &out)
    case .nanoseconds(let value): append(name, sample.labels, seconds(value), to: &out)
    case .histogram(let reading, let unit):
      var count: UInt64 = 0
      for (place, inStep) in reading.counts.enumerated() {
        count += inStep
        let bound = place < reading.bounds.count ? number(reading.bounds[place], unit) : "+Inf"
        append(name + "_bucket", sample.labels + [("le", bound)], "\(count)", to: &out)
      }
      append(name + "_sum", sample.labels, number(reading.sum, unit), to: &out)
      append(name + "_count", sample.labels, "\(count)", to: &out)
    }
  }

  private static func append(
    _ name: String, _ labels: [(name: String, value: String)], _ value: String, to out: inout ByteBuffer
  ) {
    out.append(name)
    if !labels.isEmpty {
      let list = labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }
      out.append("{\(list.joined(separator: ","))}")
    }
    out.append(" \(value)\n")
  }

  private static func number(_ value: Int64, _ unit: MetricFamily.Unit) -> String {
    unit == .bytes ? "\(value)" : seconds(value)
  }

  /// Nanoseconds as seconds, exact and without needless zeros.
  static func seconds(_ nanoseconds: Int64) -> String {
    let (whole, rest) = nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
    let sign = nanoseconds < 0 ? "-" : ""
    if rest == 0 { return "\(sign)\(whole)" }
    var digits = String("\(1_000_000_000 + rest)".dropFirst())
    while digits.hasSuffix("0") { digits.removeLast() }
    return "\(sign)\(whole).\(digits)"
  }

  /// Backslashes and line feeds, and where `quotes` says so those too, are escaped.
  private static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}
