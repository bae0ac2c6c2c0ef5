import Syslog

/// The bounds of this module, each with its reason.
public enum Limits {
  /// Bytes that one connection is read for before the next gets its turn: enough that the cost of a system
  /// call does not show, little enough that a thousand busy connections each get a turn within a tenth of a
  /// second.
  public static let readBytes = 256 << 10

  /// A slab with less room than this (and the frame that is carried over) is handed on before reading a
  /// stream: a short read costs as many system calls as a long one. Holds a TLS record (16 KiB).
  public static let smallestRead = 32 << 10

  /// Bytes of unfinished frames that the connections of one thread keep between reads, all together. When
  /// they have more, unfinished frames are stored in pieces instead.
  public static let carriedBytes = 32 << 20

  /// Datagrams received with one system call.
  public static let datagramBatch = 256

  /// When the connections that were ready had fewer bytes than this, their thread naps before it looks again.
  public static let smallTurn = 64 << 10

  /// Longest nap of a receiving thread, nanoseconds, while messages keep coming. Sleeping in the kernel until
  /// each of them arrives would make every sender pay for waking this thread.
  public static let nap: Int64 = 500_000

  /// How often drop counters are read while nothing comes, nanoseconds.
  public static let idleCheck: Int64 = 1_000_000_000

  /// How often the queues of datagram sockets are looked at while datagrams keep coming, nanoseconds.
  public static let queueLook: Int64 = 100_000_000

  /// TLS handshakes that may go on at a time: each takes some 50 KB until it is complete. When there are as many,
  /// the oldest gives way to the next, for one that is meant takes no more than a few round trips.
  public static let handshakes = 1000

  /// How long a client may take for the TLS handshake, nanoseconds.
  public static let handshake: Int64 = 10_000_000_000

  /// Shortest time that a connection is not read because its peer has sent more than its rate, nanoseconds: so
  /// the list of those that wait is gone through a hundred times a second at most.
  public static let shortestPause: Int64 = 10_000_000

  /// Shortest time between two looks for silent connections, nanoseconds.
  public static let shortestIdleCheck: Int64 = 10_000_000

  /// Connections of one source, unless it says otherwise.
  public static let connections = 10_000

  /// Receive buffer asked for each datagram socket, bytes: half a second of 64,000 short datagrams a second,
  /// or a stall of 20 ms at a million.
  public static let receiveBuffer = 32 << 20

  /// Connections accepted from one listening socket before others get their turn.
  public static let acceptRun = 64

  /// How long stopping may take to read what the kernel still holds, nanoseconds.
  public static let drain: Int64 = 5_000_000_000

  /// Shortest time between two reports of senders that a source does not allow, nanoseconds.
  public static let refusalInterval: Int64 = 10_000_000_000

  /// How often directories are looked at in case nothing tells of changes, nanoseconds.
  public static let fileScan: Int64 = 1_000_000_000

  /// How often directories are read again at once because names in them were changed meanwhile.
  public static let fileLooks = 10

  /// Nap between two readings of files that grow, nanoseconds: a writer should not pay for waking this thread at
  /// each line.
  public static let fileNap: Int64 = 2_000_000

  /// How long a rotated file must be silent before it counts as ended, nanoseconds: its writer may go on for a
  /// while. Longer where it could not be found again.
  public static let rotatedSilence: Int64 = 5_000_000_000
  public static let removedSilence: Int64 = 60_000_000_000

  /// Reads of one file before others get their turn.
  public static let fileRun = 64

  /// Positions of files in one entry.
  public static let positionRun = 256

  /// How long stopping waits for the senders of streams to end their connections, nanoseconds; and for the next
  /// bytes of one that has not. A restart is over before UDP sockets have overflowed.
  public static let farewell: Int64 = 1_000_000_000
  public static let farewellQuiet: Int64 = 100_000_000

  /// Notices a second.
  public static let notices = 10

  /// Losses of one source that are kept apart until the next report; more are added to the last.
  public static let lossEvents = 16
}
