import Foundation
import Glibc

/// A program that a test runs.
public final class Program: @unchecked Sendable {
  /// What a program that ended left.
  public struct Result: Sendable {
    /// The exit status, or minus the signal's number.
    public var status: Int32
    public var output: [UInt8]
    public var errors: String
    public var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// The `stele` that was built together with the tests.
  public static let stele: String = {
    var directory = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
      .deletingLastPathComponent()
    // The test runner may be a tool elsewhere; then the bundle's path is among its arguments.
    if !FileManager.default.isExecutableFile(atPath: directory.appendingPathComponent("stele").path) {
      for argument in CommandLine.arguments where argument.contains(".xctest") {
        directory = URL(fileURLWithPath: argument).deletingLastPathComponent()
      }
    }
    return directory.appendingPathComponent("stele").path
  }()

  /// Where a program of that name is installed, or nil.
  public static func find(_ name: String) -> String? {
    let directories =
      ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map(String.init) ?? []
    return (directories + ["/usr/sbin", "/sbin"]).map { $0 + "/" + name }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs a program to its end.
  public static func run(
    _ path: String, _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]
  ) throws -> Result {
    let program = try Program(path, arguments, input: input, environment: environment)
    return program.wait()
  }

  private let process = Process()
  private let outputPath: String
  private let errorPath: String

  /// Starts a program. Its output goes to files, so that it never waits for a reader.
  public init(
    _ path: String, _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]
  ) throws {
    let base = NSTemporaryDirectory() + "stele-program-\(UUID().uuidString)"
    outputPath = base + ".out"
    errorPath = base + ".err"
    _ = FileManager.default.createFile(atPath: outputPath, contents: nil)
    _ = FileManager.default.createFile(atPath: errorPath, contents: nil)
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: outputPath))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errorPath))
    if input.isEmpty {
      process.standardInput = FileHandle.nullDevice
    } else {
      let inputPath = base + ".in"
      try Data(input).write(to: URL(fileURLWithPath: inputPath))
      process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: inputPath))
      try FileManager.default.removeItem(atPath: inputPath)
    }
    try process.run()
  }

  deinit {
    if process.isRunning { Glibc.kill(process.processIdentifier, SIGKILL) }
    try? FileManager.default.removeItem(atPath: outputPath)
    try? FileManager.default.removeItem(atPath: errorPath)
  }

  public var isRunning: Bool { process.isRunning }
  public var identifier: Int32 { process.processIdentifier }
  /// What it has written so far.
  public var output: [UInt8] { FileManager.default.contents(atPath: outputPath).map { [UInt8]($0) } ?? [] }
  public var errors: String {
    String(decoding: FileManager.default.contents(atPath: errorPath) ?? Data(), as: UTF8.self)
  }

  public func signal(_ number: Int32) { Glibc.kill(process.processIdentifier, number) }

  @discardableResult public func wait() -> Result {
    process.waitUntilExit()
    let status =
      process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    return Result(status: status, output: output, errors: errors)
  }

  /// Waits until `condition` holds; false when it does not within `seconds` or the program has ended.
  public func wait(_ seconds: Double, until condition: (Program) -> Bool) -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
      if condition(self) { return true }
      if !isRunning { return condition(self) }
      usleep(5_000)
    }
    return false
  }
}

/// A directory that is removed at the end.
public final class TemporaryDirectory: Sendable {
  public let path: String

  public init() throws {
    path = NSTemporaryDirectory() + "stele-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  public func file(_ name: String) -> String { path + "/" + name }

  public func write(_ name: String, _ bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
  }

  public func read(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: file(name))))
  }

  public func copy(_ name: String, to newName: String) throws {
    try? FileManager.default.removeItem(atPath: file(newName))
    try FileManager.default.copyItem(atPath: file(name), toPath: file(newName))
  }
}
