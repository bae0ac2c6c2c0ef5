import Bytes
import Cryptography
import Events

/// What becomes of addresses, and where they stand in a text.
struct AddressMask {
  let action: MinimiseRules.Action
  private let pseudonyms: Pseudonyms

  init(_ action: MinimiseRules.Action, _ pseudonyms: Pseudonyms) {
    self.action = action
    self.pseudonyms = pseudonyms
  }

  /// What stands for `address`; nil when nothing does.
  func replacement(_ address: Address) throws(CryptoError) -> Address? {
    switch action {
    case .network(let v4, let v6): address.network(v4: v4, v6: v6)
    case .pseudonym: try pseudonyms.address(address)
    case .drop, .shorten: nil
    }
  }

  /// Appends what stands for `address`. In brackets where a port follows an address that had none.
  func append(_ address: Address, hasPort: Bool = false, to out: inout ByteBuffer) throws(CryptoError) {
    guard let new = try replacement(address) else { return out.append(UInt8(ascii: "-")) }
    let needsBrackets = hasPort && address.isIPv4 && !new.isIPv4
    out.append(needsBrackets ? "[\(new)]" : "\(new)")
  }

  /// Appends what stands for a text where an address should be.
  func append(other text: ByteView, to out: inout ByteBuffer) throws(CryptoError) {
    if case .pseudonym = action {
      out.append("\(try pseudonyms.address(for: text))")
    } else {
      out.append(UInt8(ascii: "-"))
    }
  }

  // MARK: In texts

  /// Appends `text` with all its addresses replaced, or those among `some`; false, and nothing is appended,
  /// when there is none.
  func mask(_ text: ByteView, only some: [Address]? = nil, to out: inout ByteBuffer) throws(CryptoError)
    -> Bool
  {
    let start = out.count
    var done = 0
    var index = 0
    while index < text.count {
      guard AddressText.isByte(text[index]) else {
        index += 1
        continue
      }
      let end = AddressText.runEnd(text, index)
      var place = index
      while place < end {
        guard let found = AddressText.first(text, place, end) else { break }
        place = found.end
        if let some, !some.contains(found.address.unmappedIPv4) { continue }
        out.append(text[done, found.start])
        let isOpen = found.start == 0 || text[found.start - 1] != UInt8(ascii: "[")
        try append(found.address, hasPort: isOpen && AddressText.isPort(text, found.end), to: &out)
        done = found.end
      }
      index = end
    }
    if done == 0 {
      out.truncate(to: start)
      return false
    }
    out.append(text.dropFirst(done))
    return true
  }

  /// Appends a list of addresses (`X-Forwarded-For`) with each replaced, and what is none with them: clients
  /// write into it what they like.
  func mask(list text: ByteView, to out: inout ByteBuffer) throws(CryptoError) {
    var index = 0
    while index < text.count {
      let byte = text[index]
      if byte == UInt8(ascii: ",") || byte == UInt8(ascii: " ") || byte == UInt8(ascii: ";") {
        out.append(byte)
        index += 1
        continue
      }
      var end = index
      while end < text.count, ![UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: ";")].contains(text[end]) {
        end += 1
      }
      let item = text[index, end]
      if item != AddressText.dash, try !mask(item, to: &out) {
        if case .pseudonym = action {
          try pseudonyms.append(item, to: &out)
        } else {
          out.append(UInt8(ascii: "-"))
        }
      } else if item == AddressText.dash {
        out.append(item)
      }
      index = end
    }
  }
}

/// Where addresses stand in a text.
enum AddressText {
  /// `-`, a value that is not there.
  static var dash: ByteView {
    let text: StaticString = "-"
    return unsafe ByteView(unsafeBase: text.utf8Start, count: 1)
  }

  static func isByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "."), UInt8(ascii: ":"):
      true
    default: false
    }
  }

  static func runEnd(_ text: ByteView, _ start: Int) -> Int {
    var end = start
    while end < text.count, isByte(text[end]) { end += 1 }
    return end
  }

  /// The first address in `[start, end)`, a run of bytes of which addresses consist.
  static func first(_ text: ByteView, _ start: Int, _ end: Int) -> (address: Address, start: Int, end: Int)? {
    if let found = ipv6(text, start, end) { return found }
    var index = start
    while index < end {
      guard isDigit(text[index]) else {
        index += 1
        continue
      }
      if let stop = ipv4End(text, index, end), let address = Address(text[index, stop]),
        !isVersion(text, index)
      {
        return (address, index, stop)
      }
      while index < end, isDigit(text[index]) { index += 1 }
    }
    return nil
  }

  /// `:` and a digit stand there.
  static func isPort(_ text: ByteView, _ index: Int) -> Bool {
    index + 1 < text.count && text[index] == UInt8(ascii: ":") && isDigit(text[index + 1])
  }

  /// An IPv6 address that the run is, but for a colon or a port at its end, or a word and a colon before it.
  private static func ipv6(_ text: ByteView, _ start: Int, _ end: Int) -> (
    address: Address, start: Int, end: Int
  )? {
    var start = start, end = end
    guard let colon = text.findShort(UInt8(ascii: ":"), from: start, before: end),
      text.findShort(UInt8(ascii: ":"), from: colon + 1, before: end) != nil
    else { return nil }
    // Of a word: `std::abs`.
    if start > 0, isLetter(text[start - 1]) {
      start = colon + 1
    }
    if end < text.count, isLetter(text[end]) {
      guard let last = text.findLast(UInt8(ascii: ":"), before: end), last > start else { return nil }
      end = last
    }
    while end > start, text[end - 1] == UInt8(ascii: ".") { end -= 1 }
    if end > start, text[end - 1] == UInt8(ascii: ":"), end - start < 2 || text[end - 2] != UInt8(ascii: ":")
    {
      end -= 1
    }
    if end > start + 1, text[start] == UInt8(ascii: ":"), text[start + 1] != UInt8(ascii: ":") { start += 1 }
    if end - start < 2 { return nil }
    if let address = Address(text[start, end]), !address.isIPv4 { return (address, start, end) }
    if let last = text.findLast(UInt8(ascii: ":"), before: end), last > start,
      let address = Address(text[start, last]), !address.isIPv4
    {
      return (address, start, last)
    }
    if let first = text.findShort(UInt8(ascii: ":"), from: start, before: end), first + 1 < end,
      let address = Address(text[first + 1, end]), !address.isIPv4
    {
      return (address, first + 1, end)
    }
    return nil
  }

  /// Where four numbers joined by points end that begin at `start`.
  private static func ipv4End(_ text: ByteView, _ start: Int, _ end: Int) -> Int? {
    var index = start
    for part in 0..<4 {
      let first = index
      while index < end, isDigit(text[index]) { index += 1 }
      if index == first || index - first > 3 { return nil }
      if part == 3 { return index }
      guard index < end, text[index] == UInt8(ascii: ".") else { return nil }
      index += 1
    }
    return nil
  }

  /// Browsers write versions that look like addresses: `Chrome/131.0.0.0`.
  private static func isVersion(_ text: ByteView, _ start: Int) -> Bool {
    guard start > 0, text[start - 1] == UInt8(ascii: "/") else { return false }
    var word = start - 1
    while word > 0, isLetter(text[word - 1]) { word -= 1 }
    return browsers.contains { $0.withView { $0 == text[word, start - 1] } }
  }

  private static let browsers = [
    "Chrome", "Chromium", "CriOS", "Edg", "EdgA", "EdgiOS", "Electron", "HeadlessChrome", "OPR",
    "SamsungBrowser",
    "Vivaldi", "YaBrowser",
  ].map { Array($0.utf8) }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }

  private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- UInt8(ascii: "a") < 26 }
}
