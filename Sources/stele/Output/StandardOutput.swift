import Bytes
import Platform

/// Standard output of a command, buffered. A reader that goes away (`stele search … | head`) ends the output
/// without a word: `BrokenPipe` is thrown, which is no failure.
struct StandardOutput: ~Copyable {
  private let file: FileDescriptor
  private var buffer = ByteBuffer(capacity: 128 << 10)

  /// Whoever read the output has closed it.
  struct BrokenPipe: Error {}

  init() throws { file = try StandardStream.output.open() }

  mutating func write(_ text: String) throws {
    buffer.append(text)
    if buffer.count >= 96 << 10 { try flush() }
  }

  mutating func write(_ bytes: ByteView) throws {
    buffer.append(bytes)
    if buffer.count >= 96 << 10 { try flush() }
  }

  mutating func flush() throws {
    defer { buffer.removeAll() }
    do throws(SystemError) { try file.write(buffer.view) } catch {
      if error.errno == .brokenPipe { throw BrokenPipe() }
      throw error
    }
  }

  /// Writes one text and all of it now.
  static func print(_ text: String) throws {
    var output = try StandardOutput()
    try output.write(text)
    try output.flush()
  }
}

/// Standard error, unbuffered. Nothing can be done about what cannot be written there.
enum StandardError {
  static func write(_ text: String) {
    guard let file = try? StandardStream.error.open() else { return }
    try? Array(text.utf8).withView { (bytes) throws(SystemError) in try file.write(bytes) }
  }
}
