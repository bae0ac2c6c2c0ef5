import Bytes
import Events
import Platform

/// One datagram socket with what has been seen on it.
struct DatagramSocket: ~Copyable {
  let socket: Socket
  private(set) var source: UInt32
  let transport: Envelope.Transport
  private(set) var counters: SourceCounters
  /// Set for a unix socket: the file to remove in the end.
  let file: SocketFile?
  private var allow: AllowList?
  private var refusals: RefusalTally
  /// Drops that have been accounted for, of the kernel's counter modulo 2^32.
  private var drops: UInt32
  /// When the last datagram came, or the socket was made: nanoseconds since 1970 UTC.
  private var lastTime = Clock.realtime()
  /// One, or none where peers may send as much as they can.
  private var rates = HeapArray<PeerRates>()
  private var rate: RateLimit?
  /// Datagrams above their peers' rate that the ledger does not know of yet, with the times of the first and the
  /// last.
  private var limited = (count: 0, from: Int64(0), to: Int64(0))

  init(
    _ socket: consuming Socket, _ source: Source, transport: Envelope.Transport, counters: SourceCounters,
    file: SocketFile?, rate: RateLimit? = nil
  ) {
    if let rate { rates = HeapArray(PeerRates(rate)) }
    self.rate = rate
    drops = socket.isInherited ? socket.accountedDrops : 0
    self.socket = socket
    self.source = source.id
    allow = transport == .udp ? source.allow : nil
    refusals = RefusalTally(source.id, source.name, .messages)
    self.transport = transport
    self.counters = counters
    self.file = file
  }

  /// Gives the socket to another source, or the same one with other settings: what is read from now on, and
  /// drops that are noticed from now on, are its.
  mutating func hand(to source: Source, _ counters: SourceCounters) {
    self.source = source.id
    allow = transport == .udp ? source.allow : nil
    refusals = RefusalTally(source.id, source.name, .messages)
    self.counters = counters
    if source.rate != rate {
      rate = source.rate
      rates = if let rate { HeapArray(PeerRates(rate)) } else { HeapArray() }
    }
    socket.setReceiveBuffer(source.receiveBuffer)
  }

  /// Whether the source lets that sender in; counts who is not.
  @inline(__always) mutating func admits(_ peer: Datagram.Peer, time: Int64) -> Bool {
    allow == nil || admits(listed: peer, time: time)
  }

  @inline(never) private mutating func admits(listed peer: Datagram.Peer, time: Int64) -> Bool {
    if let address = peer.address, let allow, allow.contains(address) { return true }
    counters.refused.add(1)
    refusals.add(peer.address.map { .ip($0, port: peer.port) }, time: time)
    return false
  }

  /// Tells of senders that were not let in, if it is time.
  mutating func reportRefusals(_ losses: LossLedger, isLast: Bool = false, _ notices: inout NoticeLimiter) {
    let now = Clock.monotonic()
    refusals.report(losses, now: now, isLast: isLast) { notices.give($0, now: now) }
  }

  /// Accounts for drops that a datagram reported. Counters come late (the one of a datagram is as old as the
  /// datagram), so a lower one than before tells nothing.
  @inline(__always) mutating func note(_ datagram: Datagram, time: Int64, _ losses: LossLedger) {
    if datagram.drops != drops { note(drops: datagram.drops, time: time, losses) }
    lastTime = time
  }

  /// Accounts for drops that no datagram has reported yet, and sees how full the queue is. A unix socket drops
  /// nothing: its senders are told that it is full.
  mutating func readQueue(_ losses: LossLedger) {
    guard transport == .udp, let queue = try? socket.receiveQueue() else { return }
    counters.receiveQueue.note(queue, hasDropped: queue.drops != drops)
    if queue.drops != drops { note(drops: queue.drops, time: Clock.realtime(), losses) }
  }

  @inline(never) private mutating func note(drops now: UInt32, time: Int64, _ losses: LossLedger) {
    let more = Int32(bitPattern: now &- drops)
    if more <= 0 { return }
    drops = now
    counters.count(kernelDrops: Int(more))
    losses.note(
      LossEvent(source: source, layer: .kernelUDP, count: UInt64(more), from: min(lastTime, time), to: time))
    if socket.isInherited { socket.accountedDrops = now }
  }

  /// Whether a datagram is above its sender's rate, and so is to be dropped. Each is accounted for.
  @inline(__always) mutating func isOverRate(_ datagram: Datagram, time: Int64) -> Bool {
    rates.count > 0 && exceeds(datagram, time)
  }

  /// By the time at which the kernel received it: what has waited here was not sent any faster.
  @inline(never) private mutating func exceeds(_ datagram: Datagram, _ time: Int64) -> Bool {
    guard let peer = datagram.peer.address?.unmapped.limitedPeer, !rates[0].admit(peer, now: time) else {
      return false
    }
    if limited.count == 0 { limited = (0, time, time) }
    limited.count += 1
    limited.from = min(limited.from, time)
    limited.to = max(limited.to, time)
    return true
  }

  /// Hands what was dropped on to the ledger, once a second so that a flood does not fill the log, or now.
  mutating func noteLimited(_ losses: LossLedger, now: Int64) {
    if limited.count == 0 || now &- limited.from < Limits.idleCheck { return }
    counters.rateLimited.add(limited.count)
    losses.note(
      LossEvent(
        source: source, layer: .rateLimit, count: UInt64(limited.count), from: limited.from, to: limited.to))
    limited.count = 0
  }
}
