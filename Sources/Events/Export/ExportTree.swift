import Bytes

/// What has been written of one event so far.
struct ExportState {
  /// Fields whose value stands somewhere.
  var done = FieldSet()
  /// Top-level keys that the event's kind does not have.
  var hidden: Set<String> = []

  func shows(_ key: String) -> Bool { !hidden.contains(key) }
}

/// How a value is written.
enum ExportForm: Sendable {
  /// Text, and anything else by its text.
  case text
  /// Text, when it is text.
  case textOnly
  /// An IP address, and nothing else.
  case address
  /// A whole number: bytes, counts, nanoseconds.
  case number
  /// A port: 0 to 65,535.
  case port
  /// A whole number that is not negative.
  case count
  /// RFC 3339, UTC, nanoseconds.
  case stamp
  /// Milliseconds since 1970.
  case epochMilliseconds
  /// A duration in whole milliseconds.
  case milliseconds
  case flag
  /// A list of texts.
  case list
  /// A list of IP addresses; not written when one element is none.
  case addresses
  /// Always the same JSON.
  case constant(String)
  /// Whatever a function writes; it says whether it did, and notes the fields it wrote.
  case made(@Sendable (borrowing Event, inout ExportState, inout ByteBuffer) -> Bool)
}

/// A tree of JSON objects, made from paths, and filled from events: an object of which nothing is known is
/// left out.
struct ExportTree: Sendable {
  /// What of an object must be there for it to be written at all.
  enum Rule: Sendable {
    case all([String])
    case any([String])
  }

  /// One value: where it stands, and the fields of which the first that is there is written.
  struct Leaf: Sendable {
    var path: String
    var fields: [Field]
    var form: ExportForm

    init(_ path: String, _ fields: [Field] = [], _ form: ExportForm) {
      self.path = path
      self.fields = fields
      self.form = form
    }
  }

  private final class Node: Sendable {
    let name: String
    let key: [UInt8]
    let leaf: Leaf?
    let children: [Node]
    let rule: Rule?

    init(_ name: String, _ path: String, _ leaves: [(rest: [String], leaf: Leaf)], _ rules: [String: Rule]) {
      self.name = name
      key = Array("\"\(name)\":".utf8)
      leaf = leaves.first { $0.rest.isEmpty }?.leaf
      children = ExportTree.nodes(leaves.filter { !$0.rest.isEmpty }, path, rules)
      rule = rules[path]
    }
  }

  private let roots: [Node]

  init(_ leaves: [Leaf], rules: [String: Rule] = [:]) {
    roots = Self.nodes(leaves.map { ($0.path.split(separator: ".").map(String.init), $0) }, "", rules)
  }

  private static func nodes(
    _ leaves: [(rest: [String], leaf: Leaf)], _ path: String, _ rules: [String: Rule]
  ) -> [Node] {
    var names: [String] = []
    for leaf in leaves where !names.contains(leaf.rest[0]) { names.append(leaf.rest[0]) }
    return names.map { name in
      let own = leaves.filter { $0.rest[0] == name }.map { (Array($0.rest.dropFirst()), $0.leaf) }
      return Node(name, path.isEmpty ? name : "\(path).\(name)", own, rules)
    }
  }

  /// Appends the members of the outermost object, a comma behind each.
  func appendMembers(_ event: borrowing Event, _ state: inout ExportState, to out: inout ByteBuffer) {
    for node in roots where state.shows(node.name) {
      if Self.append(node, event, &state, to: &out) { out.append(UInt8(ascii: ",")) }
    }
  }

  private static func append(
    _ node: Node, _ event: borrowing Event, _ state: inout ExportState, to out: inout ByteBuffer
  ) -> Bool {
    let start = out.count
    let before = state
    out.append(node.key)
    if let leaf = node.leaf {
      if append(leaf, event, &state, to: &out) { return true }
    } else {
      out.append(UInt8(ascii: "{"))
      var present: [String] = []
      for child in node.children {
        let length = out.count
        if !present.isEmpty { out.append(UInt8(ascii: ",")) }
        if append(child, event, &state, to: &out) {
          present.append(child.name)
        } else {
          out.truncate(to: length)
        }
      }
      out.append(UInt8(ascii: "}"))
      if !present.isEmpty, holds(node.rule, present) { return true }
    }
    out.truncate(to: start)
    state = before
    return false
  }

  private static func holds(_ rule: Rule?, _ present: [String]) -> Bool {
    switch rule {
    case nil: true
    case .all(let names): names.allSatisfy { present.contains($0) }
    case .any(let names): names.contains { present.contains($0) }
    }
  }

  private static func append(
    _ leaf: Leaf, _ event: borrowing Event, _ state: inout ExportState, to out: inout ByteBuffer
  ) -> Bool {
    switch leaf.form {
    case .constant(let json):
      out.append(json)
      return true
    case .made(let make): return make(event, &state, &out)
    default:
      for field in leaf.fields where event.append(field, as: leaf.form, to: &out) {
        state.done.insert(field)
        return true
      }
      return false
    }
  }
}
