import Bytes
import MerkleLog

extension VerifyReport {
  /// The report as one object, with every finding. Indexes of entries are `first` and `end`, which is the one
  /// behind the last.
  public var json: JSONValue {
    [
      "result": .text(isIntact ? (exitStatus == .fine ? "intact" : "incomplete") : "damaged"),
      "exit_status": .number(exitStatus.rawValue),
      "origin": .text(origin),
      "key": .optional(key.map { "\($0)" }),
      "key_source": .text(keySource.rawValue),
      "quick": .flag(isQuick),
      "being_written": .flag(isBeingWritten),
      "first": .number(entries.lowerBound),
      "end": .number(entries.upperBound),
      "entries": .number(entries.upperBound - entries.lowerBound),
      "segments": .number(segments),
      "sealed_segments": .number(sealedSegments),
      "blocks": .number(blocks),
      "checkpoint": Self.json(checkpoint),
      "given_checkpoint": Self.json(givenCheckpoint),
      "unsigned_tail": .number(unsignedTail),
      "torn_bytes": .number(tornBytes),
      "raw_bytes": .number(rawBytes),
      "stored_bytes": .number(storedBytes),
      "control_entries": Self.json(control.types),
      "losses": Self.json(control.losses),
      "seconds": .decimal(Double(duration) / 1e9, digits: 3),
      "counts": Self.json(Dictionary(uniqueKeysWithValues: counts.map { ($0.key.rawValue, $0.value) })),
      "findings": .list(findings.map(\.json)),
    ]
  }

  private static func json(_ checkpoint: Checkpoint?) -> JSONValue {
    guard let checkpoint else { return .null }
    return ["size": .number(checkpoint.size), "root": .text("\(checkpoint.root)")]
  }

  private static func json(_ counts: [String: some BinaryInteger]) -> JSONValue {
    .object(counts.sorted { $0.key < $1.key }.map { JSONValue.Member($0.key, .number($0.value)) })
  }
}

extension Finding {
  /// The finding as one object; what it has no value for is null.
  public var json: JSONValue {
    [
      "kind": .text(kind.rawValue),
      "severity": .text(severity.rawValue),
      "file": .optional(file),
      "offset": .optional(offset),
      "first": .optional(entries?.lowerBound),
      "end": .optional(entries?.upperBound),
      "text": .text(text),
    ]
  }
}
