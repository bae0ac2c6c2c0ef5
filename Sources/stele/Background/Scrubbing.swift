import Bytes
import Inspect
import Logging
import Platform

/// How fast, and how often, sealed segments are read again.
struct ScrubSettings: Equatable, Sendable {
  /// Bytes a second.
  var rate = 20 << 20
  /// From one round's begin to the next one's, nanoseconds.
  var interval: Int64 = 7 * 86_400_000_000_000
}

/// Scrubs a running log. Nothing is remembered over a restart: a round begins anew then.
struct Scrubbing: Sendable {
  var settings: ScrubSettings
  var directory: String
  var logger: Logger
  let tally = ScrubTally()
  /// Puts one object of JSON into the log.
  var record: @Sendable (String) -> Void

  var thread: BackgroundThread { BackgroundThread("stele-scrub") { [self] in run($0) } }

  private func run(_ stop: StopSignal) {
    Thread.setNiceness(10)
    let scrubber = Scrubber(directory, rate: settings.rate) { stop.wait(until: $0) }
    while !stop.isSet {
      let begin = Clock.monotonic()
      do {
        let round = try scrubber.round { finding in
          logger.critical(
            "scrub: \(finding.file ?? directory): \(finding.text)", metadata: NotableMessage.damage.metadata)
          let alarm: JSONValue = ["type": "alarm", "kind": "scrub", "finding": finding.json]
          record(alarm.text)
          tally.noteFinding()
        }
        guard let round else { return }
        tally.noteRound()
        if round.segments > 0 { record(round.entry.text) }
      } catch { logger.error("scrub: \(error)") }
      if stop.wait(until: begin + settings.interval) { return }
    }
  }
}
