import Bytes
import Events
import Platform
import Synchronization
import Syslog
import TLS

/// One thread that reads established connections.
///
/// A connection is read straight into the thread's slab and its frames are cut where they lie: no byte of a
/// message is copied, but for the frame that a read ends in, which is carried over to the connection's next
/// read. Each ready connection is read once a turn, so none can keep the others waiting. When there is no
/// slab, nothing is read, the kernel's buffers fill, and the senders wait.
struct StreamReceiver: ~Copyable {
  private let inbox: StreamInbox
  private let losses: LossLedger
  private var notices: NoticeLimiter
  private var writer: SlabWriter
  private var connections = ConnectionTable()
  private var tokens = HeapArray<UInt64>(count: 256) { _ in 0 }
  /// Received TLS records, of whichever connection is being read.
  private let records: PageRegion
  /// Bytes in all connections' `carry`.
  private var carried = 0
  /// What is moved to another slab.
  private var moved = ByteBuffer(capacity: 16)
  /// Bytes that the last `read` took from the kernel, and all since the thread last waited.
  private var lastRead = 0
  private var turnRead = 0
  /// When the last wait ended.
  private var now = Clock.monotonic()
  /// Who is to be read again, and when; and the first of these times.
  private var paused: [(token: UInt64, until: Int64)] = []
  private var nextResume = Int64.max
  /// How often silent connections are looked for; nil until there is one that may not be silent.
  private var idleInterval: Int64?
  private var nextIdleCheck = Int64.max

  init(
    inbox: StreamInbox, queue: SlabQueue, losses: LossLedger,
    notice: @escaping @Sendable (IntakeNotice) -> Void = { _ in }
  ) throws(SystemError) {
    records = try PageRegion(count: Limits.readBytes)
    self.losses = losses
    notices = NoticeLimiter(notice)
    self.inbox = inbox
    writer = SlabWriter(queue, .streams)
  }

  /// Receives until `stopping`, then reads what had arrived by then.
  mutating func run(_ stopping: borrowing Atomic<Bool>) {
    Thread.setTimerSlack(nanoseconds: 10_000)
    var wait: Int64? = nil
    while !stopping.load(ordering: .acquiring) {
      let count = (try? inbox.poll.wait(into: &tokens, timeout: wait ?? -1)) ?? 0
      now = Clock.monotonic()
      turnRead = 0
      for index in 0..<count where !serve(tokens[index]) { return }
      // Little came, so let more come before looking again: who writes single messages would otherwise wake
      // this thread for each. A connection that sends much fills more than this by itself and is read without
      // a pause.
      if turnRead > 0 && turnRead < Limits.smallTurn { Clock.sleep(nanoseconds: Limits.nap) }
      now = Clock.monotonic()
      if now >= nextResume { resume() }
      if now >= nextIdleCheck, !endSilent() { return }
      let due = writer.submitIfDue(now: now)
      let next = min(nextResume, nextIdleCheck)
      wait = next == .max ? due : min(due ?? .max, max(0, next - now))
    }
    drain()
    writer.submit()
  }

  /// Serves one event. False once the queue is closed.
  private mutating func serve(_ token: UInt64) -> Bool {
    if token == StreamInbox.token {
      for connection in inbox.take() { add(connection) }
      return true
    }
    if token == StreamInbox.mailboxToken {
      let inbox = inbox
      inbox.mailbox.serve { order in
        switch order {
        case .end(let source): end(source)
        case .change(let source): change(source)
        }
      }
      return true
    }
    guard let connection = connections[token] else { return true }
    if connection.source.rates != nil, pauses(connection, token) { return true }
    let outcome = read(connection)
    if outcome == .ended { remove(token) }
    return outcome != .queueClosed
  }

  private mutating func add(_ connection: Connection) {
    let token = connections.add(connection)
    do throws(SystemError) {
      try inbox.poll.add(connection.socket.descriptor, token: token)
    } catch {
      remove(token)
      return
    }
    expectSilence(connection.source)
    // The handshake may have read messages already, and then nothing more need come to wake this thread.
    if connection.isTLS, read(connection) == .ended { remove(token) }
  }

  /// Looks for silent connections as often as the source needs it.
  private mutating func expectSilence(_ source: StreamSource) {
    guard let timeout = source.idleTimeout else { return }
    idleInterval = min(idleInterval ?? .max, max(timeout / 4, Limits.shortestIdleCheck))
    nextIdleCheck = min(nextIdleCheck, now + (idleInterval ?? 0))
  }

  private mutating func remove(_ token: UInt64) {
    guard let connection = connections.remove(token) else { return }
    carried -= connection.carry.count
    connection.end()
  }

  private enum Outcome { case open, ended, queueClosed }

  /// Reads a connection once.
  private mutating func read(_ connection: Connection) -> Outcome {
    lastRead = 0
    let outcome = connection.isTLS ? readTLS(connection) : readPlain(connection)
    turnRead += lastRead
    if lastRead > 0 { connection.lastHeard = now }
    if outcome == .ended && !finish(connection) { return .queueClosed }
    return outcome
  }

  /// Makes room in the slab, and puts the connection's envelope there.
  private mutating func prepare(_ connection: Connection) -> UInt32? {
    let bytes = connection.carry.count + Limits.smallestRead + Envelope.mostBytes
    guard writer.prepare(bytes: bytes) else { return nil }
    return connection.envelope(in: &writer.slab)
  }

  private mutating func readPlain(_ connection: Connection) -> Outcome {
    guard let envelope = prepare(connection) else { return .queueClosed }
    let received: Socket.Received
    do throws(SystemError) {
      received = try unsafe writer.slab.withFreeBytes(after: connection.carry.count) {
        (room) throws(SystemError) -> Socket.Received in
        try unsafe connection.socket.receive(
          into: UnsafeMutableRawBufferPointer(rebasing: room.prefix(Limits.readBytes)))
      }
    } catch {
      return .ended
    }
    switch received {
    case .nothing: return .open
    case .end: return .ended
    case .bytes(let count):
      lastRead = count
      return cut(connection, count, envelope) ? .open : .queueClosed
    }
  }

  private mutating func readTLS(_ connection: Connection) -> Outcome {
    var records = ByteView()
    // Even then the handshake may have left something to decipher.
    var isOver = false
    do throws(SystemError) {
      let room = unsafe UnsafeMutableRawBufferPointer(start: self.records.base, count: self.records.count)
      switch try unsafe connection.socket.receive(into: room) {
      case .nothing: break
      case .end: isOver = true
      case .bytes(let count):
        lastRead = count
        records = unsafe ByteView(UnsafeRawBufferPointer(rebasing: room[..<count]))
      }
    } catch {
      isOver = true
    }
    while true {
      guard let envelope = prepare(connection) else { return .queueClosed }
      var count = 0
      let progress = decipher(connection, &records, &count)
      if count > 0, !cut(connection, count, envelope) { return .queueClosed }
      switch progress {
      case .bytes: continue
      case .needsInput:
        // A peer that takes no answer any more may have sent much before it left.
        _ = try? connection.flush()
        return isOver ? .ended : .open
      case .closed: return .ended
      case nil:
        connection.source.counters.tlsFailures.add(1)
        return .ended
      }
    }
  }

  /// Deciphers record after record into the slab for as long as there is room, and adds their bytes to
  /// `count`. Nil when the connection has broken TLS.
  private mutating func decipher(
    _ connection: Connection, _ records: inout ByteView, _ count: inout Int
  ) -> TLSServerConnection.Progress? {
    var room = writer.slab.room - connection.carry.count
    while room >= 16_384 {
      let done = count
      do throws(TLSError) {
        let progress = try unsafe writer.slab.withFreeBytes(after: connection.carry.count + done) {
          (free) throws(TLSError) -> TLSServerConnection.Progress in
          try unsafe connection.decipher(&records, into: free)
        }
        guard case .bytes(let more) = progress else { return progress }
        count += more
        room -= more
      } catch {
        give(connection, "connection ended: \(error)")
        return nil
      }
    }
    return .bytes(0)
  }

  /// Cuts the frames out of what was received: `count` bytes in the slab's free part, behind the place for
  /// the bytes that the connection carries. False once the queue is closed.
  private mutating func cut(_ connection: Connection, _ count: Int, _ envelope: UInt32) -> Bool {
    let time = Clock.realtime()
    var cutter = Cutter(connection.source.id, time: time, envelope: envelope, connection.hosts)
    // A copy: an object's properties cost a check each time.
    var scanner = connection.scanner
    let carriedBefore = connection.carry.count
    var bytes = writer.slab.freeView(carriedBefore + count)
    // A long carried frame is not copied to and fro for each short read, but once, when it is whole.
    var isPlaced = carriedBefore == 0
    if !isPlaced && scanner.rereads {
      writer.slab.place(connection.carry.view)
      isPlaced = true
    }
    var start = 0
    while var frame = scanner.next(in: bytes, from: start) {
      if !isPlaced {
        writer.slab.place(connection.carry.view)
        isPlaced = true
      }
      if writer.slab.recordRoom == 0 {
        guard let envelope = moveOn(connection, bytes, start) else { return false }
        cutter.envelope = envelope
        bytes = writer.slab.freeView(bytes.count - start)
        frame.offset -= start
        frame.end -= start
        start = 0
      }
      cutter.record(frame, in: &writer.slab)
      start = frame.end
    }
    writer.slab.take(start)
    if isPlaced {
      connection.carry(bytes.dropFirst(start))
    } else {
      connection.carry.append(bytes.dropFirst(carriedBefore))
    }
    carried += connection.carry.count - carriedBefore
    connection.scanner = scanner
    if carried > Limits.carriedBytes { split(connection, &cutter) }
    cutter.count(connection.source.counters)
    connection.charge(cutter.messages, now: now)
    return true
  }

  /// Goes on in another slab, because this one can hold no more records: `bytes` from `start` on are moved
  /// there.
  private mutating func moveOn(_ connection: Connection, _ bytes: ByteView, _ start: Int) -> UInt32? {
    moved.removeAll()
    moved.append(bytes.dropFirst(start))
    writer.slab.take(start)
    writer.submit()
    guard writer.prepare(bytes: moved.count + Envelope.mostBytes) else { return nil }
    let envelope = connection.envelope(in: &writer.slab)
    writer.slab.place(moved.view)
    return envelope
  }

  /// Stores an unfinished frame as a piece, because too much is carried.
  private mutating func split(_ connection: Connection, _ cutter: inout Cutter) {
    let count = connection.carry.count
    guard count <= writer.slab.room, writer.slab.recordRoom > 0 else { return }
    writer.slab.place(connection.carry.view)
    guard let frame = connection.scanner.split(in: writer.slab.freeView(count), from: 0) else { return }
    cutter.record(frame, in: &writer.slab)
    writer.slab.take(frame.end)
    connection.carry(ByteView())
    carried -= count
  }

  /// Stores what there is of an unfinished frame, at the end of a stream. False once the queue is closed.
  private mutating func finish(_ connection: Connection) -> Bool {
    guard let envelope = prepare(connection) else { return false }
    var cutter = Cutter(
      connection.source.id, time: Clock.realtime(), envelope: envelope, connection.hosts)
    let count = connection.carry.count
    writer.slab.place(connection.carry.view)
    var start = 0
    while let frame = connection.scanner.finish(in: writer.slab.freeView(count), from: start) {
      if writer.slab.recordRoom == 0 {
        // As good as impossible: a carried frame is one message.
        writer.slab.take(count)
        return true
      }
      cutter.record(frame, in: &writer.slab)
      start = frame.end
    }
    writer.slab.take(count)
    connection.carry(ByteView())
    carried -= count
    cutter.count(connection.source.counters)
    losses.note(cutter.loss(of: connection.peer))
    return true
  }

  // MARK: Limits

  /// Stops reading a connection whose peer has sent more than its rate, until it has waited for that. The kernel's
  /// buffer fills, and the peer waits.
  private mutating func pauses(_ connection: Connection, _ token: UInt64) -> Bool {
    let delay = connection.delay(now: now)
    if delay == 0 { return false }
    guard (try? inbox.poll.remove(connection.socket.descriptor)) != nil else { return false }
    connection.isPaused = true
    let until = now + max(delay, Limits.shortestPause)
    paused.append((token, until))
    nextResume = min(nextResume, until)
    return true
  }

  /// Goes on with those who have waited long enough.
  private mutating func resume() {
    let due = paused.filter { $0.until <= now }
    paused.removeAll { $0.until <= now }
    nextResume = paused.map(\.until).min() ?? .max
    for (token, _) in due {
      guard let connection = connections[token] else { continue }
      connection.isPaused = false
      connection.lastHeard = now
      if (try? inbox.poll.add(connection.socket.descriptor, token: token)) == nil { remove(token) }
    }
  }

  /// Ends the connections on which nothing has come for too long. False once the queue is closed.
  private mutating func endSilent() -> Bool {
    nextIdleCheck = now + (idleInterval ?? .max / 2)
    for token in connections.tokens {
      guard let connection = connections[token], let timeout = connection.source.idleTimeout,
        !connection.isPaused, now - connection.lastHeard >= timeout
      else { continue }
      connection.source.counters.connectionsIdle.add(1)
      give(connection, silence(connection, timeout))
      if !finish(connection) { return false }
      remove(token)
    }
    return true
  }

  private func silence(_ connection: Connection, _ timeout: Int64) -> String {
    "connection ended: nothing came on it for \(timeout / 1_000_000) ms, its idle_timeout"
      + (connection.carry.isEmpty ? "" : "; what came of an unfinished message is stored")
  }

  private mutating func give(_ connection: Connection, _ text: String) {
    notices.give(
      IntakeNotice(source: connection.source.name, peer: connection.peer, text: text), now: now)
  }

  /// Tells all senders that this is the end, and reads until they have heard it: closing at once would reset
  /// their connections, and what was under way would be lost. Who goes on sending is not waited for.
  private mutating func drain() {
    for connection in inbox.take() { add(connection) }
    for token in connections.tokens {
      connections[token]?.end()
      connections[token]?.socket.shutdownSending()
    }
    let deadline = Clock.monotonic() + Limits.farewell
    while connections.count > 0, Clock.monotonic() < deadline {
      let count = (try? inbox.poll.wait(into: &tokens, timeout: Limits.farewellQuiet)) ?? 0
      if count == 0 { break }
      for index in 0..<count where !serve(tokens[index]) { return }
    }
    // Of those that are paused for their rate, what has arrived waits still.
    let end = Clock.monotonic() + Limits.drain
    for token in connections.tokens where !drain(token, until: end) { return }
  }

  /// Ends the connections of a source that is no more: what has arrived on them is read. Their messages are queued
  /// when this returns.
  private mutating func end(_ source: UInt32) {
    for connection in inbox.take() { add(connection) }
    let deadline = Clock.monotonic() + Limits.drain
    for token in connections.tokens where connections[token]?.source.id == source {
      if !drain(token, until: deadline) { return }
    }
    writer.submit()
  }

  /// Has the connections of a source go on under other settings. Of those that these do not let in what has arrived
  /// is read, then they are ended; all that is done when this returns.
  private mutating func change(_ source: StreamSource) {
    for connection in inbox.take() { add(connection) }
    expectSilence(source)
    let deadline = Clock.monotonic() + Limits.drain
    for token in connections.tokens {
      guard let connection = connections[token], connection.source.id == source.id,
        let reason = connection.adopt(source)
      else { continue }
      source.counters.connectionsRefused.add(1)
      let time = Clock.realtime()
      losses.note(
        LossEvent(
          source: source.id, layer: .refused, count: 1, from: time, to: time, peer: connection.peer,
          unit: .connections))
      let notice = IntakeNotice(
        source: source.name, peer: connection.peer, text: "connection ended: \(reason)")
      notices.give(notice, now: Clock.monotonic())
      if !drain(token, until: deadline) { return }
    }
    writer.submit()
  }

  /// Reads what has arrived on one connection, and ends it. False once the queue is closed.
  private mutating func drain(_ token: UInt64, until deadline: Int64) -> Bool {
    guard let connection = connections[token] else { return true }
    var left = connection.socket.waitingBytes
    var ended = false
    while left > 0, !ended, Clock.monotonic() < deadline {
      switch read(connection) {
      case .open: left = lastRead == 0 ? 0 : left - lastRead
      case .ended: ended = true
      case .queueClosed: return false
      }
    }
    if !ended, !finish(connection) { return false }
    remove(token)
    return true
  }
}

/// Records the frames of one read in a slab, and counts them.
private struct Cutter {
  let source: UInt32
  let time: Int64
  var envelope: UInt32
  private(set) var messages = 0
  private var bytes = 0
  private var overlong = 0
  private var cut = 0
  private var foreign = 0
  private let hosts: HostCheck?

  init(_ source: UInt32, time: Int64, envelope: UInt32, _ hosts: HostCheck?) {
    self.source = source
    self.time = time
    self.envelope = envelope
    self.hosts = hosts
  }

  /// `frame` is a place in the slab's free part.
  @inline(__always) mutating func record(_ frame: FrameScanner.Frame, in slab: inout Slab) {
    var flags = frame.flags
    if let hosts {
      let message = slab.freeView(frame.offset &+ frame.count).dropFirst(frame.offset)
      flags.foreign = hosts.isForeign(message, continues: flags.continued)
      if flags.foreign { foreign &+= 1 }
    }
    slab.record(
      at: slab.usedBytes &+ frame.offset, count: frame.count, time: time, source: source,
      envelope: envelope, flags: flags)
    messages &+= 1
    bytes &+= frame.count
    if frame.flags.truncation == .collector { overlong &+= 1 }
    if frame.flags.cut { cut &+= 1 }
  }

  /// The frames in which the stream ended: what there is of them is stored.
  func loss(of peer: SocketAddress?) -> LossEvent {
    LossEvent(source: source, layer: .cut, count: UInt64(cut), from: time, to: time, peer: peer)
  }

  func count(_ counters: SourceCounters) {
    counters.count(messages: messages)
    counters.bytes.add(bytes)
    counters.overlong.add(overlong)
    counters.cutFrames.add(cut)
    counters.foreign.add(foreign)
  }
}
