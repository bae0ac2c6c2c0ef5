import Testing

@testable import Intake

@Suite struct FilePatternTests {
  @Test(arguments: [
    ("*.log", "a.log", true), ("*.log", ".log", true), ("*.log", "a.log.1", false), ("a*b*c", "aXbXbc", true),
    ("a*b*c", "aXc", false), ("*", "x", true), ("access.log", "access.log", true),
    ("access.log", "access_log", false),
    ("a**b", "ab", true),
  ])
  func starsStandForAnything(_ pattern: String, _ name: String, _ fits: Bool) throws {
    #expect(try #require(FilePattern("/var/log/" + pattern)).matches(name) == fits)
  }

  @Test(arguments: [
    ("access.log", "access.log.1", true), ("access.log", "access.log-20261123", true),
    ("access.log", "access.log.2026-11-23T08:00", true), ("access.log", "access.log.old", true),
    ("access.log", "access.log.1.gz", false), ("access.log", "access.log", false),
    ("access.log", "access.log.sorted", false), ("access.log", "access.logs", false),
    ("*.log", "a.log.2", true),
    ("access.log", "access.log.", false),
  ])
  func rotatedNamesAreKnown(_ pattern: String, _ name: String, _ isRotated: Bool) throws {
    #expect(try #require(FilePattern("/var/log/" + pattern)).isRotated(name) == isRotated)
  }

  @Test func onlyTheLastComponentMayHaveStars() {
    #expect(FilePattern("/var/*/a.log") == nil)
    #expect(FilePattern("/var/log/") == nil)
    #expect(FilePattern("a.log")?.directory == ".")
    #expect(FilePattern("/a.log")?.directory == "/")
  }
}
