import Bytes
import Testing

@testable import stele

@Suite struct BackgroundSettingsTests {
  private static func settings(_ lines: String) throws(ConfigurationError) -> Settings {
    try Settings(
      parsing: "log: {directory: edge}\n\(lines)\nsources:\n  - {name: a, listen: 'udp://127.0.0.1:1'}\n",
      file: "stele.yaml")
  }

  @Test func bothAreOffUnlessTheyAreNamed() throws {
    let settings = try Self.settings("")
    #expect(settings.timestamps == nil && settings.scrub == nil)
  }

  @Test func whatIsNotSaidHasADefault() throws {
    let settings = try Self.settings("timestamps: {url: 'https://tsa.example.com/'}\nscrub: {every: 1d}")
    #expect(settings.timestamps?.interval == 3_600_000_000_000 && settings.timestamps?.authorities == nil)
    #expect(settings.scrub == ScrubSettings(rate: 20 << 20, interval: 86_400_000_000_000))
    #expect(settings.yaml.contains("scrub:\n  rate: 20MiB/s\n  every: 1d\n"))
    #expect(settings.json["timestamps"]?["every"] == "1h")
  }

  @Test func everyKeyIsUnderstood() throws {
    let settings = try Settings(
      parsing: """
        log: {directory: edge}
        timestamps: {url: 'http://tsa.example.com/', ca: tsa.crt, every: 30m}
        scrub: {rate: 1MiB/s, every: 2d}
        sources: [{name: a, listen: 'udp://127.0.0.1:1'}]
        """, file: "/etc/stele/stele.yaml")
    #expect(
      settings.timestamps
        == TimestampSettings(
          url: "http://tsa.example.com/", authorities: "/etc/stele/tsa.crt", interval: 1_800_000_000_000))
    #expect(settings.scrub == ScrubSettings(rate: 1 << 20, interval: 172_800_000_000_000))
  }

  @Test(arguments: [
    ("timestamps: {every: 1h}", "lacks the key 'url'"),
    ("timestamps: {url: 'ftp://tsa.example.com/'}", "begins with http:// or https://"),
    ("timestamps: {url: 'http://tsa.example.com/', every: 1ms}", "outside"),
    ("scrub: {rate: 20MiB}", "20MiB/s"), ("scrub: {rate: 1B/s}", "4KiB/s"), ("scrub: {evry: 1d}", "every"),
  ]) func whatMakesNoSenseIsRefused(line: String, text: String) throws {
    #expect {
      _ = try Self.settings(line)
    } throws: { ($0 as? ConfigurationError)?.line == 2 && "\($0)".contains(text) }
  }

  @Test func waitsGrowUpToALimit() {
    let waits = [1, 2, 3, 8, 9, 60].map {
      Timestamping.wait(after: $0, interval: 3_600_000_000_000) / 1_000_000_000
    }
    #expect(waits == [5, 10, 20, 640, 900, 900])
    #expect(Timestamping.wait(after: 3, interval: 2_000_000_000) == 2_000_000_000)
  }
}
