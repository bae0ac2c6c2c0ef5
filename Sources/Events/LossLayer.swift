/// Where messages were lost, or were kept from being whole: the member `layer` of a `loss` entry.
///
/// Most layers count what they themselves lost. `counterGap` is told by the sender's own numbering, which sees
/// a loss wherever it happened: its counts contain those of other layers and are never added to them.
public enum LossLayer: String, CaseIterable, Sendable {
  /// The kernel had no room in the socket's receive buffer, or the datagram was damaged. Messages.
  case kernelUDP = "kernel_udp"
  /// The peer is not on the source's allow list: connections, or messages where they come as datagrams.
  case refused
  /// The peer sent more than the source's rate limit allows. Messages.
  case rateLimit = "rate_limit"
  /// The source had as many connections as it may. Connections; what they would have sent is not known.
  case connectionLimit = "connection_limit"
  /// The stream ended inside a frame. Messages, each stored as far as it came.
  case cut
  /// HAProxy's ring buffer was full ("N events dropped"). Messages.
  case ring
  /// Numbers that HAProxy's log counter (`%lc`) gave and that never came. Messages.
  case counterGap = "counter_gap"
  /// Stored, but not whole: the sender, or Stele's own limit, cut them. Messages.
  case truncated
  /// Stele's own buffers had no room. Messages.
  case overflow
  /// A followed file was cut or replaced while part of it was unread. Bytes.
  case fileGap = "file_gap"
  /// The disk was full. Messages.
  case diskFull = "disk_full"
  /// Received, but the daemon was killed, or could not write to the log, before they were stored. Messages.
  case unstored

  /// What the layer's counts count, unless the entry says otherwise in the member `unit`.
  public var unit: LossUnit {
    switch self {
    case .connectionLimit: .connections
    case .fileGap: .bytes
    default: .messages
    }
  }

  /// What became of that which is counted.
  public enum Effect: Sendable {
    /// It is not in the log.
    case lost
    /// It is in the log, but not whole.
    case damaged
    /// It is not in the log, and other layers may have counted it too.
    case missing
  }

  public var effect: Effect {
    switch self {
    case .cut, .truncated: .damaged
    case .counterGap: .missing
    default: .lost
    }
  }
}

/// What a loss counts: the member `unit` of a `loss` entry.
public enum LossUnit: String, CaseIterable, Sendable {
  case messages, connections, bytes
}
