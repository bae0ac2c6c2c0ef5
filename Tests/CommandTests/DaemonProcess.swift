import Foundation
import TestSupport
import Testing

/// A running `stele serve`, and what it says of itself.
final class DaemonProcess {
  let program: Program
  private let sandbox: Sandbox

  /// Starts it, with `--status-json`, and waits until it listens.
  /// `under` is a program that runs it, with its arguments.
  init(
    _ sandbox: Sandbox, _ arguments: [String], environment: [String: String] = [:], under: [String] = []
  ) throws {
    self.sandbox = sandbox
    let command = under + [Program.stele, "serve", "--status-json"] + arguments.map(sandbox.resolve)
    program = try Program(command[0], Array(command.dropFirst()), environment: environment)
    let isUp = program.wait(30) { $0.output.contains(UInt8(ascii: "\n")) }
    try #require(isUp, "\(program.errors)")
  }

  deinit { if program.isRunning { program.signal(SIGKILL) } }

  /// The last whole line of status.
  var status: [String: Any] {
    let text = String(decoding: program.output, as: UTF8.self)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
    let whole = text.hasSuffix("\n") ? lines.last : lines.dropLast().last
    return whole.flatMap { Sandbox.object($0) } ?? [:]
  }

  func source(_ name: String) -> [String: Any] {
    (status["sources"] as? [String: Any])?[name] as? [String: Any] ?? [:]
  }

  /// The URL where a source listens, with the port that the kernel chose.
  func url(_ name: String) -> String { source(name)["listen"] as? String ?? "" }

  /// Stops it as a service manager does.
  func stop(_ signal: Int32 = SIGTERM) -> Program.Result {
    program.signal(signal)
    return program.wait()
  }

  /// Waits until so many messages are stored durably, control entries included.
  func waitUntilDurable(_ count: Int) -> Bool {
    program.wait(30) { _ in (status["durable"] as? Int ?? 0) >= count }
  }
}
