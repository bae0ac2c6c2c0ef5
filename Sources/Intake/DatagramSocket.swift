import Platform

/// One datagram socket with what has been seen on it.
struct DatagramSocket: ~Copyable {
  let socket: Socket
  let source: UInt32
  let transport: Envelope.Transport
  let counters: SourceCounters
  /// Set for a unix socket: the file to remove in the end.
  let file: SocketFile?
  /// Drops that have been accounted for, of the kernel's counter modulo 2^32.
  private var drops: UInt32 = 0
  /// When the last datagram came, or the socket was made: nanoseconds since 1970 UTC.
  private var lastTime = Clock.realtime()

  init(
    _ socket: consuming Socket, source: UInt32, transport: Envelope.Transport, counters: SourceCounters,
    file: SocketFile?
  ) {
    self.socket = socket
    self.source = source
    self.transport = transport
    self.counters = counters
    self.file = file
  }

  /// Accounts for drops that a datagram reported. Counters come late (the one of a datagram is as old as the
  /// datagram), so a lower one than before tells nothing.
  @inline(__always) mutating func note(_ datagram: Datagram, time: Int64, _ losses: LossLedger) {
    if datagram.drops != drops { note(drops: datagram.drops, time: time, losses) }
    lastTime = time
  }

  /// Accounts for drops that no datagram has reported yet.
  mutating func readDrops(_ losses: LossLedger) {
    guard transport == .udp, let now = try? socket.dropCount() else { return }
    if now != drops { note(drops: now, time: Clock.realtime(), losses) }
  }

  @inline(never) private mutating func note(drops now: UInt32, time: Int64, _ losses: LossLedger) {
    let more = Int32(bitPattern: now &- drops)
    if more <= 0 { return }
    drops = now
    counters.kernelDrops.add(Int(more))
    losses.note(
      LossEvent(source: source, layer: .kernelUDP, count: UInt64(more), from: min(lastTime, time), to: time))
  }
}
