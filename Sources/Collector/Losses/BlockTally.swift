import Bytes
import Events
import Platform
import Syslog
import Templates

/// One worker's part in the account of losses: looks at each message once, after it has been matched.
struct BlockTally: ~Copyable {
  /// What a format's messages are, for the account.
  private struct Role: OptionSet {
    let rawValue: UInt8
    /// They tell of a request or a connection.
    static let access = Role(rawValue: 1)
    /// They hold the number of HAProxy's log counter.
    static let numbered = Role(rawValue: 2)
    /// They use one up without showing it.
    static let unnumbered = Role(rawValue: 4)
    /// They say how many others were dropped.
    static let dropped = Role(rawValue: 8)
    /// Which frontend they are of decides whether they count.
    static let filtered = Role(rawValue: 16)
    /// They need a closer look.
    static let special: Role = [.numbered, .unnumbered, .dropped, .filtered]
  }

  /// What a slot holds, for the account.
  private enum Part: UInt8 {
    case other, counter, hexCounter, frontend, process, host, dropped
  }

  /// By list: where its bodies' roles begin, of which the first is that of messages without a body.
  private let starts: HeapArray<Int>
  private var roles: HeapArray<UInt8>
  /// By the matcher's slot.
  private let parts: HeapArray<UInt8>
  /// By source: names of the frontends that are counted; empty for all.
  private let frontends: [[[UInt8]]]
  /// By source.
  private var messages: HeapArray<Int>
  private var access: HeapArray<Int>
  private var unparsed: HeapArray<Int>
  private let ledger: AccountLedger
  private var account: BlockAccount
  /// Of the envelope that the last message had.
  private var peer: UInt64 = 0
  /// The stream that the last number was of.
  private var lastKey: UInt64 = 0
  private var lastPlace = -1

  init(_ ledger: AccountLedger, _ sources: SourceTable, _ matcher: borrowing Matcher) {
    self.ledger = ledger
    let count = sources.definitions.count + 1
    account = ledger.takeEmpty()
    account.makeRoom(sources: count)
    messages = HeapArray(count: count) { _ in 0 }
    access = HeapArray(count: count) { _ in 0 }
    unparsed = HeapArray(count: count) { _ in 0 }
    let templates = matcher.templates, owners = matcher.slotOwners
    parts = HeapArray(count: matcher.slotCount) { slot in
      Self.part(templates[owners[slot].node].slots[owners[slot].slot]).rawValue
    }
    let filters = [[]] + sources.definitions.map { $0.countedFrontends.map { Array($0.utf8) } }
    frontends = filters
    var places: [Int] = []
    var all: [UInt8] = []
    let owner = sources.listOwners
    for list in matcher.roots.indices {
      places.append(all.count)
      let count = matcher.roots[list].isEmpty ? 0 : matcher.bodyCount(list: list)
      // Without a format, whatever comes is taken for one.
      all.append(count == 0 ? Role.access.rawValue : 0)
      for body in 0..<count {
        let template = matcher.bodyTemplate(body, list: list)
        all.append(Self.role(template, isFiltered: !filters[owner[list]].isEmpty).rawValue)
      }
    }
    let listStarts = places, listRoles = all
    starts = HeapArray(count: listStarts.count) { listStarts[$0] }
    roles = HeapArray(count: listRoles.count) { listRoles[$0] }
  }

  private static func part(_ slot: Slot) -> Part {
    switch SlotMeaning(slot).field {
    case .idLogCounter: slot.column == .hexInteger ? .hexCounter : .counter
    case .lbFrontend: .frontend
    case .syslogProcID, .lbPID: .process
    case .syslogHost, .lbNode: .host
    case .lossCount: .dropped
    default: .other
    }
  }

  private static func role(_ template: Template, isFiltered: Bool) -> Role {
    let fields = fields(of: template)
    switch EventKind.ofMessages(format: template.name) {
    case nil:
      var role: Role = .access
      // Each frontend counts for itself.
      if fields.contains(.idLogCounter), fields.contains(.lbFrontend) { role.insert(.numbered) }
      if isFiltered, fields.contains(.lbFrontend) { role.insert(.filtered) }
      return role
    case .tlsError: return .unnumbered
    case .lossNotice: return .dropped
    default: return []
    }
  }

  private static func fields(of template: Template) -> Set<Field> {
    var found = Set(template.slots.compactMap { SlotMeaning($0).field })
    for slot in template.slots { for other in slot.alternatives { found.formUnion(fields(of: other)) } }
    return found
  }

  // MARK: Messages

  /// Looks at an envelope whose messages follow.
  mutating func begin(envelope: ByteView) {
    // A datagram's port is its sender's thread's; the address is the host's.
    let address = envelope.count > 2 && envelope[1] == 1 ? envelope.dropFirst(3) : ByteView()
    let count = envelope.count > 2 ? Int(envelope[2]) : 0
    peer = address.prefix(min(count, address.count)).hash64()
  }

  /// Looks at a message that `result` is of.
  @inline(__always) mutating func note(
    _ raw: ByteView, _ flags: FrameFlags, source: Int, list: Int, time: Int64, _ result: borrowing MatchResult
  ) {
    messages[source] &+= 1
    let role = Role(rawValue: roles[starts[list] &+ Int(result.body) &+ 1])
    if result.node < 0 || result.isPartial {
      unparsed[source] &+= 1
    } else if role.contains(.access) {
      access[source] &+= 1
    }
    if flags.truncation != .none { noteTruncated(flags, source, time) }
    if !role.isDisjoint(with: .special) { look(raw, source, role, time, result) }
  }

  /// A stream's over-long message is kept whole, in pieces; of what else was cut, the rest is gone.
  @inline(never) private func noteTruncated(_ flags: FrameFlags, _ source: Int, _ time: Int64) {
    if flags.truncation == .collector, flags.framing != .datagram { return }
    account.sources[source].truncated.add(1, at: time)
    if flags.truncation == .suspected { account.sources[source].suspected += 1 }
  }

  @inline(never) private mutating func look(
    _ raw: ByteView, _ source: Int, _ role: Role, _ time: Int64, _ result: borrowing MatchResult
  ) {
    var key = peer ^ UInt64(source)
    var number: UInt64?
    var frontend = ByteView(), process = ByteView()
    for index in 0..<result.values.count {
      let value = result.values[index]
      let part = parts[Int(value.slot)]
      if part == Part.other.rawValue { continue }
      let bytes = Self.unquoted(raw[Int(value.start), Int(value.end)])
      switch Part(rawValue: part) {
      case .counter: number = Self.number(bytes, radix: 10)
      case .hexCounter: number = Self.number(bytes, radix: 16)
      case .frontend: frontend = Self.name(bytes)
      case .process: if process.isEmpty { process = bytes }
      case .host: key = bytes.hash64(seed: key)
      case .dropped:
        if role.contains(.dropped), let count = Self.number(bytes, radix: 10) {
          account.sources[source].dropped.add(count, at: time)
        }
      default: break
      }
    }
    if role.contains(.filtered), !isCounted(frontend, source) { access[source] &-= 1 }
    if frontend.isEmpty || process.isEmpty || role.isDisjoint(with: [.numbered, .unnumbered]) { return }
    key = frontend.hash64(seed: process.hash64(seed: key))
    guard let place = stream(key, source, frontend, process) else { return }
    if role.contains(.unnumbered) {
      account.addUnnumbered(stream: place, time: time)
    } else if let number {
      account.add(number, stream: place, time: time)
    }
  }

  /// HAProxy's `%ft` has a `~` behind the name when the connection is over TLS.
  private static func name(_ frontend: ByteView) -> ByteView {
    guard !frontend.isEmpty, frontend[frontend.count - 1] == UInt8(ascii: "~") else { return frontend }
    return frontend.prefix(frontend.count - 1)
  }

  /// Up to 16 digits; nil for anything else.
  private static func number(_ digits: ByteView, radix: UInt64) -> UInt64? {
    if digits.isEmpty || digits.count > 16 { return nil }
    var number: UInt64 = 0
    for index in 0..<digits.count {
      let byte = digits[index]
      let digit = UInt64(byte >= UInt8(ascii: "A") ? (byte | 0x20) &- 0x57 : byte &- UInt8(ascii: "0"))
      if digit >= radix { return nil }
      number = number &* radix &+ digit
    }
    return number
  }

  private static func unquoted(_ bytes: ByteView) -> ByteView {
    guard bytes.count > 1, bytes[0] == UInt8(ascii: "\""), bytes[bytes.count - 1] == bytes[0] else {
      return bytes
    }
    return bytes[1, bytes.count - 1]
  }

  private func isCounted(_ frontend: ByteView, _ source: Int) -> Bool {
    for name in frontends[source] where name.withView({ $0 == frontend }) { return true }
    return false
  }

  /// The stream's place in the account.
  private mutating func stream(
    _ key: UInt64, _ source: Int, _ frontend: ByteView, _ process: ByteView
  ) -> Int? {
    if key == lastKey, lastPlace >= 0 { return lastPlace }
    var place = account.streams.firstIndex { $0.key == key }
    if place == nil {
      if account.streams.count == BlockAccount.mostStreams {
        account.isOverfull = true
        return nil
      }
      let name = "frontend \(frontend.text), process \(process.text)"
      account.streams.append(BlockAccount.Stream(key: key, source: source, name: name, lastRun: -1))
      place = account.streams.count - 1
    }
    lastKey = key
    lastPlace = place ?? -1
    return place
  }

  /// Hands in what the block's messages, with the indexes from `first` on, add up to.
  mutating func finish(_ first: UInt64, end: UInt64, lastTime: Int64) {
    account.lastTime = lastTime
    for source in 0..<access.count {
      account.sources[source].messages = messages[source]
      account.sources[source].access = access[source]
      messages[source] = 0
      account.sources[source].unparsed = unparsed[source]
      access[source] = 0
      unparsed[source] = 0
    }
    let count = access.count
    account = ledger.put(account, first, end: end)
    account.makeRoom(sources: count)
    lastPlace = -1
  }
}
