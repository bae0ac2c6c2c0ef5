import Bytes

/// Text whose digits are kept apart from its letters.
///
/// Request targets, request ids and most free text differ in their numbers only. A *shape* is a value with
/// each number replaced by a mark; the numbers of one shape and one place are then a column of integers.
///
///     shaped   0x02 varint(s) integers(s lengths) bytes    the s shapes, as plain text
///              integers(shape of each value)
///              for each shape, for each of its marks: integers(number in each value of that shape)
///
///     0x01     a decimal number without leading zeros, below 10^18
///     0x02 w   w decimal digits, with leading zeros
///     0x03 w   w hexadecimal digits, lower case, at most 16; a whole word with a letter in it
///     0x04 b   the byte b itself, which is one of 0x01 to 0x04
enum ShapeMark {
  static let decimal: UInt8 = 1
  static let padded: UInt8 = 2
  static let hex: UInt8 = 3
  static let literal: UInt8 = 4
}

struct ShapeScratch: ~Copyable, Sendable {
  var shape = ByteBuffer()
  var dictionary = ShapeDictionary()
  /// All numbers of all values, in order.
  var numbers = ValueList<Int64>()
  /// Where each value's numbers start.
  var starts = ValueList<UInt32>()
  var gathered = ValueList<Int64>()
  /// Values, ordered by shape.
  var order = ValueList<UInt32>()

  /// Collects the numbers at one mark of the values `range` of `order`.
  mutating func gather(_ range: Range<Int>, mark: Int) {
    gathered.removeAll()
    for index in range { gathered.append(numbers[Int(starts[Int(order[index])]) &+ mark]) }
  }
}

/// The distinct shapes of one column, bounded in number.
struct ShapeDictionary: ~Copyable, Sendable {
  var column = TextColumn()
  /// Marks of each shape.
  var marks = ValueList<UInt32>()
  /// Values of each shape.
  var uses = ValueList<UInt32>()

  mutating func removeAll() {
    column.removeAll()
    marks.removeAll()
    uses.removeAll()
  }
}

enum ShapeEncoder {
  /// Fewest values for which shapes are tried, and how many values one shape must have on average.
  private static let fewestValues = 128
  private static let valuesPerShape = 6

  /// Appends the shaped form of the column's distinct values, if there are few shapes among them; else leaves
  /// `out` as it was and returns false.
  static func encode(_ text: borrowing TextColumn, to out: inout ByteBuffer, _ scratch: inout ColumnScratch)
    -> Bool
  {
    let count = text.valueCount
    if count < fewestValues { return false }
    // A sample first: text without numbers, or with a new shape in every value, is not worth a pass.
    let step = max(1, count / 256)
    split(text, step: step, &scratch.shapes)
    let sampled = (count + step - 1) / step
    if scratch.shapes.numbers.count * 2 < sampled { return false }
    if scratch.shapes.dictionary.column.valueCount * 4 > sampled { return false }
    if step > 1 { split(text, step: 1, &scratch.shapes) }
    let shapeCount = scratch.shapes.dictionary.column.valueCount
    if shapeCount * valuesPerShape > count { return false }
    out.append(TextForm.shaped)
    write(count, to: &out, &scratch)
    return true
  }

  /// Splits every `step`-th value into its shape and numbers.
  private static func split(_ text: borrowing TextColumn, step: Int, _ shapes: inout ShapeScratch) {
    shapes.dictionary.removeAll()
    shapes.numbers.removeAll()
    shapes.starts.removeAll()
    var index = 0
    while index < text.valueCount {
      shapes.starts.append(UInt32(shapes.numbers.count))
      shapes.shape.removeAll()
      let before = shapes.numbers.count
      tokenize(text.value(index), &shapes.shape, &shapes.numbers)
      let known = shapes.dictionary.column.valueCount
      shapes.dictionary.column.append(shapes.shape.view)
      if shapes.dictionary.column.valueCount > known {
        shapes.dictionary.marks.append(UInt32(shapes.numbers.count - before))
        shapes.dictionary.uses.append(0)
      }
      let shape = Int(shapes.dictionary.column.places.last)
      shapes.dictionary.uses[shape] &+= 1
      index += step
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") <= 9 }
  private static func isWord(_ byte: UInt8) -> Bool {
    isDigit(byte) || (byte | 0x20) &- UInt8(ascii: "a") <= 25
  }

  /// Appends the shape of `value` and its numbers.
  static func tokenize(_ value: ByteView, _ shape: inout ByteBuffer, _ numbers: inout ValueList<Int64>) {
    let count = value.count
    var index = 0
    while index < count {
      let byte = value[index]
      if byte <= ShapeMark.literal, byte >= ShapeMark.decimal {
        shape.append(ShapeMark.literal)
        shape.append(byte)
        index &+= 1
      } else if isDigit(byte) || byte &- UInt8(ascii: "a") <= 5 {
        index = word(value, index, &shape, &numbers)
      } else {
        shape.append(byte)
        index &+= 1
      }
    }
  }

  /// Takes what starts at `start` with a digit or one of `a` to `f`: hexadecimal if it is a whole word of
  /// eight to sixteen such bytes, or its leading digits, or that one letter. Returns where it ends.
  private static func word(
    _ value: ByteView, _ start: Int, _ shape: inout ByteBuffer, _ numbers: inout ValueList<Int64>
  ) -> Int {
    let count = value.count
    var index = start
    var number: UInt64 = 0
    while index < count, isDigit(value[index]), index &- start < 18 {
      number = number &* 10 &+ UInt64(value[index] &- UInt8(ascii: "0"))
      index &+= 1
    }
    let digits = index - start
    if start == 0 || !isWord(value[start - 1]) {
      let end = hexEnd(value, start)
      if end > 0, end - start > digits {
        shape.append(ShapeMark.hex)
        shape.append(UInt8(end - start))
        numbers.append(Int64(bitPattern: hexNumber(value[start, end])))
        return end
      }
    }
    if digits == 0 {
      shape.append(value[start])
      return start + 1
    }
    if digits > 1, value[start] == UInt8(ascii: "0") {
      shape.append(ShapeMark.padded)
      shape.append(UInt8(digits))
    } else {
      shape.append(ShapeMark.decimal)
    }
    numbers.append(Int64(number))
    return index
  }

  /// The end of the word at `start`, if it is eight to sixteen hexadecimal digits; else 0. Four are enough
  /// behind a `-`, as in a UUID.
  private static func hexEnd(_ value: ByteView, _ start: Int) -> Int {
    var index = start
    while index < value.count, index &- start <= 16 {
      let byte = value[index]
      if isDigit(byte) || byte &- UInt8(ascii: "a") <= 5 { index &+= 1 } else { break }
    }
    let length = index - start
    if length > 16 || index < value.count && isWord(value[index]) { return 0 }
    let least =
      start > 0 && (value[start - 1] == UInt8(ascii: "-") || value[start - 1] == UInt8(ascii: ":")) ? 3 : 8
    return length >= least ? index : 0
  }

  private static func hexNumber(_ digits: ByteView) -> UInt64 {
    var number: UInt64 = 0
    for index in 0..<digits.count {
      let byte = digits[index]
      number = number &<< 4 | UInt64(isDigit(byte) ? byte &- 48 : byte &- 87)
    }
    return number
  }

  private static func write(_ count: Int, to out: inout ByteBuffer, _ scratch: inout ColumnScratch) {
    let shapeCount = scratch.shapes.dictionary.column.valueCount
    out.append(varint: UInt64(shapeCount))
    scratch.numbers.removeAll()
    for shape in 0..<shapeCount {
      scratch.numbers.append(Int64(scratch.shapes.dictionary.column.value(shape).count))
    }
    IntegerEncoder.encode(scratch.numbers, to: &out, &scratch.integers)
    scratch.packer.encode(scratch.shapes.dictionary.column.arena.view, to: &out)
    encodePlaces(&scratch, to: &out)
    sortByShape(&scratch.shapes, count, shapeCount)
    var first = 0
    for shape in 0..<shapeCount {
      let last = first + Int(scratch.shapes.dictionary.uses[shape])
      for mark in 0..<Int(scratch.shapes.dictionary.marks[shape]) {
        scratch.shapes.gather(first..<last, mark: mark)
        IntegerEncoder.encode(scratch.shapes.gathered, to: &out, &scratch.integers)
      }
      first = last
    }
  }

  /// Appends the shape of each value.
  private static func encodePlaces(_ scratch: inout ColumnScratch, to out: inout ByteBuffer) {
    scratch.numbers.removeAll()
    for index in 0..<scratch.shapes.dictionary.column.places.count {
      scratch.numbers.append(Int64(scratch.shapes.dictionary.column.places[index]))
    }
    IntegerEncoder.encode(scratch.numbers, to: &out, &scratch.integers)
  }

  /// Orders the values by shape (counting sort), so that each shape's numbers are gathered in one pass.
  private static func sortByShape(_ shapes: inout ShapeScratch, _ count: Int, _ shapeCount: Int) {
    var next = [UInt32](repeating: 0, count: shapeCount)
    for shape in 1..<max(shapeCount, 1) { next[shape] = next[shape - 1] + shapes.dictionary.uses[shape - 1] }
    shapes.order.removeAll()
    shapes.order.resize(to: count, filledWith: 0)
    for index in 0..<count {
      let shape = Int(shapes.dictionary.column.places[index])
      shapes.order[Int(next[shape])] = UInt32(index)
      next[shape] += 1
    }
  }
}
