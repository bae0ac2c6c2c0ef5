import Bytes
import Cryptography
import Events
import Syslog
import Templates

/// Writes single values as they may be stored. Keeps what is known of the line that they are of.
struct MinimisedText: ~Copyable {
  /// Addresses of the line that are replaced where a rule names them, and so wherever else they stand in it.
  private var addresses: [Address] = []
  private var decoded = ByteBuffer()
  private var new = ByteBuffer()
  /// What passes leave for the next.
  private var first = ByteBuffer()
  private var second = ByteBuffer()
  private var third = ByteBuffer()
  private let jsonString = SlotMeaning(Slot("", unit: .jsonEscapes))

  /// More addresses of one line are not looked for elsewhere in it: who sends hundreds of them hides nothing.
  private static let addressLimit = 32

  // MARK: The line

  mutating func beginLine() { addresses.removeAll(keepingCapacity: true) }

  /// Takes note of the addresses in a value that is to be replaced.
  mutating func note(addressesIn bytes: ByteView, _ rule: SlotRule, _ plan: MinimisePlan) {
    if plan.addresses == nil { return }
    if rule.slot.column == .hexAddress {
      if let address = address(bytes, rule) { addresses.append(address.unmappedIPv4) }
      return
    }
    var index = 0
    while index < bytes.count, addresses.count < Self.addressLimit {
      let end = AddressText.runEnd(bytes, index)
      var place = index
      while place < end, let found = AddressText.first(bytes, place, end) {
        addresses.append(found.address.unmappedIPv4)
        place = found.end
      }
      index = max(end, index + 1)
    }
  }

  // MARK: One value

  /// Appends what may be stored of `bytes`; whether that is anything else.
  mutating func append(
    _ bytes: ByteView, _ rule: SlotRule, isWhole: Bool, hasPort: Bool, kind: UInt8, _ flags: FrameFlags,
    _ plan: MinimisePlan, to line: inout ByteBuffer
  ) throws(CryptoError) -> Bool {
    let action = isWhole ? rule.wholeAction : rule.action
    let isNothing = bytes == AddressText.dash || bytes.text == "\"\""
    if isNothing || rule.content == .header || rule.content == .number && kind > 0 && action == nil {
      line.append(bytes)
      return false
    }
    if rule.content == .body { return try append(body: bytes, flags, plan, to: &line) }
    if rule.isJSON { return try append(json: bytes, action, rule, plan, to: &line) }
    if action == .drop, !rule.dropsQuery {
      if rule.slot.unit == .cborItem { line.append("F6") } else { line.append(UInt8(ascii: "-")) }
      return true
    }
    if rule.content == .address, let action {
      return try append(address: bytes, action, rule, hasPort, plan, to: &line)
    }
    decoded.removeAll()
    let isDecoded = rule.meaning.decode(bytes, to: &decoded)
    // `F6` and the like: nothing, or a number.
    let plain = isDecoded ? decoded.view : bytes
    new.removeAll()
    guard try transform(plain, action, rule, kind, plan) else {
      line.append(bytes)
      return false
    }
    ValueSpelling.append(new.view, rule.slot.unit, to: &line)
    return true
  }

  private func address(_ bytes: ByteView, _ rule: SlotRule) -> Address? {
    if case .address(let address) = rule.meaning.value(of: bytes, EventContext(receiveTime: 0)) {
      return address
    }
    // Zone ids are no part of the address.
    if let zone = bytes.find(UInt8(ascii: "%")) { return Address(bytes.prefix(zone)) }
    return Address(bytes)
  }

  /// An address alone in its slot.
  private mutating func append(
    address bytes: ByteView, _ action: MinimiseRules.Action, _ rule: SlotRule, _ hasPort: Bool,
    _ plan: MinimisePlan, to line: inout ByteBuffer
  ) throws(CryptoError) -> Bool {
    let mask = AddressMask(action, plan.pseudonyms)
    if let address = address(bytes, rule) {
      if rule.slot.column == .hexAddress {
        Self.append(hex: try mask.replacement(address), to: &line)
      } else if rule.slot.unit == .cborItem {
        new.removeAll()
        try mask.append(address, to: &new)
        ValueSpelling.append(new.view, .cborItem, to: &line)
      } else {
        try mask.append(address, hasPort: hasPort, to: &line)
      }
    } else if bytes.count >= 4, bytes.prefix(4).text == "unix" {
      line.append(bytes)
      return false
    } else if rule.slot.unit == .cborItem {
      line.append("F6")
    } else if rule.slot.column == .hexAddress {
      line.append(UInt8(ascii: "-"))
    } else {
      try mask.append(other: bytes, to: &line)
    }
    return true
  }

  /// As HAProxy's `+X` prints an address.
  private static func append(hex address: Address?, to line: inout ByteBuffer) {
    guard let address else { return line.append(UInt8(ascii: "-")) }
    let words = address.isIPv4 ? [] : [address.high]
    for word in words + [address.low] {
      for shift in stride(from: address.isIPv4 ? 24 : 56, through: 0, by: -8) {
        ValueSpelling.appendHex(UInt8(truncatingIfNeeded: word >> UInt64(shift)), to: &line)
      }
    }
  }

  // MARK: Plain text

  /// Writes into `new` what may be stored of a text; false when that is all of it.
  private mutating func transform(
    _ text: ByteView, _ action: MinimiseRules.Action?, _ rule: SlotRule, _ kind: UInt8, _ plan: MinimisePlan
  ) throws(CryptoError) -> Bool {
    switch action {
    case .drop: return dropQuery(text, rule)
    case .pseudonym:
      if rule.content == .list {
        try AddressMask(.pseudonym, plan.pseudonyms).mask(list: text, to: &new)
      } else if let address = Address(text) {
        new.append("\(try plan.pseudonyms.address(address))")
      } else if try !AddressMask(.pseudonym, plan.pseudonyms).maskEndpoint(text, to: &new) {
        try plan.pseudonyms.append(text, to: &new)
      }
      return true
    case .network?:
      let mask = AddressMask(action ?? .drop, plan.pseudonyms)
      if rule.content == .list {
        try mask.mask(list: text, to: &new)
      } else if try !mask.mask(text, to: &new) {
        if text.count >= 4, text.prefix(4).text == "unix" { return false }
        new.append(UInt8(ascii: "-"))
      }
      return true
    case .shorten(let count):
      let masked = try passes(text, rule, kind, plan) ?? text
      new.append(masked.prefix(Self.end(of: masked, within: count)))
      return new.view != text
    case nil:
      guard let masked = try passes(text, rule, kind, plan) else { return false }
      new.append(masked)
      return true
    }
  }

  /// The most of `text` within `count` bytes that does not end within a character.
  private static func end(of text: ByteView, within count: Int) -> Int {
    if text.count <= count { return text.count }
    var end = count
    while end > 0, count - end < 3, text[end] & 0xC0 == 0x80 { end -= 1 }
    return text[end] & 0xC0 == 0x80 ? count : end
  }

  private mutating func dropQuery(_ text: ByteView, _ rule: SlotRule) -> Bool {
    guard let mark = text.find(UInt8(ascii: "?")), mark + 1 < text.count else { return false }
    let protocolStart =
      rule.place == .request
      ? Array(" HTTP/".utf8).withView { text.find($0, from: mark) } ?? text.count : text.count
    new.append(text.prefix(mark + 1))
    new.append(UInt8(ascii: "-"))
    new.append(text.dropFirst(protocolStart))
    return true
  }

  /// Parameters, card numbers, addresses, in that order; nil when there is none. Valid until the next call.
  private mutating func passes(
    _ text: ByteView, _ rule: SlotRule, _ kind: UInt8, _ plan: MinimisePlan
  ) throws(CryptoError) -> ByteView? {
    var current = text
    first.removeAll()
    second.removeAll()
    if plan.parameters.mask(current, rule.place, to: &first) { current = first.view }
    // Request ids are hexadecimal, and sometimes digits by chance.
    let isIdentifier = kind > 0 && text.count >= 32
    if plan.masksCards, !isIdentifier, CardMask.mask(current, isCut: rule.isCut, to: &second) {
      current = second.view
    }
    if let mask = plan.addresses, rule.addresses == .all || rule.addresses == .ofLine && !addresses.isEmpty {
      third.removeAll()
      if try mask.mask(current, only: rule.addresses == .all ? nil : addresses, to: &third) {
        return third.view
      }
    }
    return first.isEmpty && second.isEmpty ? nil : current
  }

  // MARK: JSON

  /// A value of JSON: a string, or another, of which the strings are looked at.
  private mutating func append(
    json bytes: ByteView, _ action: MinimiseRules.Action?, _ rule: SlotRule, _ plan: MinimisePlan,
    to line: inout ByteBuffer
  ) throws(CryptoError) -> Bool {
    let quote = UInt8(ascii: "\"")
    if bytes.text == "null" {
      line.append(bytes)
      return false
    }
    if action == .drop, !rule.dropsQuery {
      line.append("null")
      return true
    }
    guard bytes.find(quote) != nil else {
      // A number, a flag: nothing to put in its place but nothing.
      new.removeAll()
      if action == nil, try !transform(bytes, nil, rule, 0, plan) {
        line.append(bytes)
        return false
      }
      line.append("null")
      return true
    }
    var isMasked = false
    var index = 0
    while index < bytes.count {
      guard bytes[index] == quote else {
        line.append(bytes[index])
        index += 1
        continue
      }
      var end = index + 1
      while end < bytes.count, bytes[end] != quote { end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1 }
      end = min(end, bytes.count)
      line.append(quote)
      isMasked = try append(jsonString: bytes[index + 1, end], action, rule, plan, to: &line) || isMasked
      if end < bytes.count { line.append(quote) }
      index = end + 1
    }
    return isMasked
  }

  private mutating func append(
    jsonString bytes: ByteView, _ action: MinimiseRules.Action?, _ rule: SlotRule, _ plan: MinimisePlan,
    to line: inout ByteBuffer
  ) throws(CryptoError) -> Bool {
    decoded.removeAll()
    let text = jsonString.decode(bytes, to: &decoded) ? decoded.view : bytes
    new.removeAll()
    if text.isEmpty || text == AddressText.dash {
      line.append(bytes)
      return false
    }
    if rule.content == .address, action != nil, let address = Address(text) {
      try AddressMask(action ?? .drop, plan.pseudonyms).append(address, to: &new)
    } else if try !transform(text, action, rule, 0, plan) {
      line.append(bytes)
      return false
    }
    ValueSpelling.append(new.view, .jsonEscapes, to: &line)
    return true
  }

  // MARK: What fits no format

  /// Appends what may be stored of a text whose parts are not known; whether that is anything else.
  mutating func append(
    body text: ByteView, _ flags: FrameFlags, _ plan: MinimisePlan, to line: inout ByteBuffer
  ) throws(CryptoError) -> Bool {
    switch plan.unparsed {
    case .keep:
      line.append(text)
      return false
    case .withhold:
      line.append("withheld \(text.count) bytes")
      return true
    case .redact: break
    }
    // Where a line was cut, so may be what must not be stored; its half would not be known for it.
    var start = 0, end = text.count
    if flags.continued {
      while start < text.count, !Self.isBreak(text[start]) { start += 1 }
    }
    if flags.unterminated || flags.cut || flags.truncation != .none {
      while end > start, !Self.isBreak(text[end - 1]) { end -= 1 }
    }
    if start > 0 { line.append("***") }
    let isMasked = try redact(text[start, end], plan, to: &line)
    if end < text.count { line.append("***") }
    return isMasked || start > 0 || end < text.count
  }

  private static func isBreak(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == UInt8(ascii: "\"") }

  private mutating func redact(
    _ text: ByteView, _ plan: MinimisePlan, to line: inout ByteBuffer
  ) throws(CryptoError) -> Bool {
    var current = text
    first.removeAll()
    second.removeAll()
    if plan.parameters.mask(current, .text, to: &first) { current = first.view }
    if plan.masksCards, CardMask.mask(current, to: &second) { current = second.view }
    if let mask = plan.addresses, try mask.mask(current, to: &line) { return true }
    line.append(current)
    return !first.isEmpty || !second.isEmpty
  }
}

extension AddressMask {
  /// Appends an address and its port with the address replaced; false when `text` is nothing of the kind.
  func maskEndpoint(_ text: ByteView, to out: inout ByteBuffer) throws(CryptoError) -> Bool {
    guard let colon = text.findLast(UInt8(ascii: ":"), before: text.count), colon > 0 else { return false }
    for index in colon + 1..<text.count where text[index] &- UInt8(ascii: "0") > 9 { return false }
    let isBracketed = colon > 2 && text[0] == UInt8(ascii: "[") && text[colon - 1] == UInt8(ascii: "]")
    guard let address = Address(isBracketed ? text[1, colon - 1] : text.prefix(colon)) else { return false }
    if isBracketed { out.append(UInt8(ascii: "[")) }
    try append(address, hasPort: true, to: &out)
    if isBracketed { out.append(UInt8(ascii: "]")) }
    out.append(text.dropFirst(colon))
    return true
  }
}
