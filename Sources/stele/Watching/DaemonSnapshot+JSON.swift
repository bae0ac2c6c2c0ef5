import Bytes
import Collector
import Events
import Intake
import Platform

extension DaemonSnapshot {
  /// The snapshot as one object, with no numbers but integers: what `--status-json`, `/status` and the control channel show.
  var json: JSONValue {
    let writing = status.writing
    let object: JSONValue = [
      "durable": .number(status.durableIndex), "checkpoint": .number(writing.checkpointSize),
      "sources": .object(status.inputs.map { .init($0.name, $0.json) }),
      "time": .text(Timestamp.text(time, digits: 3)), "started": .text(Timestamp.text(started, digits: 3)),
      "version": .text(Version.text), "ready": .flag(status.isReady), "failed": .flag(writing.hasFailed),
      "checkpoint_age_ms": .number(writing.checkpointAge / 1_000_000), "waiting": .number(writing.waiting),
      "lag_ms": .number(writing.lag / 1_000_000),
      "segments": [
        "open_bytes": .number(writing.openBytes), "sealed": .number(sealed.count),
        "sealed_bytes": .number(sealed.bytes),
      ],
      "slabs": [
        "total": .number(writing.slabs), "free": .number(writing.queue.free),
        "queued": .number(writing.queue.queued), "waits": .number(writing.queue.waits),
      ],
      "fsync": Self.times(writing.syncs),
      "disk": space.map { ["size": .number($0.total), "free": .number($0.free)] } ?? .null,
      "process": [
        "memory": .number(process.residentBytes), "cpu_ms": .number(process.processorTime / 1_000_000),
        "files": .number(process.openFiles),
      ],
    ]
    return object.adding("clock_synchronized", isClockSynchronized.map { .flag($0) })
      .adding("timestamp", timestamps?.json(at: time)).adding("witnesses", witnessed)
      .adding("scrub", scrub?.json).adding("configuration", configuration?.json)
  }

  /// How many, and how long half of them and 99 of 100 took at most.
  private static func times(_ histogram: Histogram.Reading) -> JSONValue {
    [
      "count": .number(histogram.count),
      "p50_us": .optional(histogram.quantile(0.5).map { $0 / 1000 }),
      "p99_us": .optional(histogram.quantile(0.99).map { $0 / 1000 }),
    ]
  }

  /// How far witnesses have cosigned, and the tail that they have not.
  private var witnessed: JSONValue? {
    guard let witnesses else { return nil }
    return [
      "size": .number(witnesses.size), "tail": .number(unwitnessed),
      "age_ms": .number((witnessedAge ?? 0) / 1_000_000),
      "alarms": .list(witnesses.raised.alarms.map { .text("\($0)") }),
      "failures": .list(witnesses.failures.map { .text($0) }),
    ]
  }
}

extension DaemonStatus.Input {
  var json: JSONValue {
    let object: JSONValue = [
      "listen": .text(url), "received": .number(counters.messages), "unparsed": .number(unparsed),
      "lost": .number(losses.messages), "connections": .number(counters.connectionsOpen),
      "stored": .number(stored), "bytes": .number(counters.bytes),
      "losses": .object(losses.sorted.map { .init($0.layer.rawValue, .number($0.count)) }),
      "cut": .number(counters.cutFrames), "overlong": .number(counters.overlong),
      "accepted": .number(counters.connectionsAccepted), "refused": .number(counters.connectionsRefused),
      "tls_failures": .number(counters.tlsFailures), "foreign": .number(counters.foreign),
      "not_allowed": .number(counters.refused), "bad_proxy_headers": .number(counters.badProxyHeaders),
      "format_given": .text(givenFormat),
    ]
    return object.adding("unread_bytes", isOfFiles ? .number(counters.unread) : nil)
      .adding("certificate_not_after", certificateNotAfter.map { .number($0) })
      .adding("format", format?.json)
  }
}
