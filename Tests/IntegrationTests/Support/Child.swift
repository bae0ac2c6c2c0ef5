import Foundation
import Testing

/// A program that runs beside the test, in a directory of its own for what it prints. It ends with the value.
final class Child: Sendable {
  private let process: Foundation.Process
  let name: String
  private let output: String
  private let errors: String

  /// Starts `path` with what it prints going to `<name>.out` and `<name>.err` of the directory.
  init(
    _ path: String, _ arguments: [String], name: String, in scratch: Scratch,
    environment: [String: String] = [:]
  ) throws {
    self.name = name
    output = "\(name).out"
    errors = "\(name).err"
    self.scratch = scratch
    try scratch.write(output, "")
    try scratch.write(errors, "")
    let process = Foundation.Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    // Stamps without a zone are read as UTC.
    process.environment = ProcessInfo.processInfo.environment.merging(["TZ": "UTC"]) { $1 }
      .merging(environment) { $1 }
    process.currentDirectoryURL = URL(fileURLWithPath: scratch.path)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle(forWritingAtPath: scratch.file(output))
    process.standardError = FileHandle(forWritingAtPath: scratch.file(errors))
    try withoutBlockedSignals { try process.run() }
    self.process = process
  }

  private let scratch: Scratch

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  var isRunning: Bool { process.isRunning }
  var processID: Int32 { process.processIdentifier }
  var printed: String { scratch.text(output) }
  var printedBytes: [UInt8] { scratch.read(output) }
  var complaints: String { scratch.text(errors) }

  func signal(_ number: Int32) { kill(process.processIdentifier, number) }

  /// Waits for its end and returns the exit status, or 128 + the signal that ended it.
  func wait(seconds: Int64 = 30, _ sourceLocation: SourceLocation = #_sourceLocation) -> Int32 {
    let ended = waitUntil("the end of \(name): \(complaints.suffix(500))", seconds: seconds, sourceLocation) {
      !process.isRunning
    }
    if !ended { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal
      ? 128 + process.terminationStatus : process.terminationStatus
  }

  @discardableResult
  func stop(_ number: Int32 = SIGTERM, _ sourceLocation: SourceLocation = #_sourceLocation) -> Int32 {
    signal(number)
    return wait(sourceLocation)
  }
}

/// Tests run on threads of the dispatch library, which block all signals. A child would inherit that, and
/// some (Envoy) never look: no SIGTERM would reach them.
private func withoutBlockedSignals(_ body: () throws -> Void) rethrows {
  var none = sigset_t()
  var before = sigset_t()
  unsafe sigemptyset(&none)
  unsafe pthread_sigmask(SIG_SETMASK, &none, &before)
  defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }
  try body()
}

/// What a program that ran to its end left.
struct Finished {
  var status: Int32
  var output: [UInt8]
  var complaints: String
  var text: String { String(decoding: output, as: UTF8.self) }
}

/// Runs a program to its end.
func run(
  _ path: String, _ arguments: [String], in scratch: Scratch,
  _ sourceLocation: SourceLocation = #_sourceLocation
) throws -> Finished {
  let name = "run-\(UInt32.random(in: 0 ... .max))"
  let child = try Child(path, arguments, name: name, in: scratch)
  let status = child.wait(seconds: 60, sourceLocation)
  return Finished(status: status, output: child.printedBytes, complaints: child.complaints)
}
