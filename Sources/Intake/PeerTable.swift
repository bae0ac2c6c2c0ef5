import Bytes
import Platform

/// Which envelope of the present slab belongs to which sender of datagrams. Of fixed size: under a flood of
/// made-up addresses some senders get a second envelope, and nothing grows.
struct PeerTable: ~Copyable {
  private static let none = PeerEntry(
    peer: .init(family: 0, hasCredentials: false, port: 0, high: 0, low: 0), source: 0, envelope: 0,
    generation: 0)
  private static let size = 2048
  private static let probes = 4

  private var entries = HeapArray<PeerEntry>(count: size) { _ in none }
  private var last = none

  /// The envelope's index in `slab`, where it is put if it is not there. Nil when there is no room.
  @inline(__always) mutating func envelope(
    for peer: Datagram.Peer, source: UInt32, transport: Envelope.Transport, in slab: inout Slab
  ) -> UInt32? {
    if last.generation == slab.generation && last.source == source && last.peer == peer {
      return last.envelope
    }
    return find(peer, source, transport, &slab)
  }

  @inline(never) private mutating func find(
    _ peer: Datagram.Peer, _ source: UInt32, _ transport: Envelope.Transport, _ slab: inout Slab
  ) -> UInt32? {
    var hash = peer.low ^ peer.high &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(peer.port) &<< 40 ^ UInt64(source)
    hash = (hash ^ hash &>> 29) &* 0xBF58_476D_1CE4_E5B9
    let start = Int(truncatingIfNeeded: hash &>> 40)
    var place = start & (Self.size - 1)
    for probe in 0..<Self.probes {
      let index = (start &+ probe) & (Self.size - 1)
      let entry = entries[index]
      if entry.generation != slab.generation {
        place = index
        break
      }
      if entry.source == source && entry.peer == peer {
        last = entry
        return entry.envelope
      }
    }
    let envelope = Envelope(transport, peer)
    guard let number = slab.addEnvelope(envelope.view) else { return nil }
    last = PeerEntry(peer: peer, source: source, envelope: number, generation: slab.generation)
    entries[place] = last
    return number
  }
}

/// What is known of one sender.
struct PeerEntry: BitwiseCopyable {
  var peer: Datagram.Peer
  var source: UInt32
  var envelope: UInt32
  /// The slab that `envelope` is in; 0 for none.
  var generation: UInt64
}
