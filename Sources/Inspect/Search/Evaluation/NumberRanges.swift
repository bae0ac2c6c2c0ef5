import Events
import Segments
import Templates

/// Sets of numbers as ranges that rise and do not overlap.
enum NumberRanges {
  static let all: [ClosedRange<Int64>] = [.min ... .max]

  /// What is in none of `ranges`.
  static func complement(_ ranges: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
    var rest: [ClosedRange<Int64>] = []
    var next = Int64.min
    for range in ranges {
      if range.lowerBound > next { rest.append(next...range.lowerBound - 1) }
      if range.upperBound == .max { return rest }
      next = range.upperBound + 1
    }
    rest.append(next ... .max)
    return rest
  }

  /// The numbers whose product with `factor` (positive) is in `ranges`.
  static func divided(_ ranges: [ClosedRange<Int64>], by factor: Int64) -> [ClosedRange<Int64>] {
    if factor == 1 { return ranges }
    return ranges.compactMap { range in
      let low = -TimeCodec.floorDivide(range.lowerBound == .min ? .max : -range.lowerBound, factor)
      let high = TimeCodec.floorDivide(range.upperBound, factor)
      return low <= high ? low...high : nil
    }
  }

  static func removing(_ number: Int64, from ranges: [ClosedRange<Int64>]) -> [ClosedRange<Int64>] {
    ranges.flatMap { range -> [ClosedRange<Int64>] in
      guard range.contains(number) else { return [range] }
      var parts: [ClosedRange<Int64>] = []
      if range.lowerBound < number { parts.append(range.lowerBound...number - 1) }
      if range.upperBound > number { parts.append(number + 1...range.upperBound) }
      return parts
    }
  }
}

/// How the numbers of a column become a field's values.
enum NumberReading: Equatable {
  /// value = number × factor. In durations -1 is no value.
  case scaled(Int64, isDuration: Bool)
  /// The first attempt is no retry.
  case retries
  /// value = number × 10^(9 − places), places being told by the kind.
  case decimalSeconds
  /// The address with that number.
  case address
  /// A moment.
  case moment
  /// The text that is printed.
  case text
  /// In some other way: the values are printed and read one by one.
  case other

  init(_ place: SlotPlace) {
    let isInteger = place.type == .integer || place.type == .plusInteger
    switch place.meaning.field?.type {
    case nil: self = Self.unnamed(place, isInteger)
    case .integer, .status:
      if place.meaning.field == .retries, place.meaning.name != Field.retries.name {
        self = isInteger ? .retries : .other
      } else {
        self = isInteger || place.type == .status ? .scaled(1, isDuration: false) : .other
      }
    case .size: self = isInteger ? .scaled(1, isDuration: false) : .other
    case .duration:
      if isInteger {
        self = .scaled(place.nanosecondsPerUnit, isDuration: true)
      } else {
        self = place.type == .decimal && place.nanosecondsPerUnit == 1_000_000_000 ? .decimalSeconds : .other
      }
    case .time:
      switch place.type {
      case .clfTime, .isoTime, .syslogTime: self = .moment
      default: self = .other
      }
    case .address: self = place.type == .address ? .address : .other
    case .text, .list: self = TextReading(place) == .plain ? .text : .other
    case .flag: self = .other
    }
  }

  private static func unnamed(_ place: SlotPlace, _ isInteger: Bool) -> NumberReading {
    if isInteger {
      switch place.unit {
      case .none, .bytes: return .scaled(1, isDuration: false)
      default: return .scaled(place.nanosecondsPerUnit, isDuration: true)
      }
    }
    return place.type == .decimal && place.unit != .none ? .other : .text
  }
}

/// How the texts of a column become a field's values.
enum TextReading {
  /// As they are; nothing and `-` are no value.
  case plain
  /// By the field's type; nothing and `-` are no value, and all others are one.
  case typed
  /// In some other way.
  case other

  init(_ place: SlotPlace) {
    if place.meaning.isEncoded {
      self = .other
      return
    }
    switch place.meaning.field {
    case nil:
      switch place.type {
      case .integer, .plusInteger: self = .other
      case .decimal: self = place.unit == .none ? .plain : .other
      default: self = .plain
      }
    case .lbFrontend where place.meaning.name != Field.lbFrontend.name: self = .other
    case .httpVersion, .urlQuery: self = .other
    case let field?:
      switch field.type {
      case .text, .list: self = .plain
      case .duration, .address: self = .other
      default: self = .typed
      }
    }
  }
}
