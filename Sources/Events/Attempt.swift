import Bytes

/// One try of a load balancer to have a request served: which server, and what came of it.
///
/// Nginx logs each of these as a list over all attempts (`$upstream_addr`, `$upstream_status`, …); Envoy and
/// HAProxy log the last attempt, and perhaps the addresses of those before it.
public struct Attempt: Equatable, Sendable, BitwiseCopyable {
  /// Which server group the attempt belongs to, counted from 0. Nginx begins a new one (` : `) with an internal
  /// redirect (`X-Accel-Redirect`, `error_page`); attempts of one group are retries of one another.
  public var group = 0
  /// The server: address and port, path of a unix socket, or the upstream's name when no server was picked. Text.
  public var address = Value.null(.absent)
  /// Status of its response.
  public var status = Value.null(.absent)
  /// Time to connect. Like all values here null where the line does not say (`absent`: not logged, or the list is
  /// shorter than the others), and text where it is not of its type.
  public var connect = Value.null(.absent)
  /// Time to the response's headers.
  public var header = Value.null(.absent)
  /// Time to the response's end.
  public var response = Value.null(.absent)
  /// Bytes received from the server: the response's length, or all of the connection's bytes.
  public var bytesIn = Value.null(.absent)
  /// Bytes sent to the server.
  public var bytesOut = Value.null(.absent)

  /// An attempt of which nothing is known yet.
  public init() {}
}

extension Event {
  /// The attempts to have the request served, first to last; empty when the line names no server.
  ///
  /// They are read from the lists `upstream.addr`, `upstream.status` and so on. Lists of one line mostly have one
  /// length, but need not: each is matched to the others group by group, and the shorter ones are filled up with
  /// null at their end. Where the line has no such list, its one server is the one attempt.
  ///
  /// Worked out anew each time it is asked for. Texts are ranges of this event's bytes.
  public var attempts: [Attempt] {
    var groups: [[Attempt]] = []
    for (field, member) in Self.attemptLists {
      guard case .text(let list) = self[field] else { continue }
      if !groups.isEmpty, isEnvoy {
        let last = groups.count - 1
        groups[last][groups[last].count - 1][keyPath: member] = attemptValue(list, field)
      } else {
        place(list, field, member, &groups)
      }
    }
    var attempts = groups.flatMap { $0 }
    guard attempts.last?.address.isNull ?? true, self[.upstreamAddress].isNull,
      case .text(let server) = self[.lbServer], bytes(server).text != "<NOSRV>"
    else { return attempts }
    if attempts.isEmpty { attempts.append(Attempt()) }
    attempts[attempts.count - 1].address = .text(server)
    return attempts
  }

  /// What Envoy logs beside the addresses is of the last attempt alone.
  private var isEnvoy: Bool { bytes(.lbProduct)?.text == Product.envoy.rawValue }

  private static var attemptLists: [(Field, WritableKeyPath<Attempt, Value>)] {
    [
      (.upstreamAddress, \.address), (.upstreamStatus, \.status), (.upstreamConnect, \.connect),
      (.upstreamHeader, \.header), (.upstreamResponse, \.response), (.upstreamBytesIn, \.bytesIn),
      (.upstreamBytesOut, \.bytesOut),
    ]
  }

  /// Puts the values of one list where they belong.
  private func place(
    _ list: TextRange, _ field: Field, _ member: WritableKeyPath<Attempt, Value>, _ groups: inout [[Attempt]]
  ) {
    var scanner = AttemptScanner(bytes(list))
    var place = 0
    while let item = scanner.next() {
      while groups.count <= item.group { groups.append([]) }
      if item.isFirst { place = 0 }
      if groups[item.group].count <= place {
        groups[item.group].append(Attempt())
        groups[item.group][place].group = item.group
      }
      groups[item.group][place][keyPath: member] = attemptValue(part(of: list, item.start, item.end), field)
      place += 1
    }
  }

  private func attemptValue(_ range: TextRange, _ field: Field) -> Value {
    let text = bytes(range)
    if text.isEmpty { return .null(.empty) }
    if text.count == 1, text[0] == UInt8(ascii: "-") { return .null(.dash) }
    let value: Value? =
      switch field {
      case .upstreamStatus: Number(text)?.whole.map { .integer($0) }
      case .upstreamBytesIn, .upstreamBytesOut: Number(text)?.whole.map { .size($0) }
      case .upstreamConnect, .upstreamHeader, .upstreamResponse:
        Number(text)?.scaled(by: Calendar.nanoseconds).map { .duration($0) }
      default: nil
      }
    return value ?? .text(range)
  }

  /// The server is the last one tried; each one before it is a retry.
  mutating func deriveServer() {
    guard case .text(let list) = self[.upstreamAddress] else { return }
    var scanner = AttemptScanner(bytes(list))
    var count: Int64 = 0
    var last: (start: Int, end: Int)?
    while let item = scanner.next() {
      if item.end == item.start { continue }
      count += 1
      last = (item.start, item.end)
    }
    guard let last else { return }
    derive(.retries, .integer(count - 1))
    derive(.lbServer, .text(part(of: list, last.start, last.end)))
  }
}

/// Reads the values of a list that `, ` (or, in Envoy, `,`) and ` : ` join, front to back.
struct AttemptScanner {
  private let text: ByteView
  private var offset = 0
  private var group = 0
  private var isFirst = true
  private var isDone: Bool

  init(_ text: ByteView) {
    self.text = text
    isDone = text.isEmpty
  }

  /// The next value: its bytes, its group, and whether it is the group's first. Nil at the end.
  mutating func next() -> (start: Int, end: Int, group: Int, isFirst: Bool)? {
    if isDone { return nil }
    let start = offset
    let blank = UInt8(ascii: " "), comma = UInt8(ascii: ","), colon = UInt8(ascii: ":")
    var end = start
    while end < text.count {
      if text[end] == comma { break }
      if text[end] == blank, end + 1 < text.count, text[end + 1] == colon,
        end + 2 == text.count || text[end + 2] == blank
      {
        break
      }
      end += 1
    }
    let found = (start, end, group, isFirst)
    isFirst = false
    if end == text.count {
      isDone = true
    } else if text[end] == comma {
      offset = end + 1
      if offset < text.count, text[offset] == blank { offset += 1 }
    } else {
      offset = min(text.count, end + 3)
      group += 1
      isFirst = true
    }
    return found
  }
}
