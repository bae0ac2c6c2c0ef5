import Bytes
import Templates

/// A template from literals (text) and slots, which alternate.
func template(_ name: String, _ parts: Any...) -> Template {
  var literals: [[UInt8]] = [[]]
  var slots: [Slot] = []
  for part in parts {
    if let slot = part as? Slot {
      slots.append(slot)
      literals.append([])
    } else if let text = part as? String {
      literals[slots.count] += Array(text.utf8)
    }
  }
  return Template(name: name, literals: literals, slots: slots)
}

/// What a line matched: slot names and texts, in order; nil when nothing matched.
struct Matched {
  var values: [(slot: Slot, text: [UInt8], stored: StoredValue, hasTemplate: Bool)] = []
  var isAmbiguous = false
  var failureOffset = 0
  var template: String?

  init(_ line: [UInt8], _ matcher: borrowing Matcher, _ result: inout MatchResult) {
    line.withView { view in
      matcher.match(view, list: 0, into: &result)
      isAmbiguous = result.isAmbiguous
      failureOffset = result.failureOffset
      if result.node >= 0 { template = matcher.templates[Int(result.node)].name }
      for index in 0..<result.values.count {
        let value = result.values[index]
        let owner = matcher.slotOwners[Int(value.slot)]
        let slot = matcher.templates[owner.node].slots[owner.slot]
        values.append(
          (
            slot, view[Int(value.start), Int(value.end)].array, value.stored,
            !slot.alternatives.isEmpty && value.stored.kind > 0
          ))
      }
    }
  }

  init(_ line: String, _ templates: Template...) {
    let matcher = Matcher([templates])
    var result = MatchResult(for: matcher)
    self.init(Array(line.utf8), matcher, &result)
  }

  /// The values' texts, those of slots with a template left out.
  var texts: [String] { values.filter { !$0.hasTemplate }.map { String(decoding: $0.text, as: UTF8.self) } }
}
