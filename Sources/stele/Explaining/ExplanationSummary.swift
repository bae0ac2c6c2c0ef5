import Bytes
import Inspect

/// What many lines came to.
struct ExplanationSummary {
  /// Lines that stopped fitting at the same place of the same format.
  private struct Place {
    var failure: Explanation.Failure
    /// Where the first of them is.
    var example: String
    var count = 0
  }

  /// One of several ways not to fit.
  private struct Key: Hashable {
    var format: String?
    var field: String?
    var expected: String
    var status: Explanation.Status
  }

  private(set) var counts: [Explanation.Status: Int] = [:]
  private var formats: [String: Int] = [:]
  private var places: [Key: Place] = [:]
  private var order: [Key] = []
  private var advice: [String: Int] = [:]

  /// Distinct places that are kept; the lines of further ones are only counted.
  private static let placeLimit = 1000
  /// Places that are shown.
  private static let shown = 20

  var lines: Int { counts.values.reduce(0, +) }
  var fitting: Int { counts[.ok, default: 0] + counts[.partial, default: 0] }
  var failing: Int { lines - fitting }

  mutating func add(_ explanation: Explanation, _ place: String) {
    counts[explanation.status, default: 0] += 1
    if let format = explanation.format { formats[format, default: 0] += 1 }
    guard let failure = explanation.failure else { return }
    for advice in explanation.advice where advice.fits { self.advice[advice.format, default: 0] += 1 }
    // What is expected where a value has two ends names offsets, which differ from line to line.
    let expected = explanation.status == .ambiguous ? "" : failure.expected
    let key = Key(
      format: failure.format, field: failure.field, expected: expected, status: explanation.status)
    if places[key] == nil {
      guard places.count < Self.placeLimit else { return }
      places[key] = Place(failure: failure, example: place)
      order.append(key)
    }
    places[key]?.count += 1
  }

  private var ranking: [(status: Explanation.Status, place: Place)] {
    order.compactMap { key in places[key].map { (key.status, $0) } }.sorted { $0.1.count > $1.1.count }
  }

  func text(_ format: String) -> String {
    var text = ""
    for (number, (status, place)) in ranking.enumerated() {
      if number == 0 { text += "Where lines do not fit:\n" }
      if number == Self.shown {
        text += "  and \(places.count - Self.shown) other places\n"
        break
      }
      text += "  \(place.count) \(status.rawValue), the first is \(place.example):\n"
      text += "\(place.failure.picture.text(indent: 4))\n    \(place.failure.text)\n"
    }
    if failing > 0, !advice.isEmpty {
      text += "Formats that fit these lines: \(Self.list(advice))\n"
    }
    if format == "auto", !formats.isEmpty { text += "Formats of the others: \(Self.list(formats))\n" }
    var parts = ["\(fitting) lines fit \(format), \(failing) do not"]
    for status in Explanation.Status.allCases where status != .ok {
      if let count = counts[status] { parts.append("\(count) \(status.rawValue)") }
    }
    return text + parts.joined(separator: "; ") + "\n"
  }

  private static func ranked(_ counts: [String: Int]) -> [(name: String, count: Int)] {
    counts.sorted { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  private static func list(_ counts: [String: Int]) -> String {
    ranked(counts).map { "\($0.name) \($0.count)" }.joined(separator: ", ")
  }

  private static func json(_ counts: [String: Int]) -> JSONValue {
    .object(ranked(counts).map { .init($0.name, .number($0.count)) })
  }

  /// Members of the object that `--json` prints.
  var members: [JSONValue.Member] {
    let places = ranking.map { status, place -> JSONValue in
      [
        "status": .text(status.rawValue), "lines": .number(place.count), "example": .text(place.example),
        "format": .optional(place.failure.format), "field": .optional(place.failure.field),
        "offset": .number(place.failure.offset), "error": .text(place.failure.text),
      ]
    }
    return [
      .init("fitting", .number(fitting)), .init("failing", .number(failing)),
      .init(
        "counts", .object(Explanation.Status.allCases.map { .init($0.rawValue, .number(counts[$0] ?? 0)) })),
      .init("formats", Self.json(formats)), .init("suggested", Self.json(advice)),
      .init("places", .list(places)),
    ]
  }
}
