import Events
import Templates

/// How the load balancer keeps a value from being mistaken for what follows it.
enum Escaping {
  /// Not at all.
  case none
  /// Quotes, control bytes and bytes above 126 become something else (`\x22`, `#22`); blanks stay.
  case printable
  /// A backslash goes before quotes and backslashes.
  case backslash
  /// The value's own syntax rules out what follows it: names, numbers, addresses.
  case word
  /// The same, but it may be nothing at all.
  case bare
  /// Words joined by `, ` or ` : `, or nothing.
  case list
  /// A time in a form of the user's, of the load balancer's making.
  case stamp
  /// A value of JSON: a quote in it that is not its own has a backslash before it.
  case encoded
}

/// One variable part, before it is known what follows it.
struct Piece {
  var slot: Slot
  var escaping: Escaping
  /// The load balancer's spelling of it.
  var spelling: String
  /// Prints nothing, and swallows the blank before it, when there is no value.
  var isOptional = false
}

/// Puts literals and slots together, and settles for each slot which syntax holds given the literal behind
/// it.
struct TemplateBuilder {
  private(set) var literals: [[UInt8]] = [[]]
  private(set) var pieces: [Piece] = []

  mutating func append(_ byte: UInt8) { literals[pieces.count].append(byte) }

  mutating func append(_ bytes: some Sequence<UInt8>) { literals[pieces.count].append(contentsOf: bytes) }

  /// Adds a slot. Directly behind another, the two become one: nobody could say where one ends.
  mutating func append(_ piece: Piece) {
    guard let last = pieces.last, literals[pieces.count].isEmpty,
      ![.json, .optional].contains(last.slot.syntax)
    else {
      pieces.append(piece)
      literals.append([])
      return
    }
    let spelling = last.spelling + piece.spelling
    let isWord = last.escaping == .word && piece.escaping == .word
    pieces[pieces.count - 1] = Piece(
      slot: Slot(spelling, .text, syntax: isWord ? .token : .any),
      escaping: isWord ? .word : last.escaping == piece.escaping ? last.escaping : .none, spelling: spelling)
  }

  /// Several values, joined to one slot, and nothing else: every line would fit, and none of it be known.
  var fitsAnything: Bool {
    guard pieces.count == 1, literals.allSatisfy(\.isEmpty), pieces[0].escaping != .word else { return false }
    return pieces[0].slot.name == pieces[0].spelling && pieces[0].spelling.dropFirst().contains("$")
  }

  /// Makes one slot of HAProxy's two lists of captures when the other has just been appended, and a blank.
  mutating func mergeList(_ spelling: String) -> Bool {
    guard let last = pieces.last, ["%hrl", "%hsl"].contains(last.spelling),
      literals[pieces.count] == [UInt8(ascii: " ")]
    else { return false }
    pieces[pieces.count - 1].slot.name = Field.httpCaptures.name
    pieces[pieces.count - 1].spelling += " \(spelling)"
    literals[pieces.count] = []
    return true
  }

  /// The templates: one, or two where a request line stands among blanks without quotes. Then only its own
  /// words tell where it ends, and what is not a whole request must be one word (`<BADREQ>`).
  ///
  /// `string` is what was compiled. Refused is what could not be written into a block: more than 1,024 slots, or a
  /// literal, name or slot's name of more than 64 KiB.
  consuming func build(name: String, of string: String) throws(FormatError) -> [Template] {
    let templates = build(name: name)
    for template in templates { try Self.check(template, string) }
    return templates
  }

  private static let slotLimit = 1024
  private static let textLimit = 65_536

  private static func check(_ template: Template, _ string: String) throws(FormatError) {
    let end = string.utf8.count
    if template.slots.count > slotLimit {
      throw FormatError(
        .unsupported, at: end, in: string,
        "\(template.slots.count) variable parts; a format may have \(slotLimit) at most")
    }
    let longest = template.literals.map(\.count).max() ?? 0
    if longest > textLimit {
      throw FormatError(
        .unsupported, at: end, in: string,
        "\(longest) bytes of text without a variable part; there may be \(textLimit) at most")
    }
    if template.name.utf8.count > textLimit
      || template.slots.contains(where: { $0.name.utf8.count > textLimit })
    {
      throw FormatError(.unsupported, at: end, in: string, "a format may have \(textLimit) bytes at most")
    }
  }

  private consuming func build(name: String) -> [Template] {
    let builder = self
    guard let place = builder.bareRequest else { return [builder.single(name)] }
    var words = builder
    let parts: [(Field, String)] = [(.httpMethod, " "), (.urlTarget, " HTTP/"), (.httpVersion, "")]
    words.pieces.replaceSubrange(
      place...place,
      with: parts.map { Piece(slot: Slot($0.0.name, syntax: .token), escaping: .word, spelling: $0.0.name) })
    words.literals.insert(contentsOf: parts.dropLast().map { Array($0.1.utf8) }, at: place + 1)
    var single = builder
    single.pieces[place].slot.alternatives = []
    single.pieces[place].slot.syntax = .token
    return [words.single(name), single.single(name)]
  }

  /// The first request line that a blank ends.
  private var bareRequest: Int? {
    pieces.indices.first { index in
      guard pieces[index].slot.alternatives.first?.name == "request",
        literals[index + 1].first == UInt8(ascii: " ")
      else { return false }
      let syntax = syntax(of: index)
      return syntax == .any || syntax == .unquoted
    }
  }

  /// The one template of a part of a line.
  consuming func whole(name: String) -> Template { single(name) }

  private consuming func single(_ name: String) -> Template {
    nameApart()
    var slots: [Slot] = []
    for index in pieces.indices {
      var slot = pieces[index].slot
      if slot.syntax == .any { slot.syntax = syntax(of: index) }
      slots.append(slot)
    }
    return Template(name: name, literals: literals, slots: slots)
  }

  /// Gives each slot a name of its own. Of several for one field the first keeps the field's name, unless a
  /// later one is finer (seconds with decimals against a stamp of whole seconds); the others get the load
  /// balancer's.
  private mutating func nameApart() {
    var owners: [String: Int] = [:]
    for index in pieces.indices {
      let name = pieces[index].slot.name
      guard let owner = owners[name] else {
        owners[name] = index
        continue
      }
      let stamps: [ColumnType] = [.clfTime, .isoTime]
      let finer = pieces[index].slot.column == .decimal && stamps.contains(pieces[owner].slot.column)
      let loser = finer ? owner : index
      owners[name] = finer ? index : owner
      var other = pieces[loser].spelling
      var count = 1
      while owners[other] != nil {
        count += 1
        other = "\(pieces[loser].spelling)#\(count)"
      }
      pieces[loser].slot.name = other
      owners[other] = loser
    }
  }

  /// Words without blanks that may hold whatever else ends them: a target with `;` in it before `;`.
  private static let openWords: Set<String> = [
    "%HU", "%HP", "%HPO", "%HQ", "%ID", "%[unique-id]", "%RESPONSE_CODE_DETAILS%", "%PROTOCOL%",
    "%UPSTREAM_CLUSTER%", "%UPSTREAM_CLUSTER_RAW%", "%UPSTREAM_HOST%", "%UPSTREAM_REMOTE_ADDRESS%",
    "%UPSTREAM_LOCAL_ADDRESS%", "%DOWNSTREAM_LOCAL_ADDRESS%", "%DOWNSTREAM_REMOTE_ADDRESS%",
    "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
  ]

  /// The syntax of a text whose end depends on what follows it.
  private func syntax(of index: Int) -> Syntax {
    let piece = pieces[index]
    let literal = literals[index + 1]
    guard let next = literal.first else {
      return switch piece.escaping {
      case .word: .token
      case .printable, .bare, .list, .stamp: .escaped
      case .none, .backslash, .encoded: .any
      }
    }
    let hasQuote = literal.contains { $0 == UInt8(ascii: "\"") || $0 < 0x20 || $0 > 126 }
    switch piece.escaping {
    case .word:
      let ends = hasQuote || literal.contains(UInt8(ascii: " "))
      return !ends && Self.openWords.contains(piece.spelling) ? .any : .token
    case .bare: return .escaped
    case .list:
      if hasQuote { return .escaped }
      return next == UInt8(ascii: " ") ? .list : next == UInt8(ascii: ",") ? .any : .escaped
    case .backslash: return next == UInt8(ascii: "\"") || next == UInt8(ascii: "]") ? .backslash : .any
    case .none: return .any
    case .stamp:
      if piece.spelling.utf8.contains(next) { return .any }
      return next == UInt8(ascii: " ")
        ? .token : isNumeric(next) || next == UInt8(ascii: ",") ? .any : .escaped
    case .encoded: return hasQuote ? .escaped : .any
    case .printable:
      if hasQuote { return .escaped }
      return isLastBeforeQuote(index) ? .unquoted : .any
    }
  }

  /// Whether nothing between the literal behind slot `index` and the next quote (or the end) can hold that
  /// literal a second time, so that its last occurrence there is the right one. Sure when some byte of the
  /// literal is in no other literal up to there, and every slot up to there is a number, a stamp or the like.
  private func isLastBeforeQuote(_ index: Int) -> Bool {
    let literal = literals[index + 1]
    guard let mark = literal.first(where: { !isNumeric($0) }), literal.count(where: { $0 == mark }) == 1
    else {
      return false
    }
    for following in (index + 1)..<pieces.count {
      switch pieces[following].slot.syntax {
      case .time, .number, .decimal, .status, .address: break
      default: return false
      }
      let literal = literals[following + 1]
      let quote = literal.firstIndex(of: UInt8(ascii: "\""))
      if literal[..<(quote ?? literal.count)].contains(mark) { return false }
      if quote != nil { return true }
    }
    return true
  }

  /// Bytes that stamps, numbers and addresses consist of, blanks among them.
  private func isNumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: " "), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "%"):
      true
    default: false
    }
  }
}
