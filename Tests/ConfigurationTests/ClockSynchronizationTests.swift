import Logging
import Synchronization
import Testing

@testable import stele

/// Each change is said once, in the log and in the daemon's own; where nobody knows, nothing is.
@Suite struct ClockSynchronizationTests {
  @Test func eachChangeIsSaidOnce() {
    let said = Said()
    var clock = ClockSynchronization(true, said.logger) { said.add($0) }
    for now in [true, nil, false, false, nil, false, true] { clock.look(now) }
    let journal = said.lines.withLock { $0 }
    #expect(journal.count == 4)
    #expect(journal.first == #"{"type":"clock_synchronized","synchronized":false}"#)
    #expect(journal.dropFirst().first?.hasPrefix("warning the system's clock is not synchronized") == true)
    #expect(journal.dropFirst(2).first == #"{"type":"clock_synchronized","synchronized":true}"#)
    #expect(journal.last == "notice the system's clock is synchronized now")
  }

  @Test func nothingIsSaidWhereTheKernelDoesNotTell() {
    let said = Said()
    var clock = ClockSynchronization(nil, said.logger) { said.add($0) }
    clock.look(nil)
    #expect(said.lines.withLock { $0 } == [])
  }

  @Test func aClockThatWasWrongAtTheStartIsWarnedOfAtOnce() throws {
    let said = Said()
    let thread = ClockSynchronization(false, said.logger) { said.add($0) }.thread
    try thread.start()
    thread.stop()
    let journal = said.lines.withLock { $0 }
    #expect(journal.count == 1 && journal.first?.contains("install chrony") == true)
  }
}

/// What was logged, with its level, and what was recorded.
private final class Said: Sendable {
  let lines = Mutex<[String]>([])

  func add(_ line: String) { lines.withLock { $0.append(line) } }

  var logger: Logger { Logger(label: "test") { _ in Handler(said: self) } }

  private struct Handler: LogHandler {
    let said: Said
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { said.add("\(event.level) \(event.message)") }
  }
}
