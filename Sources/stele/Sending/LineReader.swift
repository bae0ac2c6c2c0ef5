import Bytes
import Platform

/// The lines of a file or a pipe, without their line feeds, in bounded memory.
struct LineReader: ~Copyable {
  /// A line that cannot be held.
  struct TooLong: Error, CustomStringConvertible {
    var path: String
    var line: Int
    var description: String {
      "\(path): line \(line) is longer than \(Quantity.text(size: Int64(LineReader.longest)))"
    }
  }

  /// Bytes of the longest line.
  static let longest = 1 << 20
  private static let readBytes = 256 << 10

  private let file: FileDescriptor
  private var buffer = ByteBuffer(capacity: 2 * readBytes)
  private var start = 0
  private var atEnd = false
  /// Lines handed out.
  private(set) var lines = 0
  /// Bytes read.
  private(set) var bytes = 0

  init(_ file: consuming FileDescriptor) { self.file = file }

  /// The next line; nil at the end. A last line without line feed is a line. Valid until the next call.
  mutating func next() throws -> ByteView? {
    var searched = start
    while true {
      if let end = buffer.view.find(UInt8(ascii: "\n"), from: searched) {
        defer { start = end + 1 }
        lines += 1
        return buffer.view[start, end]
      }
      if atEnd {
        guard start < buffer.count else { return nil }
        defer { start = buffer.count }
        lines += 1
        return buffer.view.dropFirst(start)
      }
      buffer.removeFirst(start)
      start = 0
      searched = buffer.count
      if searched > Self.longest { throw TooLong(path: file.path, line: lines + 1) }
      let count = try file.read(upTo: Self.readBytes, appendingTo: &buffer)
      bytes += count
      atEnd = count == 0
    }
  }
}
