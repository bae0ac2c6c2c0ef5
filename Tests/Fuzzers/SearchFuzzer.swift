import Bytes
import Inspect

extension Fuzzer {
  /// Any search expression is parsed, or refused with a place in it.
  ///
  /// Input: the expression.
  static let search = Fuzzer("search", smokeRuns: 6000, seeds: { Self.searchSeeds }) { input in
    let text = input.text
    do throws(ExpressionError) { _ = try Expression(text) } catch {
      require(error.offset >= 0 && error.offset <= text.utf8.count, "an error at \(error.offset) of \(text)")
      require(!error.description.isEmpty, "an error without words")
    }
  }

  private static var searchSeeds: [[UInt8]] {
    [
      "http.status >= 500 and client.ip in 203.0.113.0/24 and dur.active > 1s",
      #"not (url.path ~ "^/api/" or http.method = POST) and bytes.out < 1MiB"#,
      "http.status in 200, 204, 3xx", "client.ip in 2001:db8::/32, 10.0.0.1", "time >= 2026-01-01T00:00:00Z",
      #"message = "a \"quoted\" \\ text" or http.host != www.example.com"#, "dur.total <= 250ms",
      String(repeating: "(", count: 5000), String(repeating: "not ", count: 5000) + "http.status = 1",
    ].map { Array(($0 as String).utf8) }
  }
}
