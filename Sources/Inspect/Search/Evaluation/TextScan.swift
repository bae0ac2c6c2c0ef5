import Bytes
import Segments

/// Tests distinct texts that are values as they stand: nothing and `-` are no value.
struct TextScan {
  private let prepared: PreparedTest
  private let dashIsText: Bool
  private let badRequestIsNothing: Bool
  private static let badRequest = Array("<BADREQ>".utf8)

  /// With `dashIsText`, `-` is a value like any other; with `badRequestIsNothing`, `<BADREQ>` is none.
  init(_ prepared: PreparedTest, dashIsText: Bool = false, badRequestIsNothing: Bool = false) {
    self.prepared = prepared
    self.dashIsText = dashIsText
    self.badRequestIsNothing = badRequestIsNothing
  }

  private func isNothing(_ value: ByteView) -> Bool {
    value.isEmpty || !dashIsText && value.count == 1 && value[0] == UInt8(ascii: "-")
      || badRequestIsNothing && value.count == 8 && value[0] == UInt8(ascii: "<")
        && Self.badRequest.withView { $0 == value }
  }

  /// Adds the numbers of the texts that pass.
  func mark(_ texts: borrowing DecodedText, _ passing: inout BitSet) {
    let test = prepared.test
    if !test.isPresence, !test.isNegated {
      switch test.text {
      case .none: return
      case .among(let alternatives) where !test.isList: return markEqual(texts, alternatives, &passing)
      case .containing(let part) where part.count > 0: return markContaining(texts, part, &passing)
      default: break
      }
    }
    for number in 0..<texts.valueCount {
      let value = texts.value(number)
      if isNothing(value) { continue }
      if (test.isPresence || prepared.passes(value)) != test.isNegated { passing.insert(number) }
    }
  }

  private func markEqual(_ texts: borrowing DecodedText, _ alternatives: [[UInt8]], _ passing: inout BitSet) {
    for alternative in alternatives {
      alternative.withView { wanted in
        if isNothing(wanted) { return }
        for number in 0..<texts.valueCount where texts.value(number) == wanted { passing.insert(number) }
      }
    }
  }

  /// Looks for the part in all texts at once.
  private func markContaining(_ texts: borrowing DecodedText, _ part: [UInt8], _ passing: inout BitSet) {
    part.withView { part in
      let finder = PartFinder(part)
      var offset = 0
      while let hit = finder.find(in: texts.bytes, from: offset) {
        let (number, end) = texts.value(at: hit)
        if hit + part.count <= end {
          if !isNothing(texts.value(number)) { passing.insert(number) }
          offset = end
        } else {
          offset = hit + 1
        }
      }
    }
  }
}

/// Finds a run of bytes in long text by that byte of it which is rarest in log lines.
struct PartFinder {
  private let part: ByteView
  private let anchor: Int

  init(_ part: ByteView) {
    self.part = part
    var best = 0
    for index in 0..<part.count where Self.frequency(part[index]) < Self.frequency(part[best]) {
      best = index
    }
    anchor = best
  }

  /// How common a byte is, roughly: 0 for those that hardly occur.
  private static func frequency(_ byte: UInt8) -> Int {
    switch byte {
    case UInt8(ascii: "e"), UInt8(ascii: "o"), UInt8(ascii: "a"), UInt8(ascii: "t"), UInt8(ascii: "0"),
      UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: " "), UInt8(ascii: "i"), UInt8(ascii: "1"):
      5
    case UInt8(ascii: "2")...UInt8(ascii: "9"): 4
    case UInt8(ascii: "c"), UInt8(ascii: "s"), UInt8(ascii: "r"), UInt8(ascii: "n"), UInt8(ascii: "p"),
      UInt8(ascii: "l"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      3
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "="): 2
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "?"), UInt8(ascii: "&"), UInt8(ascii: "_"): 1
    default: 0
    }
  }

  /// Where the part, which is not empty, stands first from `start` on.
  func find(in text: ByteView, from start: Int) -> Int? {
    var candidate = start + anchor
    while candidate < text.count, let hit = text.find(part[anchor], from: candidate) {
      if text.count - (hit - anchor) < part.count { return nil }
      if text.matches(part, at: hit - anchor) { return hit - anchor }
      candidate = hit + 1
    }
    return nil
  }
}
