import Bytes

/// What an entry is.
public enum EntryKind: UInt8, Sendable {
  /// A message as it was received.
  case received = 0
  /// A statement of Stele itself, in JSON.
  case control = 1
}
