import Foundation
import Testing

/// Recorded lines, `Fixtures/<product>/<name>.log`, and beside each file the events that they are.
enum Fixtures {
  static let path = "\(Repository.root)/Fixtures"

  /// Writes lines as a fixture.
  static func record(_ name: String, _ lines: [[UInt8]]) throws {
    try #require(!lines.isEmpty, "nothing to record for \(name)")
    try write(name, Array(lines.map { $0 + [10] }.joined()))
  }

  static func write(_ name: String, _ bytes: [UInt8]) throws {
    let file = URL(fileURLWithPath: "\(path)/\(name)")
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }

  static func read(_ name: String) throws -> [UInt8] {
    Array(try #require(FileManager.default.contents(atPath: "\(path)/\(name)"), "no Fixtures/\(name)"))
  }

  /// The files' lines without their ends.
  static func lines(_ name: String) throws -> [[UInt8]] {
    var lines = try read(name).split(separator: 10, omittingEmptySubsequences: false).map(Array.init)
    if lines.last == [] { lines.removeLast() }
    return lines
  }

  /// Names of all fixtures, `haproxy/httplog.log`.
  static func names() throws -> [String] {
    let all = try #require(FileManager.default.subpaths(atPath: path))
    return all.filter { $0.hasSuffix(".log") }.sorted()
  }
}
