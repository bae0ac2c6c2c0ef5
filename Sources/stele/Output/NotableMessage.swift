import Intake
import Logging
import Platform

/// Messages that somebody should be woken for, or asked about later. In the journal each kind has a number that
/// never changes, whatever its text says (`MESSAGE_ID`): `journalctl MESSAGE_ID=…`.
enum NotableMessage: String, CaseIterable {
  /// Writing has failed; the daemon ends.
  case writingFailed = "972c13f52c7c4e99a82a028dc971879f"
  /// The last run did not end well, and what it left was mended.
  case recovered = "4ddae0166b0a4843b839141043e64098"
  /// What the last run received and could not store, or that nobody can say it.
  case lost = "a017f19c349a4455bee93833e2c57d32"
  /// The one-time keys begin anew: what stands before is only as safe as copies elsewhere.
  case keyEpoch = "b67bccd6ce974738871bfc9f837cae4c"
  /// A sealed segment is not what it was.
  case damage = "e95e21c0bcb547d3b974dac50c1ab11c"
  /// A witness says that the log was set back or forked.
  case witnessAlarm = "0648b893a08e40ea8afdc3e2d93e384f"
  /// Nobody reads a socket that the service manager has opened.
  case unclaimedSocket = "4047e47515064a8183f1c14b8c053626"

  /// Nothing keeps the system's clock to the right time, or something does again.
  case clock = "7df400ec9f26442694730f47af099c74"

  static let key = "message_id"

  var metadata: Logger.Metadata { [Self.key: .string(rawValue)] }
}

extension IntakeNotice {
  /// For the journal's fields.
  var metadata: Logger.Metadata {
    var metadata: Logger.Metadata = ["source": "\(source)"]
    if let peer { metadata["peer"] = "\(peer)" }
    return metadata
  }
}
