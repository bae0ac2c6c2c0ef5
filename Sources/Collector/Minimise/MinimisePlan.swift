import Bytes
import Events
import Formats
import Templates

/// What is to be done to the values of one slot.
struct SlotRule {
  enum Content {
    /// What the load balancer counts or measures: nothing of a client's where it is spelled canonically.
    case number
    case address
    /// Several addresses, and whatever a client wrote between them.
    case list
    case text
    /// What follows a syslog header, where no format fits it.
    case body
    /// Of the syslog header: stays.
    case header
  }

  /// Which addresses are masked in a text that has no action of its own.
  enum Addresses { case none, ofLine, all }

  var action: MinimiseRules.Action?
  /// Of the whole value where it consists of others.
  var wholeAction: MinimiseRules.Action?
  var content: Content
  var place: ParameterMask.Place
  var addresses: Addresses
  /// Only what stands behind the question mark goes.
  var dropsQuery = false
  /// It is the text of a JSON value, with its quotes.
  var isJSON: Bool
  /// Its end is the end of a line that was cut.
  var isCut: Bool
  /// A port stands behind a colon: IPv6 goes into brackets.
  var isEndpoint: Bool
  var slot: Slot
  var meaning: SlotMeaning
}

/// The rules of one source, worked out for each slot of a matcher.
final class MinimisePlan: Sendable {
  let rules: [SlotRule]
  let parameters: ParameterMask
  let masksCards: Bool
  let unparsed: MinimiseRules.Unparsed
  let pseudonyms: Pseudonyms
  /// For addresses in texts; nil when no rule is about addresses.
  let addresses: AddressMask?

  init(_ rules: MinimiseRules, _ matcher: borrowing Matcher) {
    let pseudonyms = Pseudonyms(rules.key)
    self.pseudonyms = pseudonyms
    parameters = ParameterMask(rules.effectiveParameters)
    masksCards = rules.masksCards
    unparsed = rules.unparsed
    addresses = rules.addressAction.map { AddressMask($0, pseudonyms) }
    var maker = SlotRuleMaker(rules)
    let templates = matcher.templates
    self.rules = matcher.slotOwners.map { owner in
      maker.rule(templates[owner.node].slots[owner.slot], of: templates[owner.node])
    }
  }
}

extension MinimiseRules {
  /// What becomes of addresses in texts: what becomes of the client's, or of those there is a rule for.
  var addressAction: Action? {
    let fields = [Field.clientIP, .clientEndpoint, .forwardedFor, .peerIP, .peerEndpoint]
    if let action = fields.lazy.compactMap({ self.action(for: $0.name) }).first { return action }
    return effectiveRules.first { Field($0.name)?.type == .address || $0.action.isOfAddresses }?.action
  }

  /// Fields whose rules also hold for `field`, for it may hold the same.
  static func covering(_ field: Field) -> [Field] {
    switch field {
    case .clientIP: [.clientEndpoint]
    case .peerIP: [.peerEndpoint, .clientIP, .clientEndpoint]
    case .clientEndpoint, .forwardedFor: [.clientIP]
    case .peerEndpoint: [.peerIP, .clientIP]
    case .localIP: [.localEndpoint]
    case .localEndpoint: [.localIP]
    case .upstreamAddress, .lbServer: [.serverIP]
    case .urlTarget: [.urlPath, .urlQuery, .urlScheme]
    case .httpRequest: [.urlTarget, .urlPath, .urlQuery, .urlScheme, .httpMethod]
    default: []
    }
  }
}

extension MinimiseRules.Action {
  var isOfAddresses: Bool {
    if case .network = self { true } else { false }
  }
}

/// Works out the rule of a slot.
private struct SlotRuleMaker {
  private let rules: MinimiseRules
  private var fields: [String: Field?] = [:]

  init(_ rules: MinimiseRules) { self.rules = rules }

  mutating func rule(_ slot: Slot, of template: Template) -> SlotRule {
    let field = field(of: slot)
    let content = content(slot, field)
    let (action, isQuery) = content == .header ? (nil, false) : action(slot, field)
    var wholeAction = slot.alternatives.isEmpty || content == .header ? nil : own(slot, field)
    if field == .clientEndpoint || field == .peerEndpoint || field == .localEndpoint,
      wholeAction != .drop
    {
      wholeAction = nil
    }
    return SlotRule(
      action: action, wholeAction: wholeAction, content: content, place: place(field),
      addresses: isKept(slot, field) ? .none : isFree(slot, field) ? .all : .ofLine, dropsQuery: isQuery,
      isJSON: slot.syntax == .json || slot.syntax == .token && slot.unit == .backslashEscapes,
      isCut: slot.syntax == .cut, isEndpoint: template.name == "endpoint", slot: slot,
      meaning: SlotMeaning(slot))
  }

  private mutating func field(of slot: Slot) -> Field? {
    if let known = fields[slot.name] { return known }
    let field = Field(slot: slot)
    fields[slot.name] = field
    return field
  }

  private func content(_ slot: Slot, _ field: Field?) -> SlotRule.Content {
    // HAProxy's `log-format-sd` puts into structured data whatever it is told to.
    if let field, field.name.hasPrefix("syslog."), field != .syslogSD { return .header }
    if field == .message, !slot.alternatives.isEmpty { return .body }
    if field == .forwardedFor { return .list }
    if field?.type == .address || slot.column == .address || slot.column == .hexAddress { return .address }
    return slot.column == .text || slot.column == .identifier ? .text : .number
  }

  /// The source's rules exempt it.
  private func isKept(_ slot: Slot, _ field: Field?) -> Bool {
    rules.kept.contains { $0 == slot.name || $0 == field?.name || slot.name.hasPrefix($0 + ".") }
  }

  /// The rule for exactly this slot.
  private func own(_ slot: Slot, _ field: Field?) -> MinimiseRules.Action? {
    rules.action(for: slot.name) ?? field.flatMap { rules.action(for: $0.name) }
  }

  /// The rule for the slot, its field, what it is a part of (`http.req_headers.cookie`), or what it may hold.
  private func action(_ slot: Slot, _ field: Field?) -> (MinimiseRules.Action?, isQuery: Bool) {
    var names = [slot.name]
    if let field { names.append(field.name) }
    var whole = Substring(slot.name)
    while let point = whole.lastIndex(of: ".") {
      whole = whole[..<point]
      names.append(String(whole))
    }
    if isKept(slot, field) { return (nil, false) }
    for name in names {
      if let action = rules.action(for: name) { return (action, false) }
    }
    for other in field.map(MinimiseRules.covering) ?? [] {
      if let action = rules.action(for: other.name) { return (action, other == .urlQuery) }
    }
    return (nil, false)
  }

  private func place(_ field: Field?) -> ParameterMask.Place {
    switch field {
    case .urlTarget, .urlPath, .httpReferrer: .url
    case .urlQuery: .query
    case .httpRequest: .request
    default: .text
    }
  }

  /// Whether the slot may hold any text, and so addresses of anybody.
  private func isFree(_ slot: Slot, _ field: Field?) -> Bool {
    guard let field else { return true }
    switch field {
    case .message, .syslogSD, .httpRequestHeaders, .httpResponseHeaders, .httpCaptures, .httpRequestCookie,
      .httpResponseCookie, .tlsErrorText, .termDetails, .upstreamFailure, .healthInfo, .forwardedFor:
      return true
    default: return false
    }
  }
}
