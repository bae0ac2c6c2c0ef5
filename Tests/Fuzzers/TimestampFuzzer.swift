import Bytes
import Cryptography

extension Fuzzer {
  /// Any bytes are read as a timestamp authority's answer without a trap; what is accepted is kept as it came.
  ///
  /// Input: the response (DER).
  static let timestamps = Fuzzer("timestamps", smokeRuns: 4000) { response in
    guard let token = try? TimestampToken(response) else { return }
    require(token.bytes == response.array, "the token has other bytes")
    require(token.time >= 0 && token.accuracy >= 0, "time \(token.time), accuracy \(token.accuracy)")
    require(token.time.addingReportingOverflow(token.accuracy).overflow == false, "the time is too far away")
  }
}
