import Testing

@testable import stele

@Suite struct QuantityTests {
  @Test func durationsAndSizesAreReadWithTheirUnits() {
    #expect(Quantity.duration("250ms") == 250_000_000)
    #expect(Quantity.duration("1h") == 3_600_000_000_000)
    #expect(Quantity.duration("2d") == 172_800_000_000_000)
    #expect(Quantity.size("1GiB") == 1 << 30)
    #expect(Quantity.size("64KiB") == 65_536)
    #expect(Quantity.size("10MB") == 10_000_000)
  }

  @Test(arguments: [
    "", "250", "ms", "-1s", "1.5s", "1 s", "1S", "9999999999999999999s", "9223372036854775807d",
  ])
  func whatIsNoDurationIsRefused(_ text: String) { #expect(Quantity.duration(text) == nil) }

  @Test(arguments: ["", "1", "GiB", "-1B", "1gib", "1 GiB", "99999999999TiB"])
  func whatIsNoSizeIsRefused(_ text: String) { #expect(Quantity.size(text) == nil) }

  @Test func whatIsWrittenIsReadBack() {
    for value: Int64 in [1_000_000, 250_000_000, 90_000_000_000, 3_600_000_000_000, 86_400_000_000_000] {
      #expect(Quantity.duration(Quantity.text(duration: value)) == value)
    }
    for value: Int64 in [1, 1000, 1024, 65_536, 1 << 30, 5 << 40] {
      #expect(Quantity.size(Quantity.text(size: value)) == value)
    }
  }

  @Test func peopleGetThreeDigits() {
    #expect(Quantity.rounded(bytes: 12) == "12 B")
    #expect(Quantity.rounded(bytes: 1_236_000) == "1.24 MB")
    #expect(Quantity.rounded(bytes: 999_600) == "1.00 MB")
    #expect(Quantity.rounded(count: 316_700) == "317 k")
    #expect(Quantity.rounded(nanoseconds: 350_000_000) == "0.35 s")
    #expect(Quantity.rounded(nanoseconds: 185_000_000_000) == "3 min 05 s")
    #expect(Quantity.rounded(nanoseconds: 7_800_000_000_000) == "2 h 10 min")
  }
}
