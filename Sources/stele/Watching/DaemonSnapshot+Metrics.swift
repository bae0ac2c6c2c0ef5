import Collector
import Events
import Intake
import Platform

extension DaemonSnapshot {
  /// The snapshot as Prometheus collects it. Counters begin anew with each start.
  var metrics: [MetricFamily] {
    daemonMetrics + sourceMetrics + writingMetrics + storageMetrics + trustMetrics + processMetrics
  }

  private var daemonMetrics: [MetricFamily] {
    configurationMetrics + [
      MetricFamily(
        "stele_build_info", .gauge, "The version that runs.",
        [.init(labels: [("version", Version.text)], value: .number(1))]),
      MetricFamily("stele_ready", .gauge, "1 while messages are received and stored.", .flag(status.isReady)),
      MetricFamily(
        "stele_writing_failed", .gauge, "1 once writing has failed: nothing is stored any more.",
        .flag(status.writing.hasFailed)),
    ]
  }

  private var configurationMetrics: [MetricFamily] {
    guard let configuration else { return [] }
    return [
      MetricFamily(
        "stele_config_reload_success", .gauge,
        "1 while what the configuration file says holds; 0 when it has changed and was refused.",
        .flag(configuration.refusal == nil)),
      MetricFamily(
        "stele_config_reload_success_timestamp_seconds", .gauge,
        "When the configuration was taken over last, since 1970 UTC.", .nanoseconds(configuration.time)),
    ]
  }

  // MARK: Sources

  private func ofSources(
    _ name: String, _ kind: MetricFamily.Kind, _ help: String,
    _ value: (DaemonStatus.Input) -> some BinaryInteger
  ) -> MetricFamily {
    MetricFamily(
      name, kind, help,
      status.inputs.map { .init(labels: [("source", $0.name)], value: .number(value($0))) })
  }

  private var sourceMetrics: [MetricFamily] {
    [
      MetricFamily(
        "stele_source_info", .gauge,
        "What a source is: where it listens, and the format its lines are read in.",
        status.inputs.map { input in
          let labels = [("source", input.name), ("listen", input.url), ("format", input.currentFormat)]
          return .init(labels: labels, value: .number(1))
        }),
      ofSources(
        "stele_received_messages_total", .counter,
        "Messages received; pieces of over-long ones counted one by one."
      ) { $0.counters.messages },
      ofSources(
        "stele_received_bytes_total", .counter, "Bytes of the messages received, without framing."
      ) { $0.counters.bytes },
      ofSources(
        "stele_stored_messages_total", .counter, "Messages stored so that they survive a power loss."
      ) { $0.stored },
      ofSources(
        "stele_unparsed_messages_total", .counter,
        "Messages that do not fit their source's format. They are stored as they came."
      ) { $0.unparsed },
      ofSources(
        "stele_cut_frames_total", .counter, "Messages in the middle of which their connection ended."
      ) { $0.counters.cutFrames },
      ofSources(
        "stele_overlong_messages_total", .counter,
        "Messages stored in pieces, one for each piece, and datagrams that were cut."
      ) { $0.counters.overlong },
      ofSources(
        "stele_connections_accepted_total", .counter, "Connections accepted."
      ) { $0.counters.connectionsAccepted },
      ofSources(
        "stele_connections_refused_total", .counter,
        "Connections that were not let in, or not any more: too many, or a client that is not in the list."
      ) { $0.counters.connectionsRefused },
      ofSources(
        "stele_connections_idle_total", .counter,
        "Connections ended because nothing came on them for too long."
      ) { $0.counters.connectionsIdle },
      ofSources("stele_connections_open", .gauge, "Connections that are open.") {
        $0.counters.connectionsOpen
      },
      ofSources(
        "stele_tls_failures_total", .counter, "Handshakes that failed, and connections that broke TLS later."
      ) { $0.counters.tlsFailures },
      ofSources(
        "stele_foreign_messages_total", .counter,
        "Messages that name a host for which their client's certificate may not speak."
      ) { $0.counters.foreign },
      ofSources(
        "stele_not_allowed_total", .counter,
        "Datagrams, and connections, of senders that their source does not allow."
      ) { $0.counters.refused },
      ofSources(
        "stele_bad_proxy_headers_total", .counter,
        "Connections closed because they did not begin with a PROXY protocol header."
      ) { $0.counters.badProxyHeaders },
      ofSources(
        "stele_file_unread_bytes", .gauge, "Bytes of followed files that are there and not read yet."
      ) { $0.counters.unread },
      MetricFamily(
        "stele_certificate_not_after_seconds", .gauge, "When a source's certificate expires, since 1970 UTC.",
        status.inputs.compactMap { input in
          input.certificateNotAfter.map { .init(labels: [("source", input.name)], value: .number($0)) }
        }),
    ] + lossMetrics
  }

  /// Every source has a sample of each layer from the start, so that the first loss is seen as a rise.
  private func losses(
    _ name: String, _ help: String, _ counts: KeyPath<LossTotals, [LossLayer: UInt64]> = \.counts,
    where isMeant: (LossLayer) -> Bool
  ) -> MetricFamily {
    let layers = LossLayer.allCases.filter(isMeant)
    let samples = status.inputs.flatMap { input in
      layers.map { layer in
        MetricFamily.Sample(
          labels: [("source", input.name), ("layer", layer.rawValue)],
          value: .number(input.losses[keyPath: counts][layer] ?? 0))
      }
    }
    return MetricFamily(name, .counter, help, samples)
  }

  private var lossMetrics: [MetricFamily] {
    [
      losses("stele_lost_messages_total", "Messages that are known to be lost, by where they were lost.") {
        $0.unit == .messages && $0.effect != .damaged
      },
      losses("stele_damaged_messages_total", "Messages that are stored, but not whole, by what cut them.") {
        $0.effect == .damaged
      },
      losses("stele_lost_bytes_total", "Bytes of followed files that are known to be lost.") {
        $0.unit == .bytes
      },
      losses("stele_lost_connections_total", "Connections that were not let in, by why.", \.connections) {
        $0 == .refused || $0 == .connectionLimit
      },
    ]
  }

  // MARK: The log

  private var writingMetrics: [MetricFamily] {
    let writing = status.writing
    return [
      MetricFamily(
        "stele_durable_entries", .gauge, "Entries of the log that survive a power loss.",
        .number(status.durableIndex)),
      MetricFamily(
        "stele_checkpoint_entries", .gauge, "Entries under the newest checkpoint.",
        .number(writing.checkpointSize)),
      MetricFamily(
        "stele_checkpoint_age_seconds", .gauge,
        "Time since the newest checkpoint was signed; at first since the start.",
        .nanoseconds(writing.checkpointAge)),
      MetricFamily(
        "stele_waiting_entries", .gauge, "Entries received that are not durable yet.",
        .number(writing.waiting)),
      MetricFamily(
        "stele_durable_lag_seconds", .gauge, "How long the oldest entry that is not durable yet has waited.",
        .nanoseconds(writing.lag)),
      MetricFamily(
        "stele_fsync_duration_seconds", .histogram, "Time that each fdatasync of the open segment took.",
        .histogram(writing.syncs, unit: .nanoseconds)),
      MetricFamily(
        "stele_block_stored_bytes", .histogram, "Stored bytes of each block.",
        .histogram(writing.blocks, unit: .bytes)),
      MetricFamily(
        "stele_slabs", .gauge, "Buffers for messages on their way.", .number(writing.slabs)),
      MetricFamily(
        "stele_slabs_free", .gauge, "Buffers that are empty.", .number(writing.queue.free)),
      MetricFamily(
        "stele_slab_waits_total", .counter,
        "How often receiving had to wait for an empty buffer: streams were slowed down.",
        .number(writing.queue.waits)),
    ]
  }

  private var storageMetrics: [MetricFamily] {
    var families = [
      MetricFamily(
        "stele_segment_open_bytes", .gauge, "Size of the segment that is being written.",
        .number(status.writing.openBytes)),
      MetricFamily(
        "stele_segments_sealed", .gauge, "Sealed segments in the log's directory.", .number(sealed.count)),
      MetricFamily(
        "stele_segments_sealed_bytes", .gauge, "Size of all sealed segments.", .number(sealed.bytes)),
    ]
    if let space {
      families += [
        MetricFamily(
          "stele_disk_size_bytes", .gauge, "Size of the file system with the log.", .number(space.total)),
        MetricFamily(
          "stele_disk_free_bytes", .gauge, "Room left there for this user.", .number(space.free)),
      ]
    }
    if let scrub {
      families += [
        MetricFamily(
          "stele_scrub_rounds_total", .counter, "How often all sealed segments were read again.",
          .number(scrub.rounds)),
        MetricFamily(
          "stele_scrub_findings_total", .counter,
          "What reading them again found: segments that are not what was sealed.", .number(scrub.findings)),
      ]
      if let end = scrub.end {
        families.append(
          MetricFamily(
            "stele_scrub_last_round_timestamp_seconds", .gauge, "When the last round ended.",
            .nanoseconds(end)))
      }
    }
    return families
  }

  // MARK: Clock, witnesses and timestamps

  private var trustMetrics: [MetricFamily] {
    var families: [MetricFamily] = []
    if let isClockSynchronized {
      families.append(
        MetricFamily(
          "stele_clock_synchronized", .gauge,
          "1 while something keeps the system's clock to the right time, by which entries are stamped.",
          .flag(isClockSynchronized)))
    }
    if let witnesses {
      families += [
        MetricFamily(
          "stele_witnessed_entries", .gauge, "Entries that enough witnesses have cosigned.",
          .number(witnesses.size)),
        MetricFamily(
          "stele_unwitnessed_entries", .gauge, "Entries behind them: the tail that could still be rewritten.",
          .number(unwitnessed)),
        MetricFamily(
          "stele_witnessed_age_seconds", .gauge, "Time since enough witnesses cosigned last.",
          .nanoseconds(witnessedAge ?? 0)),
        MetricFamily(
          "stele_witness_alarms", .gauge, "What witnesses said that must not be: a fork or a rollback.",
          .number(witnesses.raised.alarms.count)),
        MetricFamily(
          "stele_witness_failures", .gauge, "What went wrong in the last round with the witnesses.",
          .number(witnesses.failures.count)),
      ]
    }
    if let timestamps {
      families.append(
        MetricFamily(
          "stele_timestamp_failed", .gauge, "1 when the timestamp authority gave no token the last time.",
          .flag(timestamps.failure != nil)))
    }
    if let timestampAge {
      families.append(
        MetricFamily(
          "stele_timestamp_age_seconds", .gauge, "Age of the newest timestamp token over a checkpoint.",
          .nanoseconds(timestampAge)))
    }
    return families
  }

  /// Under the names that Prometheus' own client libraries use.
  private var processMetrics: [MetricFamily] {
    [
      MetricFamily(
        "process_cpu_seconds_total", .counter, "Processor time used.", .nanoseconds(process.processorTime)),
      MetricFamily(
        "process_resident_memory_bytes", .gauge, "Memory in use.", .number(process.residentBytes)),
      MetricFamily("process_open_fds", .gauge, "Open files.", .number(process.openFiles)),
      MetricFamily("process_max_fds", .gauge, "How many may be open.", .number(process.openFileLimit)),
      MetricFamily(
        "process_start_time_seconds", .gauge, "When the daemon started, since 1970 UTC.",
        .nanoseconds(started)),
    ]
  }
}

extension DaemonStatus.Input {
  /// It follows files.
  var isOfFiles: Bool { url.hasPrefix("file:") }

  /// The format that lines are read in now.
  var currentFormat: String { format.map { $0.choice?.format ?? "auto" } ?? givenFormat }
}
