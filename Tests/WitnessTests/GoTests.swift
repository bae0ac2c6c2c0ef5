import Bytes
import MerkleLog
import Platform
import TestSupport
import Testing
import Witness

/// Where Go and its libraries are, as Debian installs them.
private enum Go {
  static let libraries = "/usr/share/gocode"
  static let compiler = Program.find("go")

  /// In CI it is a failure when Go is missing.
  static let isExpected =
    Platform.Process.environment("CI") == "true"
    || compiler != nil && (try? Directory(libraries + "/src/golang.org/x/mod/sumdb/tlog")) != nil
}

/// Go's own implementation of notes and trees makes the log, and checks what the witness signs.
@Suite struct GoTests {
  @Test(.enabled(if: Go.isExpected, "needs Go and golang-golang-x-mod-dev"))
  func theWitnessCosignsALogOfGoAndGoVerifiesIt() throws {
    try withTemporaryDirectory { directory in
      let source = #filePath.split(separator: "/").dropLast().joined(separator: "/")
      let environment = [
        "GO111MODULE": "off", "GOPATH": Go.libraries, "GOCACHE": directory + "/cache", "GOFLAGS": "",
      ]
      let tool = directory + "/interop"
      let go = try #require(Go.compiler)
      let built = try Program.run(
        go, ["build", "-o", tool, "/\(source)/Go/interop.go"], environment: environment)
      try #require(built.status == 0, "\(built.errors)")
      let made = try Program.run(tool, ["make", directory])
      try #require(made.status == 0, "\(made.errors)")
      func read(_ name: String) throws -> [UInt8] {
        try Directory(directory).readFile(name, limit: 1 << 20).view.array
      }
      let key = String(decoding: try read("log.vkey"), as: UTF8.self)
      let witness = try makeWitness(directory + "/state", [try VerifierKey(key)])
      for number in 0..<9 {
        let reply = witness.addCheckpoint(try read("request-\(number)"))
        #expect(reply.status == 200, "request \(number): \(reply.text)")
        try (read("note-\(number)") + reply.body).withView {
          try Directory(directory).replaceFile("cosigned", with: $0)
        }
        let checked = try Program.run(tool, ["check", key, "\(witness.key)", directory + "/cosigned"])
        #expect(checked.status == 0 && checked.text == "1700000000\n", "\(checked.errors)")
      }
    }
  }
}
