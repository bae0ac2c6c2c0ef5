// A short run of every fuzzer, the same each time, over its own seeds and the files of Fixtures/corpus.
//
// A property that fails traps, and names the input. So does a defect that traps by itself, but without the
// input: then the line printed before the run, given to `fuzz`, makes the same inputs again.
import Foundation
import Fuzzers
import Testing

@Suite struct FuzzerTests {
  private static let corpus = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/corpus")

  private static func files(_ name: String) throws -> [URL] {
    let folder = corpus.appendingPathComponent(name)
    if !FileManager.default.fileExists(atPath: folder.path) { return [] }
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .sorted { $0.path < $1.path }
  }

  @Test(arguments: Fuzzer.all.map(\.name).filter { $0 != "canary" })
  func findsNothingInAShortRun(_ name: String) throws {
    let fuzzer = try #require(Fuzzer.named(name))
    let corpus = try Self.files(name).map { [UInt8](try Data(contentsOf: $0)) }
    print("swift run fuzz \(name) seed:\(Fuzzer.smokeSeed)")
    fuzzer.smoke(corpus: corpus)
  }

  @Test func everyFolderOfTheCorpusBelongsToAFuzzer() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.corpus.path)
    #expect(Set(names).isSubset(of: Fuzzer.all.map(\.name)))
  }

  @Test func everyFuzzerHasSomethingToStartFrom() throws {
    for fuzzer in Fuzzer.all {
      #expect(try !fuzzer.seeds().isEmpty || !Self.files(fuzzer.name).isEmpty, "\(fuzzer.name)")
    }
  }

  @Test func whatFailsIsNoticed() async {
    await #expect(processExitsWith: .failure) { Fuzzer.named("canary")?.smoke() }
  }
}
