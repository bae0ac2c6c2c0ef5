import Bytes
import Inspect

/// What one line came to.
struct Explanation {
  /// How well the line fits, as `parse.status` says it.
  enum Status: String, CaseIterable {
    /// Every value is what its slot expects.
    case ok
    /// The line fits, but some value is not of its field's type, and is kept as text.
    case partial
    /// It fits in more than one way, so it is kept whole.
    case ambiguous
    /// It does not fit, and is kept whole.
    case failed
  }

  /// One part of a line.
  struct Part {
    var range: Range<Int>
    /// Within how many other parts.
    var depth: Int
    /// The field's name, or the load balancer's own.
    var name: String
    /// The bytes, safe to show.
    var text: String
    /// All bytes, where they are not UTF-8.
    var base64: String?
    /// What they mean; nil for text.
    var value: String?
    /// Why there is no value.
    var null: String?
  }

  /// Where a line stopped fitting, and why.
  struct Failure {
    /// Byte offset in the line.
    var offset: Int
    var picture: LinePicture
    /// The format that came furthest; nil where there is none.
    var format: String?
    /// Its slot that did not fit: a field's name, or the load balancer's own; nil at the line's end.
    var field: String?
    /// What would have had to stand there.
    var expected: String
    /// What stands there, and what is wrong with it.
    var found: String

    /// Everything in one sentence.
    var text: String {
      var text = "byte \(offset): "
      if let format {
        // A format of the user's own is called as it is spelled.
        let name = format.count > 48 ? "\(format.prefix(47))…" : format
        text += field.map { "\(name) has \($0) here: " } ?? "\(name): "
      }
      return text + expected + (found.isEmpty ? "" : "; \(found)")
    }
  }

  /// How far one shipped format came.
  struct Advice {
    var format: String
    var fits: Bool
    /// Byte offset in the line.
    var offset: Int
  }

  var status = Status.ok
  /// The templates that fit, the outermost first: a syslog header, the format.
  var templates: [String] = []
  var parts: [Part] = []
  /// Fields worked out from the others, with their values.
  var derived: [(name: String, text: String)] = []
  var failure: Failure?
  /// Shipped formats, the best first.
  var advice: [Advice] = []
  var byteCount = 0

  var fits: Bool { status == .ok || status == .partial }
  /// The format that fits.
  var format: String? { fits ? templates.last : nil }
}

extension Explanation {
  func text(_ place: String?) -> String {
    var text = place.map { "\($0): " } ?? ""
    switch status {
    case .ok: text += templates.joined(separator: ", ")
    case .partial: text += "\(templates.joined(separator: ", ")), partial: a value is not of its field's type"
    case .ambiguous: text += "is ambiguous"
    case .failed: text += "does not fit"
    }
    text += " (\(byteCount) bytes)\n" + partsText
    if !derived.isEmpty {
      text += "  and so: " + derived.map { "\($0.name) \($0.text)" }.joined(separator: ", ") + "\n"
    }
    if let failure { text += failure.picture.text(indent: 2) + "\n  \(failure.text)\n" }
    for line in adviceLines { text += "  \(line)\n" }
    return text
  }

  private var partsText: String {
    let width = parts.map { $0.name.count + 2 * $0.depth }.max() ?? 0
    let digits = String(byteCount).count
    var text = ""
    for part in parts {
      let indent = String(repeating: "  ", count: part.depth)
      text += "  \(padded(part.range.lowerBound, digits))-\(padded(part.range.upperBound, digits))  "
      text += indent + part.name + String(repeating: " ", count: width - part.name.count - indent.count)
      text += "  " + part.text
      if let null = part.null {
        text += "  = nothing (\(null))"
      } else if let value = part.value, value != part.text {
        text += "  = \(value)"
      }
      text += "\n"
    }
    return text
  }

  /// Which format to try instead.
  var adviceLines: [String] {
    let fitting = advice.filter(\.fits).map(\.format)
    if !fitting.isEmpty {
      return ["this line fits \(fitting.joined(separator: ", ")): use --format \(fitting[0])"]
    }
    let near = advice.filter { $0.offset > 0 }.prefix(3)
    if near.isEmpty { return [] }
    return ["came furthest: " + near.map { "\($0.format) to byte \($0.offset)" }.joined(separator: ", ")]
  }

  private func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: " ", count: max(0, width - digits.count)) + digits
  }

  func json(_ file: String?, _ number: Int?) -> JSONValue {
    var members: [JSONValue.Member] = []
    if let file { members.append(.init("file", .text(file))) }
    if let number { members.append(.init("line", .number(number))) }
    members.append(.init("fits", .flag(fits)))
    members.append(.init("status", .text(status.rawValue)))
    members.append(.init("templates", .list(templates.map { .text($0) })))
    let parts = parts.map { part -> JSONValue in
      let object: JSONValue = [
        "start": .number(part.range.lowerBound), "end": .number(part.range.upperBound),
        "name": .text(part.name), "text": .text(part.text), "value": .optional(part.value),
      ]
      return object.adding("null", part.null.map { .text($0) }).adding(
        "base64", part.base64.map { .text($0) })
    }
    members.append(.init("parts", .list(parts)))
    members.append(.init("derived", .object(derived.map { .init($0.name, .text($0.text)) })))
    if let failure {
      members.append(.init("offset", .number(failure.offset)))
      members.append(.init("error", .text(failure.text)))
      members.append(.init("format", .optional(failure.format)))
      members.append(.init("field", .optional(failure.field)))
      members.append(.init("expected", .text(failure.expected)))
      members.append(.init("found", .text(failure.found)))
    }
    let advice = advice.map { advice -> JSONValue in
      ["format": .text(advice.format), "fits": .flag(advice.fits), "offset": .number(advice.offset)]
    }
    if !advice.isEmpty { members.append(.init("formats", .list(advice))) }
    return .object(members)
  }
}
