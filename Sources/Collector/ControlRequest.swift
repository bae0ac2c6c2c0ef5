import Synchronization

/// Entries of Stele itself that somebody wants under the next checkpoint, in front of its `key` entry. The writer
/// appends them itself, in the clear and without a slab, so that they find their way on a full disk too.
final class ControlRequest: Sendable {
  /// Each one object of JSON.
  let texts: [String]
  private let endIndex = Atomic<UInt64>(0)

  init(_ texts: [String]) { self.texts = texts }

  /// Index behind the last of them, once a checkpoint covers it.
  var end: UInt64? {
    let end = endIndex.load(ordering: .acquiring)
    return end == 0 ? nil : end
  }

  func finish(_ end: UInt64) { endIndex.store(end, ordering: .releasing) }
}

/// The entries of the next checkpoint: their place in the log is kept for them while blocks in front of it are
/// still on their way.
struct CheckpointPlace {
  let first: UInt64
  var requests: [ControlRequest] = []
  /// Whether another origin key comes with it.
  var isRotation = false
  /// Whether how far followed files are stored stands in front of the `key` entry.
  var carriesPositions = false

  var texts: [String] { requests.flatMap(\.texts) }

  /// Tells who waits that a checkpoint covers the entries.
  func finish() {
    var end = first
    for request in requests {
      end += UInt64(request.texts.count)
      request.finish(end)
    }
  }
}
