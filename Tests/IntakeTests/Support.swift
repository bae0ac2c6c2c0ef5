// What the tests of this target share: a consumer that keeps what it gets, and senders.
import Bytes
import Glibc
import Intake
import Platform
import Synchronization
import Syslog
import Testing

struct Missing: Error {}

/// `#require` for values that cannot be copied.
func required<T: ~Copyable>(
  _ value: consuming T?, sourceLocation: SourceLocation = #_sourceLocation
) throws -> T {
  guard let value else {
    Issue.record("is nil", sourceLocation: sourceLocation)
    throw Missing()
  }
  return value
}

func isNil<T: ~Copyable>(_ value: consuming T?) -> Bool {
  switch consume value {
  case .none: true
  case .some: false
  }
}

/// A message as it came out of the queue.
struct Message: Equatable, Sendable, CustomStringConvertible {
  var bytes: [UInt8]
  var flags: FrameFlags
  var source: UInt32
  var time: Int64
  var envelope: [UInt8]

  var text: String { String(decoding: bytes, as: UTF8.self) }
  var description: String { "\(text.prefix(40).debugDescription)(\(bytes.count)) \(flags.rawValue)" }

  /// A field of the envelope.
  func field(_ tag: Envelope.Tag) -> [UInt8]? {
    var rest = envelope.dropFirst()
    while let next = rest.popFirst(), let count = rest.popFirst() {
      if next == tag.rawValue { return Array(rest.prefix(Int(count))) }
      rest = rest.dropFirst(Int(count))
    }
    return nil
  }
}

/// Listeners with a queue, and a thread that takes everything out of it.
final class Intakes: Sendable {
  let queue: SlabQueue
  let losses = LossLedger()
  let listeners: Listeners
  let notices: Notices
  // A lock that the thread sanitizer knows.
  private let lock = Lock()
  private nonisolated(unsafe) var messages: [Message] = []
  private let consumer = Mutex<Thread?>(nil)

  final class Notices: Sendable {
    private let texts = Mutex<[String]>([])
    func add(_ notice: IntakeNotice) { texts.withLock { $0.append("\(notice)") } }
    var all: [String] { texts.withLock { $0 } }
  }

  init(
    slabCount: Int = 12, byteCapacity: Int = Slab.defaultByteCapacity,
    recordCapacity: Int = Slab.defaultRecordCapacity, streamThreads: Int = 1,
    inherited: InheritedSockets = InheritedSockets([])
  ) throws {
    let notices = Notices()
    self.notices = notices
    queue = try SlabQueue(
      slabCount: slabCount, byteCapacity: byteCapacity, recordCapacity: recordCapacity,
      reserved: slabCount / 4, fillTime: 1_000_000)
    listeners = try Listeners(
      queue: queue, losses: losses, streamThreads: streamThreads, inherited: inherited
    ) { notices.add($0) }
  }

  /// Starts to take messages out.
  func consume() throws {
    let thread = try Thread(name: "consumer") { [self] in
      let limits = BatchLimits(messages: 10_000, bytes: 1 << 20, age: 1_000_000)
      while let batch = queue.nextBatch(limits, assign: { _, _ in 0 }) { keep(batch) }
    }
    consumer.withLock { $0 = thread }
  }

  private func keep(_ batch: consuming SlabBatch) {
    var new: [Message] = []
    for index in 0..<batch.count {
      for number in 0..<batch[index].messageCount {
        let record = batch[index][number]
        new.append(
          Message(
            bytes: batch[index].message(record).array, flags: record.flags, source: record.source,
            time: record.time, envelope: batch[index].envelope(Int(record.envelope)).array))
      }
    }
    lock.withLock { unsafe messages += new }
    queue.recycle(batch)
  }

  /// What has come so far.
  var received: [Message] { lock.withLock { unsafe messages } }
  var texts: [String] { received.map(\.text) }

  /// Waits until `count` messages have come, and returns all.
  func wait(for count: Int, sourceLocation: SourceLocation = #_sourceLocation) -> [Message] {
    waitUntil("\(count) messages", sourceLocation) { lock.withLock { unsafe messages.count } >= count }
    return received
  }

  /// Stops everything and returns all that came.
  func finish() -> [Message] {
    listeners.stop()
    listeners.join()
    queue.close()
    consumer.withLock { $0 }?.join()
    return received
  }

  func address(_ name: String) throws -> SocketAddress { try #require(listeners.address(of: name)) }
}

/// Waits until something is so; a test that waits in vain for 30 s has failed.
func waitUntil(
  _ what: String, _ sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool
) {
  let deadline = Clock.monotonic() + 30_000_000_000
  while !condition() {
    if Clock.monotonic() > deadline {
      Issue.record("waited in vain for \(what)", sourceLocation: sourceLocation)
      return
    }
    Clock.sleep(nanoseconds: 500_000)
  }
}

let loopback = IPAddress(v4: 0x7F00_0001)

extension Socket {
  /// Sends all, waiting as long as it takes.
  func sendAll(_ bytes: [UInt8]) throws {
    try bytes.withView { view throws(SystemError) in
      var rest = view
      while !rest.isEmpty {
        let sent = try send(rest)
        if sent == 0 { Clock.sleep(nanoseconds: 200_000) }
        rest = rest.dropFirst(sent)
      }
    }
  }

  func sendAll(_ text: String) throws { try sendAll(Array(text.utf8)) }

  /// Sends byte by byte, each in a packet of its own where `disableDelay` was called.
  func sendSlowly(_ bytes: [UInt8]) throws {
    for byte in bytes {
      try sendAll([byte])
      Clock.sleep(nanoseconds: 50_000)
    }
  }

  /// Sends one datagram, also an empty one. False when the kernel has no room.
  func sendDatagram(_ bytes: [UInt8]) throws -> Bool {
    try bytes.withView { view throws(SystemError) in try send(view) == view.count }
  }
}

/// A path that no other test uses, short enough for a socket.
func temporaryPath(_ name: String) -> String {
  "/tmp/stele-\(getpid())-\(UInt32.random(in: 0 ... .max))-\(name)"
}

/// Runs a shell command and returns its exit status.
func shell(_ command: String) -> Int32 {
  let status = unsafe system(command)
  return status >> 8 & 0xFF
}

func ownProcess() -> Int32 { getpid() }

/// Process, user and group.
func ownCredentials() -> [UInt32] { [UInt32(getpid()), geteuid(), getegid()] }
