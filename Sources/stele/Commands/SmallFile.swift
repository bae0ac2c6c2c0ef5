import Bytes
import Platform

/// A file that is named on the command line and read whole; `-` is standard input.
enum SmallFile {
  static func read(_ path: String, limit: Int) throws -> [UInt8] {
    var bytes = ByteBuffer()
    let file = path == "-" ? try StandardStream.input.open() : try FileDescriptor(reading: path)
    try file.readAll(limit: limit, into: &bytes)
    return bytes.view.array
  }
}
