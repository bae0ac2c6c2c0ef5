import Foundation
import TestSupport
import Testing

/// A directory of its own, and the built `stele` working in it.
struct Sandbox {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  /// The repository.
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// A path in the directory.
  func path(_ name: String) -> String { directory.file(name) }

  /// Runs `stele`; arguments that begin with `@` are paths in the directory.
  @discardableResult func stele(_ arguments: String..., input: String = "") throws -> Program.Result {
    try Program.run(Program.stele, arguments.map(resolve), input: Array(input.utf8))
  }

  func resolve(_ argument: String) -> String {
    argument.hasPrefix("@") ? path(String(argument.dropFirst())) : argument
  }

  /// Makes a log called `name`, and the file `name.vkey` with its verifier key.
  func makeLog(_ name: String = "log") throws {
    let made = try stele("init", "@\(name)", "--origin", "test.example/\(name)")
    try #require(made.status == 0, "\(made.errors)")
    try directory.write("\(name).vkey", made.output)
  }

  func write(_ name: String, _ text: String) throws { try directory.write(name, Array(text.utf8)) }

  /// A log with a few lines of Nginx and HAProxy.
  static let lines = (0..<20).map { number in
    "192.0.2.\(number) - - [23/Nov/2026:08:00:\(number + 10) +0000] \"GET /item/\(number) HTTP/1.1\" "
      + "\(number % 5 == 0 ? 503 : 200) \(number * 7) \"-\" \"curl/8.5\""
  }

  func makeFilledLog(_ name: String = "log") throws {
    try makeLog(name)
    try write("lines", Self.lines.joined(separator: "\n") + "\n")
    let replayed = try stele("replay", "@lines", "--into", "@\(name)", "--format", "nginx/combined")
    try #require(replayed.status == 0, "\(replayed.errors)")
  }

  /// The one object that `text` is, or nil.
  static func object(_ text: some StringProtocol) -> [String: Any]? {
    (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any]
  }

  /// A port on loopback that nobody uses now.
  static func freePort(_ type: Int32) -> UInt16 {
    let number = socket(AF_INET, type, 0)
    defer { close(number) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = unsafe inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return unsafe withUnsafeMutablePointer(to: &address) {
      (pointer: UnsafeMutablePointer<sockaddr_in>) -> UInt16 in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        _ = unsafe bind(number, pointer, size)
        _ = unsafe getsockname(number, pointer, &size)
      }
      return UInt16(bigEndian: unsafe pointer.pointee.sin_port)
    }
  }
}
