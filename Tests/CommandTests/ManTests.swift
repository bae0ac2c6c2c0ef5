import Foundation
import TestSupport
import Testing

/// The manual pages are those of this program, and roff that every formatter takes.
@Suite struct ManTests {
  private static let pages = "\(Sandbox.root)/Packaging/man"

  private static func names(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }

  private static func text(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
  }

  /// `UPDATE_MAN=1` writes them anew.
  @Test func thePagesAreThoseOfTheProgram() throws {
    let python = try #require(Program.find("python3"))
    let isUpdate = ProcessInfo.processInfo.environment["UPDATE_MAN"] == "1"
    let sandbox = try Sandbox()
    let directory = isUpdate ? Self.pages : sandbox.path("man")
    let result = try Program.run(python, ["\(Sandbox.root)/Packaging/man.py", Program.stele, directory])
    #expect(result.status == 0, "\(result.errors)")
    let names = try Self.names(directory)
    #expect(try Self.names(Self.pages) == names && names.count > 30)
    for name in names {
      #expect(
        try Self.text(Self.pages + "/" + name) == Self.text(directory + "/" + name),
        "\(name) is not up to date: run the tests with UPDATE_MAN=1")
    }
  }

  @Test(arguments: [
    ["mandoc", "-Tlint", "-W", "warning"], ["groff", "-man", "-ww", "-K", "utf8", "-Tutf8"],
  ])
  func formattersFindNothingWrong(_ command: [String]) throws {
    let variable = ProcessInfo.processInfo.environment["STELE_\(command[0].uppercased())"]
    guard let formatter = variable ?? Program.find(command[0]) else {
      #expect(ProcessInfo.processInfo.environment["CI"] != "true", "apt-get install \(command[0])")
      return
    }
    for name in try Self.names(Self.pages) {
      let result = try Program.run(formatter, command.dropFirst() + ["\(Self.pages)/\(name)"])
      #expect(result.status == 0 && result.errors == "", "\(name): \(result.errors)")
      // What mandoc finds it says on standard output.
      if command[0] == "mandoc" { #expect(result.text == "") }
    }
  }

  /// The page about the configuration shows the shipped file.
  @Test func theShippedConfigurationNamesEveryKey() throws {
    let directory = "\(Sandbox.root)/Sources/stele/Configuration"
    let shipped = try Self.text("\(Sandbox.root)/Packaging/stele.yaml")
    var keys: Set<String> = []
    for name in try Self.names(directory) {
      for list in try Self.text("\(directory)/\(name)").matches(of: /(?:group\(\s*|let keys = )\[([^\]]*)\]/)
      {
        for key in list.output.1.matches(of: /"([a-z_]+)"/) { keys.insert(String(key.output.1)) }
      }
    }
    #expect(keys.count > 40)
    let words = Set(shipped.split { !$0.isLetter && $0 != "_" && !$0.isNumber }.map(String.init))
    // `tests` is another name for `test`.
    #expect(keys.subtracting(words).subtracting(["tests"]) == [])
  }
}
