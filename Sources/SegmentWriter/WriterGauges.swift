import Platform
import Synchronization

/// What the writer does, for those who watch it: read by any thread.
public final class WriterGauges: Sendable {
  /// Bytes of the segment that is being written; 0 when there is none.
  public var openBytes: Int { open.load(ordering: .relaxed) }
  let open = Atomic<Int>(0)

  /// How long each `fdatasync` of the open segment took, nanoseconds.
  public let syncs = Histogram(bounds: [
    100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000,
    100_000_000, 250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 10_000_000_000,
  ])
  /// Stored bytes of each block.
  public let blocks = Histogram(bounds: [
    1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20,
  ])

  init() {}
}
