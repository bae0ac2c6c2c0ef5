import Bytes

/// Finds payment card numbers (ISO/IEC 7812-1): 13 to 19 digits whose check digit is right by Luhn's rule,
/// alone or in groups of three and more with a blank, `-`, `+` or `%20` between them.
///
/// Not taken for one is what begins with 0, 1 or 7: no card of a payment network in wide use does, and
/// times in milliseconds do.
enum CardMask {
  /// Appends `text` with `*` for each digit of a card number; false, with nothing appended, when it has none.
  /// Where `isCut`, digits at the very end may be the beginning of one: five or more are masked.
  static func mask(_ text: ByteView, isCut: Bool = false, to out: inout ByteBuffer) -> Bool {
    let start = out.count
    var done = 0
    var index = 0
    var hasFound = false
    while index < text.count {
      guard isDigit(text, index) else {
        index += 1
        continue
      }
      let end = numberEnd(text, index, isCut)
      if end > index {
        out.append(text[done, index])
        appendMasked(text[index, end], to: &out)
        index = end
        done = end
        hasFound = true
      } else {
        while index < text.count, isDigit(text, index) { index += 1 }
      }
    }
    if !hasFound {
      out.truncate(to: start)
      return false
    }
    out.append(text[done, text.count])
    return true
  }

  /// Where the card number that starts at `start` ends; `start` when there is none.
  private static func numberEnd(_ text: ByteView, _ start: Int, _ isCut: Bool) -> Int {
    var position = start
    var end = start
    var count = 0
    var group = 0
    // Luhn doubles every second digit from the right: which ones, only the count tells. So there are two sums.
    var evenDoubled = 0, oddDoubled = 0
    while true {
      guard position < text.count, isDigit(text, position) else { break }
      let digit = Int(text[position] - UInt8(ascii: "0"))
      let doubled = digit < 5 ? digit * 2 : digit * 2 - 9
      evenDoubled += count & 1 == 0 ? doubled : digit
      oddDoubled += count & 1 == 1 ? doubled : digit
      count += 1
      group += 1
      position += 1
      if position < text.count, isDigit(text, position) { continue }
      let sum = count & 1 == 0 ? evenDoubled : oddDoubled
      if count >= 13, count <= 19, sum % 10 == 0, mayBegin(text[start]) { end = position }
      let joint = jointLength(text, position)
      if joint == 0 || group < 3 || count > 19 { break }
      group = 0
      position += joint
    }
    // A blank may be the last that is left.
    return isCut && text.count - position <= 1 && count >= 5 ? position : end
  }

  private static func isDigit(_ text: ByteView, _ index: Int) -> Bool {
    text[index] &- UInt8(ascii: "0") <= 9
  }

  private static func mayBegin(_ first: UInt8) -> Bool {
    ![UInt8(ascii: "0"), UInt8(ascii: "1"), UInt8(ascii: "7")].contains(first)
  }

  /// Bytes of what may stand between two groups of digits.
  private static func jointLength(_ text: ByteView, _ index: Int) -> Int {
    guard index + 1 < text.count else { return 0 }
    switch text[index] {
    case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "+"): return isDigit(text, index + 1) ? 1 : 0
    case UInt8(ascii: "%"):
      guard index + 3 < text.count, isDigit(text, index + 3), text[index + 1] == UInt8(ascii: "2") else {
        return 0
      }
      return [UInt8(ascii: "0"), UInt8(ascii: "B"), UInt8(ascii: "b"), UInt8(ascii: "D"), UInt8(ascii: "d")]
        .contains(text[index + 2]) ? 3 : 0
    default: return 0
    }
  }

  private static func appendMasked(_ number: ByteView, to out: inout ByteBuffer) {
    var index = 0
    while index < number.count {
      if number[index] == UInt8(ascii: "%") {
        out.append(number[index, index + 3])
        index += 3
      } else {
        out.append(isDigit(number, index) ? UInt8(ascii: "*") : number[index])
        index += 1
      }
    }
  }
}
