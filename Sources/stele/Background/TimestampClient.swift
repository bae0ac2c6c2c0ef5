import Bytes
import Cryptography
import HTTP

/// Why a timestamp authority gave no token.
enum TimestampClientError: Error, Equatable, CustomStringConvertible {
  case http(HTTPError)
  case crypto(CryptoError)
  /// What it answered is no token, or not one that is wanted.
  case token(TimestampError, url: String)
  case status(Int, url: String)
  case type(String, url: String)

  var description: String {
    switch self {
    case .http(let error): "\(error)"
    case .crypto(let error): "\(error)"
    case .token(let error, let url): "\(url): \(error)"
    case .status(let status, let url): "\(url): the server answers with status \(status)"
    case .type(let type, let url):
      "\(url): the server answers with \(type): this is no timestamp authority's URL"
    }
  }
}

/// One timestamp authority, asked over HTTP (RFC 3161 section 3.4). Blocks.
struct TimestampClient: ~Copyable {
  private let url: String
  private let client: HTTPClient
  private var authorities: TimestampAuthorities?

  /// With a file of certificates, only tokens are taken that they vouch for.
  init(_ url: String, authorities path: String?, _ client: HTTPClient = Self.http()) throws(TimestampError) {
    self.url = url
    self.client = client
    if let path { authorities = try TimestampAuthorities(file: path) }
  }

  /// What is used for the requests; cancelling it ends a request that is under way.
  static func http(timeout: Int64 = 20_000_000_000) -> HTTPClient {
    var options = HTTPClient.Options()
    options.answerLimit = TimestampRequest.replyLimit
    options.timeout = timeout
    return HTTPClient(options)
  }

  /// Has a text stamped.
  mutating func stamp(_ text: [UInt8]) throws(TimestampClientError) -> TimestampToken {
    let request: TimestampRequest
    do throws(CryptoError) {
      request = try TimestampRequest(imprint: text.withView { SHA256.hash($0) })
    } catch { throw .crypto(error) }
    let answer: HTTPClient.Answer
    do throws(HTTPError) {
      answer = try client.post(url, request.bytes, type: TimestampRequest.mediaType)
    } catch { throw .http(error) }
    guard answer.status == 200 else { throw .status(answer.status, url: url) }
    guard answer.contentType == TimestampRequest.replyMediaType else {
      throw .type(String((answer.contentType ?? "an unknown type").prefix(80)), url: url)
    }
    do throws(TimestampError) {
      let token = try answer.body.withView { (body) throws(TimestampError) in try request.token(from: body) }
      try authorities?.verify(token)
      return token
    } catch { throw .token(error, url: url) }
  }
}
