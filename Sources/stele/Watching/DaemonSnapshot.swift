import Collector
import Cryptography
import Platform

/// Everything that a running daemon tells of itself at one moment. `--status-json`, the control channel,
/// `/status`, `/metrics` and `/health` all show this.
struct DaemonSnapshot: Sendable {
  var status: DaemonStatus
  /// When it was taken and when the daemon started, nanoseconds since 1970 UTC.
  var time: Int64
  var started: Int64
  var sealed = SegmentSizes.Reading()
  /// Of the file system with the log; nil when it does not tell.
  var space: FileSystemSpace?
  var process: ProcessResources
  /// Whether the system's clock is; nil where nobody may ask.
  var isClockSynchronized: Bool?
  /// Nil when nobody cosigns the log.
  var witnesses: WitnessService.Status?
  /// Nil when no timestamps are asked for.
  var timestamps: Timestamping.State?
  /// Nil when sealed segments are not read again.
  var scrub: ScrubTally.Reading?
  /// Nil when there is no configuration file.
  var configuration: ReloadState.Reading?

  /// Entries that witnesses have not cosigned yet.
  var unwitnessed: UInt64 {
    status.durableIndex - min(witnesses?.size ?? 0, status.durableIndex)
  }

  /// How long ago witnesses cosigned last, nanoseconds.
  var witnessedAge: Int64? { witnesses.map { max(0, Clock.monotonic() - $0.time) } }

  /// How old the newest token is, nanoseconds.
  var timestampAge: Int64? { timestamps?.newest.map { max(0, time - $0.token.time) } }
}

/// Takes snapshots of a daemon and of what works beside it.
struct DaemonWatch: Sendable {
  let daemon: Daemon
  let directory: String
  let companions: Companions
  private let reloads: ReloadState?
  private let started = Clock.realtime()
  private let sizes: SegmentSizes

  init(_ daemon: Daemon, directory: String, companions: Companions, reloads: ReloadState?) {
    self.daemon = daemon
    self.directory = directory
    self.companions = companions
    self.reloads = reloads
    sizes = SegmentSizes(directory)
  }

  var snapshot: DaemonSnapshot {
    DaemonSnapshot(
      status: daemon.status, time: Clock.realtime(), started: started, sealed: sizes.reading,
      space: try? Directory(directory).space(), process: .current,
      isClockSynchronized: Clock.isSynchronized,
      witnesses: companions.witnesses?.status, timestamps: companions.timestamping?.state,
      scrub: companions.scrub?.reading, configuration: reloads?.reading)
  }
}
