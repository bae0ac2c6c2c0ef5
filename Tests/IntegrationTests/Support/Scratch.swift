import Foundation
import Platform
import Testing

/// A directory that goes with the value. Short, for sockets are made in it.
final class Scratch: Sendable {
  let path: String

  init() throws {
    path = "/tmp/stele-it-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    // Load balancers that give up root write into it too.
    try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  func read(_ name: String) -> [UInt8] {
    FileManager.default.contents(atPath: file(name)).map(Array.init) ?? []
  }

  func text(_ name: String) -> String { String(decoding: read(name), as: UTF8.self) }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    try #require(FileManager.default.createFile(atPath: file(name), contents: Data(bytes)))
  }

  /// Writes a configuration from `Servers/<template>`, with each `@NAME@` replaced.
  func configure(_ template: String, _ values: [String: String]) throws -> String {
    var text = try String(contentsOfFile: "\(Repository.tests)/Servers/\(template)", encoding: .utf8)
    for (name, value) in values.merging(["DIR": path], uniquingKeysWith: { own, _ in own }) {
      text = text.replacingOccurrences(of: "@\(name)@", with: value)
    }
    let open = text.matches(of: /@[A-Z0-9]+@/).map { String($0.output) }
    try #require(open.isEmpty, "\(open) of \(template) have no value")
    try write(template, text)
    return file(template)
  }
}

enum Repository {
  /// The directory of these tests.
  static let tests: String = {
    let parts = #filePath.split(separator: "/")
    return "/" + parts.dropLast(2).joined(separator: "/")
  }()

  static let root = tests.split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" }

  /// Recorded lines are written anew where the environment has UPDATE_GOLDEN=1.
  static let updates = ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1"
}

/// Waits until something is so. One that waits in vain for `seconds` has failed.
@discardableResult
func waitUntil(
  _ what: String, seconds: Int64 = 20, _ sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () throws -> Bool
) rethrows -> Bool {
  let deadline = Clock.monotonic() + seconds * 1_000_000_000
  while try !condition() {
    if Clock.monotonic() > deadline {
      Issue.record("waited in vain for \(what)", sourceLocation: sourceLocation)
      return false
    }
    Clock.sleep(nanoseconds: 5_000_000)
  }
  return true
}
