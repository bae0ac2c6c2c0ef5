import Bytes
import Collector
import Events
import Inspect
import Platform
import Templates

/// Runs the tests of one source: each line is read as the daemon would read it.
struct SourceTestRun: ~Copyable {
  private var explainer: LineExplainer
  private let zone: Zone
  private let source: SourceSettings
  private let names: Set<String>
  private(set) var failures: [ConfigurationError] = []
  private(set) var passed = 0

  init(_ source: SourceSettings, _ definition: SourceDefinition) {
    self.source = source
    let bodies = definition.templates.filter { !$0.name.hasPrefix("syslog/") }
    explainer = LineExplainer(bodies, message: definition.templates)
    zone = TimeZoneFile.zone(source.timezone) ?? .utc
    var names = Set(Field.allCases.map(\.name))
    for template in definition.templates { Self.addNames(template, &names) }
    self.names = names
  }

  /// What of the tests in a configuration does not hold.
  static func failures(_ settings: Settings, _ plan: DaemonPlan) -> [ConfigurationError] {
    zip(settings.sources, plan.inputs).flatMap { source, input -> [ConfigurationError] in
      var run = SourceTestRun(source, input.definition)
      run.run()
      return run.failures
    }
  }

  private static func addNames(_ template: Template, _ names: inout Set<String>) {
    for slot in template.slots {
      names.insert(slot.name)
      for alternative in slot.alternatives { addNames(alternative, &names) }
    }
  }

  mutating func run() {
    for test in source.tests {
      let before = failures.count
      run(test)
      if failures.count == before { passed += 1 }
    }
  }

  private mutating func run(_ test: SourceTest) {
    var received = Clock.realtime()
    if let text = test.received {
      do throws(ExpressionError) { received = try SearchQuery.time(text, now: received, zone: zone) } catch {
        return fail(test, test.receivedPlace, "received: '\(text)' is no time such as 2026-11-23T08:00:00Z")
      }
    }
    let context = EventContext(receiveTime: received, zone: zone)
    explainer.context = context
    let explanation = test.line.withView { explainer.explain($0) }
    guard explanation.status == test.status else {
      var text = "the line is \(explanation.status.rawValue), expected \(test.status.rawValue)"
      if let failure = explanation.failure {
        text += "\n\(failure.picture.text(indent: 2))\n  \(failure.text)"
        for line in explanation.adviceLines { text += "\n  \(line)" }
      } else if let format = explanation.format {
        text += ": it fits \(format)"
      }
      return fail(test, test.statusPlace, text)
    }
    if let format = test.format, explanation.format != format {
      fail(test, test.formatPlace, "the line fits \(explanation.format ?? "no format"), expected \(format)")
    }
    for expectation in test.fields {
      if let text = check(expectation, context) { fail(test, expectation.place, text) }
    }
  }

  private mutating func fail(_ test: SourceTest, _ place: ConfigurationError, _ text: String) {
    var failure = place
    failure.text = "source \(source.name), \(test.name): \(text)"
    failures.append(failure)
  }

  /// What is wrong with a field; nil when it holds what it must.
  private func check(_ expectation: SourceTest.Expectation, _ context: EventContext) -> String? {
    let name = expectation.name
    guard names.contains(name) else {
      let near = Spelling.nearest(to: name, among: names.sorted()).map { "; did you mean '\($0)'?" } ?? ""
      return "there is no field '\(name)'\(near)"
    }
    return explainer.withEvent { event in
      let value =
        Field(name).map { event[$0] } ?? event.extras.first { $0.name == name }?.value ?? .null(.absent)
      let bytes: [UInt8]? = if case .text(let range) = value { event.bytes(range).array } else { nil }
      let expected = ExpectedValue(expectation.expected, Field(name)?.type, zone)
      switch expected.compare(value, bytes) {
      case .equal: return nil
      case .senseless(let text): return "\(name): \(text)"
      case .different:
        return "\(name) is \(ExpectedValue.text(value, bytes)), expected \(expected.text)"
      }
    }
  }
}

/// What a field must hold, compared with what it does hold.
struct ExpectedValue {
  enum Comparison: Equatable {
    case equal, different
    /// What is expected can be no value of such a field.
    case senseless(String)
  }

  private let expected: SourceTest.Expected
  private let type: FieldType?
  private let zone: Zone

  init(_ expected: SourceTest.Expected, _ type: FieldType?, _ zone: Zone) {
    self.expected = expected
    self.type = type
    self.zone = zone
  }

  func compare(_ value: Value, _ bytes: [UInt8]?) -> Comparison {
    switch expected {
    case .null(let reason):
      guard case .null(let found) = value else { return .different }
      return reason == nil || reason == found.name ? .equal : .different
    case .bytes(let wanted): return bytes == wanted ? .equal : .different
    case .value(let text):
      if let bytes { return bytes == Array(text.utf8) ? .equal : .different }
      return compare(value, text)
    }
  }

  private func compare(_ value: Value, _ text: String) -> Comparison {
    func result<T: Equatable>(_ found: T, _ wanted: T?, _ what: String) -> Comparison {
      guard let wanted else { return .senseless("'\(text)' is no \(what)") }
      return found == wanted ? .equal : .different
    }
    switch value {
    case .null: return .different
    case .integer(let number): return result(number, Int64(text), "number")
    case .duration(let number):
      return result(number, Int64(text) ?? Quantity.duration(text), "duration such as 86ms, or nanoseconds")
    case .size(let number):
      return result(number, Int64(text) ?? Quantity.size(text), "size such as 1KiB, or bytes")
    case .time(let moment):
      return result(
        moment, try? SearchQuery.time(text, now: 0, zone: zone), "time such as 2026-11-23T08:00:00Z")
    case .address(let address):
      return result(address, Array(text.utf8).withView { Address($0) }, "IP address")
    case .flag(let flag):
      let words = ["yes": true, "true": true, "no": false, "false": false]
      return result(flag, words[text], "yes or no")
    case .text: return .different
    }
  }

  /// What is expected, for people.
  var text: String {
    switch expected {
    case .value(let text): "'\(Array(text.utf8).withView { ValueText.visible($0) })'"
    case .bytes(let bytes): "'\(bytes.withView { LinePicture.columns($0) })'"
    case .null(let reason): reason.map { "nothing (\($0))" } ?? "nothing"
    }
  }

  /// What is there, for people.
  static func text(_ value: Value, _ bytes: [UInt8]?) -> String {
    if let bytes { return "'\(bytes.withView { ValueText.visible($0) })'" }
    return ValueText.text(value) ?? ""
  }
}
