import Bytes
import Events
import Segments
import Templates

/// Tests moments that are stored as local time.
struct TimeScan {
  private let column: ColumnTest

  init(_ column: ColumnTest) { self.column = column }

  /// Adds the rows whose moment lies in `ranges`; false when a moment depends on when its message was
  /// received, and the block's messages were received too far apart to tell.
  func mark(
    _ ranges: [ClosedRange<Int64>], _ block: borrowing DecodedBlock, _ rows: inout BitSet
  ) throws(DecodeError) -> Bool {
    switch column.place.type {
    case .isoTime:
      // Kinds: two for each number of places of the fraction.
      for kind in column.place.numberKinds {
        markExact(kind, TimeScale.power(9 - Int(kind - 2) / 2), 0, ranges, block, &rows)
      }
      return true
    case .clfTime:
      markExact(4, 1_000_000_000, 0, ranges, block, &rows)
      if column.zone.isFixed {
        let offset = Int64(column.zone.offset(at: 0)) * 1_000_000_000
        markExact(2, 1_000_000_000, offset, ranges, block, &rows)
        markExact(3, 1_000_000, offset, ranges, block, &rows)
        return true
      }
      guard try markByContext(2, unit: 1, ranges, block, &rows) else { return false }
      return try markByContext(3, unit: 1000, ranges, block, &rows)
    default:
      guard try markByContext(2, unit: 1, ranges, block, &rows) else { return false }
      return try markByContext(3, unit: 1, ranges, block, &rows)
    }
  }

  private func markExact(
    _ kind: UInt8, _ unit: Int64, _ offset: Int64, _ ranges: [ClosedRange<Int64>],
    _ block: borrowing DecodedBlock,
    _ rows: inout BitSet
  ) {
    block[column.place.column].mark(kind: kind, momentsIn: ranges, unit: unit, offset: offset, into: &rows)
  }

  /// For stamps without zone or year. Whole seconds are resolved one by one, neighbours mostly being of the
  /// same. What a stamp means changes once as the receive time moves away from it: if it means the same for
  /// the block's first and last message, it does for all.
  private func markByContext(
    _ kind: UInt8, unit: Int64, _ ranges: [ClosedRange<Int64>], _ block: borrowing DecodedBlock,
    _ rows: inout BitSet
  ) throws(DecodeError) -> Bool {
    var known: (second: Int64, moment: Int64)?
    var text = ByteBuffer(capacity: 32)
    for row in 0..<rows.count where block[column.place.column].kind(row) == kind {
      let number = block[column.place.column].value(row).a
      let second = TimeCodec.floorDivide(number, unit)
      if known?.second != second {
        text.removeAll()
        // Without its fraction a stamp is of kind 2 (`dd/Mon/yyyy:HH:MM:SS`); RFC 3164 ones have none.
        let whole = StoredValue(kind: unit == 1 ? kind : 2, a: second)
        try ValueCodec.print(whole, as: column.place.type, to: &text)
        guard let moment = moment(text.view) else { return false }
        known = (second, moment)
      }
      guard let known else { return false }
      let moment = known.moment &+ (number - second * unit) * (1_000_000_000 / unit)
      if ranges.contains(where: { $0.contains(moment) }) { rows.insert(row) }
    }
    return true
  }

  private func moment(_ text: ByteView) -> Int64? {
    let first = EventContext(receiveTime: column.received.lowerBound, zone: column.zone)
    let last = EventContext(receiveTime: column.received.upperBound, zone: column.zone)
    let value = column.place.meaning.value(of: text, first)
    guard case .time(let moment) = value, column.place.meaning.value(of: text, last) == value else {
      return nil
    }
    return moment
  }
}

enum TimeScale {
  static func power(_ exponent: Int) -> Int64 {
    var power: Int64 = 1
    for _ in 0..<max(0, exponent) { power *= 10 }
    return power
  }
}
