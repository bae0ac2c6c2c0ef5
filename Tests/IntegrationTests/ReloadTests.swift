import Bytes
import Foundation
import Platform
import Synchronization
import Testing

/// A configuration that changes while `stele serve` runs: all of it holds, or nothing of it, and what is sent
/// meanwhile is stored as if nothing had happened.
@Suite(.serialized) struct ReloadTests {
  /// A daemon on a file that the test writes.
  struct Run {
    let scratch: Scratch
    let log: SteleLog
    let daemon: Daemon
    private let head: String

    init(_ sources: [String], head: String = "commit: 50ms\n", environment: [String: String] = [:]) throws {
      scratch = try Scratch()
      log = try SteleLog(in: scratch)
      self.head = head
      try Self.text(log, head, sources).write(
        toFile: scratch.file("stele.yaml"), atomically: true, encoding: .utf8)
      daemon = try Daemon(
        log, arguments: ["--config", scratch.file("stele.yaml")], sourceCount: sources.count,
        environment: environment)
    }

    private static func text(_ log: SteleLog, _ head: String, _ sources: [String]) -> String {
      "log: {directory: \(log.directory)}\n\(head)sources:\n" + sources.map { "  - \($0)\n" }.joined()
    }

    /// What the daemon has said of its configuration so far.
    var verdicts: [String] {
      daemon.child.complaints.split(separator: "\n").map(String.init)
        .filter { $0.contains("taken over") }
    }

    /// Writes another configuration, and waits until the daemon has said what it thinks of it.
    func change(_ sources: [String], head: String? = nil) throws {
      try change(text: Self.text(log, head ?? self.head, sources))
    }

    func change(text: String) throws {
      let before = verdicts.count
      try scratch.write("stele.yaml", text)
      daemon.child.signal(SIGHUP)
      waitUntil("the daemon's verdict: \(daemon.child.complaints)") { verdicts.count > before }
    }

    func text(_ sources: [String]) -> String { Self.text(log, head, sources) }

    /// Lines of what a source has stored.
    func stored(_ source: String) throws -> [String] {
      try log.lines("source.id = '\(source)'").map { String(decoding: $0, as: UTF8.self) }
    }
  }

  private static func udp(_ name: String, _ port: UInt16, _ more: String = "format: none") -> String {
    "{name: \(name), listen: 'udp://127.0.0.1:\(port)', \(more)}"
  }

  private static func tcp(_ name: String, _ port: UInt16, _ more: String = "format: none") -> String {
    "{name: \(name), listen: 'tcp://127.0.0.1:\(port)', \(more)}"
  }

  private func send(_ lines: [String], to port: UInt16) throws {
    let socket = try Socket(.datagram, connectedTo: .ip(loopback, port: port))
    for line in lines { _ = try Array(line.utf8).withView { try socket.send($0) } }
  }

  // MARK: Under load

  private static let count = 6000
  private static let before = "format: \"nginx:'$status $body_bytes_sent'\""
  private static let after = "format: \"nginx:'$status $bytes_sent'\""

  @Test(.timeLimit(.minutes(3)))
  func nothingSentMeanwhileIsLostOrReadOtherwise() throws {
    let ports = try freePorts(4)
    let (u, t, gone, extra) = (ports[0], ports[1], ports[2], ports[3])
    let run = try Run([
      Self.udp("u", u, Self.before), Self.tcp("t", t, Self.before), Self.udp("gone", gone),
      Self.tcp("kept", 0),
    ])
    try send(["farewell"], to: gone)
    let sent = Atomic(0)
    let isChanged = Atomic(false)
    let datagrams = try Thread(name: "datagrams") {
      guard let socket = try? Socket(.datagram, connectedTo: .ip(loopback, port: u)) else { return }
      Self.feed(sent, isChanged) { line in _ = try Array(line.utf8).withView { try socket.send($0) } }
    }
    let stream = try Thread(name: "stream") {
      guard let socket = try? Socket(.stream, connectedTo: .ip(loopback, port: t)) else { return }
      Self.feed(sent, isChanged) { line in try socket.sendAll(Array("\(line)\n".utf8)) }
    }
    waitUntil("some of both") { sent.load(ordering: .relaxed) > 500 }
    try run.change([
      Self.tcp("t", t, Self.after), Self.tcp("kept", 0), Self.udp("u", u, Self.after),
      Self.udp("extra", extra),
    ])
    try send(["welcome"], to: extra)
    isChanged.store(true, ordering: .relaxed)
    datagrams.join()
    stream.join()
    run.daemon.waitFor(Self.count, from: "u")
    run.daemon.waitFor(Self.count, from: "t")
    run.daemon.waitFor(1, from: "extra")
    #expect(run.daemon.received("kept") == 0)
    run.daemon.stop()
    try run.log.expectIntact()

    let lines = (0..<Self.count).map { "200 \($0)" }
    for source in ["u", "t"] {
      #expect(try run.stored(source) == lines, "\(source)")
      try checkFormats(run, source)
    }
    #expect(try run.stored("gone") == ["farewell"] && run.stored("extra") == ["welcome"])
    try checkRecords(run, gone: gone)
  }

  /// Sends numbered lines: a third before the change has come, a third after.
  private static func feed(
    _ sent: borrowing Atomic<Int>, _ isChanged: borrowing Atomic<Bool>, _ send: (String) throws -> Void
  ) {
    for number in 0..<count {
      do { try send("200 \(number)") } catch { return }
      sent.wrappingAdd(1, ordering: .relaxed)
      if number % 20 == 0 { Clock.sleep(nanoseconds: 2_000_000) }
      while number == count * 2 / 3, !isChanged.load(ordering: .relaxed) {
        Clock.sleep(nanoseconds: 1_000_000)
      }
    }
  }

  /// Old fields, then new ones, never the other way; and none of the new before the record.
  private func checkFormats(_ run: Run, _ source: String) throws {
    var hasRecord = false, isNew = false
    for event in try run.log.events(nil, entries: "all") {
      if event.text("action") == "configuration" { hasRecord = true }
      guard event.text("source.id") == source else { continue }
      if event.fields["bytes.body_out"] is NSNumber {
        #expect(!isNew, "\(event.fields)")
      } else {
        #expect(hasRecord && event.fields["bytes.out"] is NSNumber, "\(event.fields)")
        isNew = true
      }
    }
    #expect(isNew, "\(source)")
  }

  private func checkRecords(_ run: Run, gone: UInt16) throws {
    let sources = try run.log.records("source").map { "\($0.number("id") ?? 0) \($0.text("name") ?? "")" }
    // Who is the same under another format keeps the number; no number is given twice.
    #expect(sources == ["1 u", "2 t", "3 gone", "4 kept", "2 t", "1 u", "5 extra"])
    let removed = try run.log.records("source_removed")
    #expect(removed.map { $0.text("name") } == ["gone"])
    #expect(removed.first?.number("id") == 3 && removed.first?.number("received") == 1)
    #expect(removed.first?.number("unparsed") == 1 && removed.first?.number("lost") == 0)
    let record = try #require(try run.log.records("configuration").first)
    #expect(record.fields["accepted"] as? Bool == true && record.text("sha256")?.count == 64)
    let changes = record.fields["changes"] as? [[String: Any]] ?? []
    func change(_ key: String) -> [String: Any]? { changes.first { $0["key"] as? String == key } }
    #expect(change("sources.u.format")?["old"] as? String == "nginx:'$status $body_bytes_sent'")
    #expect(change("sources.u.format")?["new"] as? String == "nginx:'$status $bytes_sent'")
    #expect(change("sources.gone.listen")?["old"] as? String == "udp://127.0.0.1:\(gone)")
    #expect(change("sources.gone.listen")?["new"] is NSNull && change("sources.extra.name") != nil)
    #expect(change("sources.kept.listen") == nil && change("commit") == nil)
  }

  // MARK: All or nothing

  @Test(.timeLimit(.minutes(2)))
  func whenOnePortIsTakenNothingChanges() throws {
    let ports = try freePorts(3)
    let taken = try Socket(.datagram, boundTo: .ip(loopback, port: 0))
    let run = try Run([Self.udp("a", ports[0])])
    let wanted = [
      Self.udp("a", ports[0], "format: nginx/combined"), Self.udp("b", ports[1]),
      Self.udp("c", try localPort(taken)), Self.tcp("d", ports[2]),
    ]
    try run.change(wanted)
    #expect(run.verdicts.last?.contains("source c: cannot listen on udp://127.0.0.1") == true)
    #expect(!accepts(ports[2]))
    // b's port is free again.
    #expect(throws: Never.self) { _ = try Socket(.datagram, boundTo: .ip(loopback, port: ports[1])) }
    try send(["still"], to: ports[0])
    run.daemon.waitFor(1, from: "a")
    let next = try freePorts(1)[0]
    try run.change(wanted.map { $0.replacing(":\(try! localPort(taken))", with: ":\(next)") })
    #expect(run.verdicts.last?.contains("is taken over: sources.") == true, "\(run.verdicts)")
    #expect(accepts(ports[2]))
    run.daemon.stop()
    let records = try run.log.records("configuration")
    #expect(records.map { $0.fields["accepted"] as? Bool } == [false, true])
    #expect(records.first?.text("error")?.contains("cannot listen") == true)
    // Numbers that were meant for what did not come are not used up.
    #expect(try run.log.records("source").compactMap { $0.number("id") } == [1, 1, 2, 3, 4])
    try run.log.expectIntact()
  }

  @Test(.timeLimit(.minutes(2)))
  func halfAFileIsRefusedAndTheWholeOneTaken() throws {
    let ports = try freePorts(2)
    let run = try Run([Self.udp("a", ports[0])])
    let whole = run.text([Self.udp("a", ports[0]), Self.udp("b", ports[1])])
    for (text, error) in [
      (String(whole.prefix(whole.utf8.count - 30)), "not YAML"), ("", "the file is empty"),
      (whole.replacing("name: b", with: "nam: b"), "stele.yaml:5:6: unknown key 'nam'"),
      (
        whole.replacing("log: {directory: ", with: "log: {directory: /other"),
        "restart to change log.directory"
      ),
      ("encryption: {recipients: [x.crt]}\n" + whole, "stele.yaml:1:"),
      (
        whole.replacing(
          "format: none}\n", with: "format: nginx/combined, test: [{line: x}]}\n", maxReplacements: 1),
        "expected ok"
      ),
    ] {
      try run.change(text: text)
      #expect(run.verdicts.last?.contains("not taken over") == true, "\(text)")
      #expect(run.daemon.child.complaints.contains(error), "\(error): \(run.daemon.child.complaints)")
    }
    try run.change(text: whole)
    #expect(run.verdicts.last?.contains("is taken over: sources.b.name") == true)
    // What was refused need only be as it was.
    try run.change(text: "x")
    try run.change(text: whole)
    #expect(run.verdicts.last?.contains("it says again what holds") == true)
    run.daemon.stop()
    #expect(
      try run.log.records("configuration").map { $0.fields["accepted"] as? Bool ?? false }
        == [false, false, false, false, false, false, true, false, true])
    try run.log.expectIntact()
  }

  /// No signal: a file that has changed is seen, once it is at rest.
  @Test(.timeLimit(.minutes(2)))
  func aChangedFileIsSeen() throws {
    let ports = try freePorts(2)
    let run = try Run([Self.udp("a", ports[0])])
    try run.scratch.write("stele.yaml", run.text([Self.udp("a", ports[0]), Self.tcp("b", ports[1])]))
    waitUntil("the change") { accepts(ports[1]) }
    run.daemon.stop()
  }

  @Test(.timeLimit(.minutes(2)))
  func theSamePortGoesToAnotherNameWithoutLosingOne() throws {
    let ports = try freePorts(2)
    let run = try Run([Self.udp("old", ports[0]), Self.tcp("stream", ports[1])])
    let socket = try Socket(.datagram, connectedTo: .ip(loopback, port: ports[0]))
    let stop = Atomic(false)
    let sent = Atomic(0)
    let sender = try Thread(name: "sender") {
      while !stop.load(ordering: .relaxed) {
        let number = sent.load(ordering: .relaxed)
        _ = try? Array("\(number)".utf8).withView { try socket.send($0) }
        sent.store(number + 1, ordering: .relaxed)
        if number % 10 == 0 { Clock.sleep(nanoseconds: 1_000_000) }
      }
    }
    waitUntil("some") { sent.load(ordering: .relaxed) > 200 }
    // TCP and TLS share the listening socket as well.
    try run.change([Self.udp("new", ports[0]), Self.tcp("other", ports[1])])
    let then = sent.load(ordering: .relaxed)
    waitUntil("more") { sent.load(ordering: .relaxed) > then + 200 }
    stop.store(true, ordering: .relaxed)
    sender.join()
    let total = sent.load(ordering: .relaxed)
    #expect(accepts(ports[1]))
    run.daemon.waitFor(1, from: "new")
    Clock.sleep(nanoseconds: 300_000_000)
    run.daemon.stop()
    let old = try run.stored("old"), new = try run.stored("new")
    #expect(!old.isEmpty && !new.isEmpty && old + new == (0..<total).map { "\($0)" })
    #expect(try run.log.records("source_removed").map { $0.text("name") } == ["old", "stream"])
    try run.log.expectIntact()
  }

  @Test(.timeLimit(.minutes(3)))
  func aHundredReloadsLeaveNothingBehind() throws {
    let ports = try freePorts(4)
    // Memory that is in use can be told from what is kept for reuse only where all threads share it.
    let run = try Run([Self.udp("a", ports[0])], environment: ["MALLOC_ARENA_MAX": "1"])
    // Files that are being looked at or replaced are open for a moment: the fewest of many looks.
    func descriptors() throws -> Int {
      var least = Int.max
      for _ in 0..<50 {
        least = min(
          least,
          try FileManager.default.contentsOfDirectory(atPath: "/proc/\(run.daemon.child.processID)/fd").count)
        Clock.sleep(nanoseconds: 5_000_000)
      }
      return least
    }
    // Kilobytes, once the daemon has given back what it had kept for reuse.
    func memory() throws -> Int {
      Clock.sleep(nanoseconds: 8_000_000_000)
      let text = try String(contentsOfFile: "/proc/\(run.daemon.child.processID)/status", encoding: .utf8)
      let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("RssAnon:") })
      return try #require(Int(line.split(separator: " ").dropFirst().first ?? ""))
    }
    var before = (descriptors: 0, memory: 0)
    for number in 0..<50 {
      try run.change([
        Self.udp("a", ports[0], "format: nginx/combined"), Self.udp("b\(number)", ports[1], "format: auto"),
        Self.tcp("c", ports[2]),
        "{name: d, listen: 'unix://\(run.scratch.file("d.sock"))', format: none}",
      ])
      try run.change([Self.udp("a", ports[0])])
      // The first rounds fill what is kept for reuse.
      if number == 9 { before = (try descriptors(), try memory()) }
    }
    let after = (descriptors: try descriptors(), memory: try memory())
    #expect(run.verdicts.count == 100 && !run.verdicts.contains { $0.contains("not taken") })
    #expect(after.descriptors == before.descriptors)
    #expect(after.memory < before.memory + 3 << 10)
    try send(["on"], to: ports[0])
    run.daemon.waitFor(1, from: "a")
    run.daemon.stop()
    #expect(try run.log.records("source_removed").count == 150)
    try run.log.expectIntact()
  }
}
