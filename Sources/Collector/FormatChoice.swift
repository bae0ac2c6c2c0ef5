import SegmentWriter

/// Which shipped format a source with `format: auto` is taken to have, and why.
public struct FormatChoice: Equatable, Sendable {
  /// What made the choice.
  public enum Reason: String, Sendable {
    /// The source's first lines.
    case firstLines = "first_lines"
    /// There were not more lines than these.
    case end
    /// For thousands of lines the format chosen before fitted less than half, and this one fitted more.
    case sustained
  }

  /// The source's name.
  public var source: String
  /// The format that is tried first from now on; nil when no line had any.
  public var format: String?
  /// How many of `lines` lines fit it.
  public var fitting: Int
  public var lines: Int
  /// The format that fits most of them after it.
  public var runnerUp: String?
  public var runnerUpFitting: Int
  /// The one that was tried first until now.
  public var previous: String?
  public var reason: Reason

  /// The control entry that tells it: one object of JSON.
  var record: String {
    func text(_ name: String?) -> String { name.map { JSON.quote($0) } ?? "null" }
    var json = #"{"type":"format","source":\#(JSON.quote(source)),"format":\#(text(format)),"#
    json += #""fitting":\#(fitting),"lines":\#(lines),"why":"\#(reason.rawValue)""#
    if let runnerUp {
      json += #","runner_up":{"format":\#(JSON.quote(runnerUp)),"fitting":\#(runnerUpFitting)}"#
    }
    if reason == .sustained { json += #","previous":\#(text(previous))"# }
    return json + "}"
  }
}

extension FormatChoice: CustomStringConvertible {
  /// One line for people.
  public var description: String {
    var text = "source \(source): "
    guard let format else { return text + "none of the first \(lines) lines fits a format that Stele knows" }
    text += "format \(format): \(fitting) of \(lines) lines fit"
    if let runnerUp { text += ", of \(runnerUp) \(runnerUpFitting)" }
    if reason == .sustained { text += "; until now it was \(previous ?? "unknown")" }
    return text
  }
}

/// How far the choice of one source is, for whoever reports.
public struct FormatEvidence: Equatable, Sendable {
  /// The choice; nil while there are too few lines.
  public var choice: FormatChoice?
  /// Lines seen so far, and how many of them fit the chosen format, or the best so far.
  public var lines = 0
  public var fitting = 0
  /// The best so far, while nothing is chosen.
  public var leader: String?

  /// One line for people; nil before the first line.
  public var summary: String? {
    if let choice { return "\(choice)" }
    return leader.map { "format \($0) so far: \(fitting) of \(lines) lines fit" }
  }
}
