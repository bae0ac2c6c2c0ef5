import Bytes
import Platform
import Synchronization
import Syslog

/// The thread that reads all datagram sockets.
///
/// It reads in rounds: while datagrams keep coming it empties every socket, naps for at most half a
/// millisecond, and begins again; only when a round finds nothing does it sleep in the kernel until one
/// arrives. Waking a sleeping thread for each datagram would cost more than reading it, and on one host the
/// sender pays.
///
/// What the kernel drops because this thread is late is counted by the kernel, and accounted for here to the
/// last one: with the next datagram (SO_RXQ_OVFL), when nothing comes, and at the end (SO_MEMINFO).
struct DatagramReceiver: ~Copyable, Sendable {
  private let queue: SlabQueue
  private let losses: LossLedger
  private var notices: NoticeLimiter
  private var sockets: HeapArray<DatagramSocket>
  private var batch: DatagramBatch
  private var writer: SlabWriter
  private var peers = PeerTable()
  private let poll: EventPoll
  private var tokens = HeapArray<UInt64>(count: 64) { _ in 0 }
  private var nap: Int64
  /// When the queues are to be looked at again (`Clock.monotonic()`).
  private var nextLook: Int64 = 0
  private let mailbox: Mailbox<DatagramOrder>

  init(
    queue: SlabQueue, losses: LossLedger, sockets: consuming HeapArray<DatagramSocket>,
    mailbox: Mailbox<DatagramOrder>, stop: borrowing EventFlag,
    notice: @escaping @Sendable (IntakeNotice) -> Void
  ) throws(SystemError) {
    let poll = try EventPoll()
    try poll.add(stop.descriptor, token: 0)
    try poll.add(mailbox.flag.descriptor, token: 0)
    for index in 0..<sockets.count { try poll.add(sockets[index].socket.descriptor, token: 1) }
    let batch = try DatagramBatch(capacity: Limits.datagramBatch)
    self.queue = queue
    self.losses = losses
    notices = NoticeLimiter(notice)
    self.sockets = sockets
    self.poll = poll
    self.mailbox = mailbox
    self.batch = batch
    nap = Limits.nap
    writer = SlabWriter(queue, .datagrams)
    setNap()
  }

  private mutating func setNap() {
    nap = Limits.nap
    for index in 0..<sockets.count where sockets[index].transport == .udp {
      nap = min(nap, Self.longestNap(receiveBuffer: sockets[index].socket.receiveBuffer))
    }
  }

  /// How long a million short datagrams a second, of 1,280 bytes each to the kernel, take to fill a quarter
  /// of the buffer: a nap must not lose what a small buffer cannot hold.
  static func longestNap(receiveBuffer: Int) -> Int64 { Int64(receiveBuffer) / 1280 / 4 * 1000 }

  /// Receives until `stopping`, then reads what the kernel still holds.
  mutating func run(_ stopping: borrowing Atomic<Bool>) {
    Thread.setTimerSlack(nanoseconds: 10_000)
    // What this thread does not read in time is lost; all other threads only get later. Where it may not, no
    // harm.
    Thread.setNiceness(-10)
    var emptyRounds = 0
    while !stopping.load(ordering: .relaxed) {
      if !mailbox.isEmpty { carryOutOrders() }
      let begin = Clock.monotonic()
      if begin >= nextLook { look(begin) }
      guard let received = round() else { return }
      let wait = writer.submitIfDue(now: Clock.monotonic())
      if received > 0 {
        emptyRounds = 0
        Clock.sleep(nanoseconds: nap)
      } else if emptyRounds == 0 {
        emptyRounds = 1
        Clock.sleep(nanoseconds: nap)
      } else {
        sleep(wait)
      }
    }
    drain()
    writer.submit()
  }

  /// Looks at all queues, which are the fullest at the end of a nap.
  @inline(never) private mutating func look(_ now: Int64) {
    nextLook = now + Limits.queueLook
    for index in 0..<sockets.count { sockets[index].counters.receiveQueue.begin() }
    for index in 0..<sockets.count { sockets[index].readQueue(losses) }
  }

  private mutating func noteLimited(_ now: Int64) {
    for index in 0..<sockets.count { sockets[index].noteLimited(losses, now: now) }
  }

  private mutating func reportRefusals(isLast: Bool = false) {
    for index in 0..<sockets.count { sockets[index].reportRefusals(losses, isLast: isLast, &notices) }
  }

  private mutating func sleep(_ wait: Int64?) {
    look(Clock.monotonic())
    noteLimited(Clock.realtime())
    reportRefusals()
    // An error here could only be a programming error in the arguments; then this becomes a timed loop.
    let found = (try? poll.wait(into: &tokens, timeout: min(wait ?? .max, Limits.idleCheck))) ?? 0
    if found == 0 && wait == nil { batch.discardMemory() }
  }

  /// Reads each socket until it is empty, in turns. Returns how many datagrams came; nil once the queue is
  /// closed.
  private mutating func round() -> Int? {
    var received = 0
    var more = true
    while more {
      more = false
      for index in 0..<sockets.count {
        guard let count = receive(index) else { return nil }
        received += count
        if count == batch.capacity { more = true }
      }
      if more && received > 100_000 { break }
    }
    return received
  }

  /// One system call's worth of datagrams from one socket.
  private mutating func receive(_ index: Int) -> Int? {
    // A network's errors (an ICMP answer to nothing we sent) are not this socket's; the next call goes on.
    let count = (try? batch.receive(from: sockets[index].socket)) ?? 0
    if count == 0 { return 0 }
    // The kernel has them no more.
    sockets[index].counters.expect(messages: count)
    let now = Clock.realtime()
    let source = sockets[index].source
    let transport = sockets[index].transport
    var bytes = 0
    var truncated = 0
    var kept = 0
    for number in 0..<count {
      let datagram = batch[number]
      let time = datagram.time != 0 ? datagram.time : now
      sockets[index].note(datagram, time: time, losses)
      if !sockets[index].admits(datagram.peer, time: time) { continue }
      if sockets[index].isOverRate(datagram, time: time) { continue }
      kept += 1
      if datagram.isTruncated { truncated += 1 }
      guard let stored = store(number, datagram, time, source, transport) else { return nil }
      bytes += stored
    }
    if kept < count { sockets[index].reportRefusals(losses, &notices) }
    sockets[index].noteLimited(losses, now: now)
    sockets[index].counters.count(messages: kept, expected: count)
    sockets[index].counters.bytes.add(bytes)
    sockets[index].counters.overlong.add(truncated)
    return count
  }

  /// Puts one datagram into the slab, without the line feed at its end. Returns its length.
  @inline(__always) private mutating func store(
    _ number: Int, _ datagram: Datagram, _ time: Int64, _ source: UInt32, _ transport: Envelope.Transport
  ) -> Int? {
    var head = batch.head(number, length: datagram.length)
    var tail = batch.tail(number, length: datagram.length)
    var flags = FrameFlags(.datagram, truncation: datagram.isTruncated ? .collector : .none)
    if !datagram.isTruncated {
      if !tail.isEmpty {
        if tail[tail.count - 1] == 0x0A {
          tail = tail.prefix(tail.count - 1)
          flags.trailingLineFeed = true
        }
      } else if !head.isEmpty, head[head.count - 1] == 0x0A {
        head = head.prefix(head.count - 1)
        flags.trailingLineFeed = true
      }
    }
    guard writer.prepare(bytes: head.count + tail.count + Envelope.mostBytes),
      let envelope = peers.envelope(
        for: datagram.peer, source: source, transport: transport, in: &writer.slab)
    else { return nil }
    writer.slab.append(head, tail, time: time, source: source, envelope: envelope, flags: flags)
    return head.count + tail.count
  }

  // MARK: Orders

  private mutating func carryOutOrders() {
    let mailbox = mailbox
    mailbox.serve { order in
      switch order {
      case .add(let socket): add(socket.take())
      case .hand(let old, let new, let counters): hand(old, to: new, counters)
      case .remove(let source): remove(source)
      }
      setNap()
    }
  }

  private mutating func add(_ socket: consuming DatagramSocket) {
    // Where the kernel has no room to watch it, it is looked at as often as drop counters are.
    try? poll.add(socket.socket.descriptor, token: 1)
    sockets.append(socket)
  }

  /// What has been read by now is queued before anything is read for the new source.
  private mutating func hand(_ old: UInt32, to new: Source, _ counters: SourceCounters) {
    for index in 0..<sockets.count where sockets[index].source == old {
      settleLosses(index)
      sockets[index].hand(to: new, counters)
    }
    writer.submit()
  }

  /// Closes a source's sockets once they are empty. Their messages are queued when this returns.
  private mutating func remove(_ source: UInt32) {
    let deadline = Clock.monotonic() + Limits.drain
    for index in (0..<sockets.count).reversed() where sockets[index].source == source {
      // An inherited socket stays open to senders, and would never be empty.
      let enough = sockets[index].socket.isInherited ? batch.capacity : 1
      if !sockets[index].socket.isInherited { refuse(index) }
      while let received = receive(index), received >= enough, Clock.monotonic() < deadline {}
      settleLosses(index)
      // The service manager's duplicate of it would go on waking this thread.
      try? poll.remove(sockets[index].socket.descriptor)
      _ = sockets.remove(at: index)
    }
    writer.submit()
  }

  /// Notes all losses of one socket up to now.
  private mutating func settleLosses(_ index: Int) {
    sockets[index].readQueue(losses)
    sockets[index].noteLimited(losses, now: .max)
  }

  // MARK: End

  private func refuse(_ index: Int) {
    if sockets[index].transport == .udp {
      try? sockets[index].socket.refuseDatagrams()
    } else {
      sockets[index].file?.remove()
      sockets[index].socket.shutdownReceiving()
    }
  }

  /// Reads what has arrived and lets nothing more in, so that the last drop counter tells exactly what was
  /// lost. An inherited socket stays open to senders: what comes behind this waits there for the next process.
  private mutating func drain() {
    guard round() != nil else { return }
    for index in 0..<sockets.count where !sockets[index].socket.isInherited { refuse(index) }
    let deadline = Clock.monotonic() + Limits.drain
    var more = true
    while more, Clock.monotonic() < deadline {
      more = false
      for index in 0..<sockets.count where !sockets[index].socket.isInherited {
        guard let count = receive(index) else { return }
        if count > 0 { more = true }
      }
    }
    look(Clock.monotonic())
    noteLimited(.max)
    reportRefusals(isLast: true)
  }
}

/// What the thread is told while it runs.
enum DatagramOrder: Sendable {
  case add(Handover<DatagramSocket>)
  /// A source's sockets belong to another from now on, or to the same one with other settings.
  case hand(from: UInt32, to: Source, SourceCounters)
  case remove(source: UInt32)
}
