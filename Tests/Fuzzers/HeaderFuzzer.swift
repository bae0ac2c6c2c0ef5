import Bytes
import Formats
import Templates

extension Fuzzer {
  /// A line that syslog headers, with bodies of a few formats, match is printed back from its values.
  ///
  /// Input: lines.
  static let headers = Fuzzer("headers", smokeRuns: 3000, seeds: { SampleLines.withHeaders }) { input in
    let matcher = Self.headerMatcher
    var result = MatchResult(for: matcher.matcher)
    var input = FuzzInput(input)
    while !input.isEmpty {
      let line = input.line()
      matcher.matcher.match(line, list: 0, into: &result)
      Reprint.check(line, result, matcher.matcher)
    }
  }

  private static let headerMatcher = SharedMatcher([
    SyslogHeaders.templates(around: shipped("nginx/combined") + shipped("haproxy/httplog"))
  ])
}

/// A matcher that is compiled once.
final class SharedMatcher: Sendable {
  let matcher: Matcher
  init(_ lists: [[Template]]) { matcher = Matcher(lists) }
}
