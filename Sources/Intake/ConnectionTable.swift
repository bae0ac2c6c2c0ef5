import Platform
import Synchronization

/// The connections of one thread, found by the tokens that `EventPoll` returns. A token is never given twice
/// in a while, so an event of a connection that is gone is not taken for one of its successor.
struct ConnectionTable: ~Copyable {
  private var connections: [Connection?] = []
  private var turns: [UInt32] = []
  private var free: [Int] = []

  /// Number of connections.
  var count: Int { connections.count - free.count }

  /// Puts a connection in and returns its token, which is at least 2^32 and below 2^63.
  mutating func add(_ connection: Connection) -> UInt64 {
    let place: Int
    if let old = free.popLast() {
      place = old
    } else {
      place = connections.count
      connections.append(nil)
      turns.append(0)
    }
    turns[place] = turns[place] & 0x3FFF_FFFF + 1
    connections[place] = connection
    return UInt64(turns[place]) &<< 32 | UInt64(place)
  }

  private func place(_ token: UInt64) -> Int? {
    let place = Int(token & 0xFFFF_FFFF)
    return place < turns.count && UInt64(turns[place]) == token &>> 32 ? place : nil
  }

  subscript(token: UInt64) -> Connection? { place(token).flatMap { connections[$0] } }

  mutating func remove(_ token: UInt64) -> Connection? {
    guard let place = place(token), let connection = connections[place] else { return nil }
    connections[place] = nil
    free.append(place)
    return connection
  }

  /// The tokens of all connections.
  var tokens: [UInt64] {
    connections.indices.filter { connections[$0] != nil }.map { UInt64(turns[$0]) &<< 32 | UInt64($0) }
  }
}

/// What a receiving thread is told while it runs.
enum ReceiverOrder: Sendable {
  /// The source with this number is no more: its connections are ended.
  case end(source: UInt32)
  /// Its connections go on under other settings, as far as these let them in.
  case change(StreamSource)
}

/// Where the accepting thread leaves connections for a receiving thread.
final class StreamInbox: Sendable {
  /// What the receiving thread waits with.
  let poll: EventPoll
  private let flag: EventFlag
  private let waiting = Mutex<[Connection]>([])
  let mailbox: Mailbox<ReceiverOrder>
  /// The flags' tokens: below all connections'.
  static let token: UInt64 = 1
  static let mailboxToken: UInt64 = 2

  init() throws(SystemError) {
    poll = try EventPoll()
    flag = try EventFlag()
    mailbox = try Mailbox()
    try poll.add(flag.descriptor, token: Self.token)
    try poll.add(mailbox.flag.descriptor, token: Self.mailboxToken)
  }

  /// Leaves a connection.
  func put(_ connection: Connection) {
    waiting.withLock { $0.append(connection) }
    flag.raise()
  }

  /// Takes what was left.
  func take() -> [Connection] {
    flag.lower()
    return waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
  }

  /// Wakes the receiving thread.
  func wake() { flag.raise() }
}
