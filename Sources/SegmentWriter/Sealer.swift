import Bytes
import Cryptography
import MerkleLog
import Platform
import Segments
import Synchronization

/// Finishes segments in the background, one after the other.
///
///     small blocks?   NNN.rewrite: header, larger blocks   fsync   fsync(directory)
///     check           decode and rehash every block; compare with the tree that was built as they came
///     footer          pwrite   fsync
///     keep            of an encrypted segment what proofs need of it: tile/kept/NNN (durable)
///     seal            next one-time key to the key store; replace NNN.seal (durable)
///     spend           erase the one-time key that signed
///     publish         fchmod 0440   rename to NNN.segment   fsync(directory)   unlink what is left
///     forget          the key of an encrypted segment: zeros over its place, fdatasync
///
/// The seal is there before the name: a `.segment` without a seal is always damage.
final class Sealer: Sendable {
  private let lock = Lock()
  private let changed = Condition()
  nonisolated(unsafe) private var queue: [FinishedSegment] = []
  nonisolated(unsafe) private var isBusy = false
  nonisolated(unsafe) private var isStopped = false
  nonisolated(unsafe) private var failed: WriteError?
  private let thread = Mutex<Thread?>(nil)
  private let key: Mutex<OriginKey>

  init(
    _ path: String, _ key: OriginKey, _ store: KeyStore, _ options: WriterOptions, _ recovered: RecoveredLog
  ) throws(WriteError) {
    if let last = recovered.lastSeal?.keys.number {
      try system { () throws(SystemError) in try store.erase(.seal) { $0 <= last } }
    }
    self.key = Mutex(key)
    let started: Thread
    do throws(SystemError) {
      started = try Thread(name: "stele-seal", stackSize: 1 << 20) { [self] in
        var state = SealState(
          path: path, key: key, store: store, threads: options.sealThreads,
          firstKey: recovered.firstKey, previous: recovered.lastSeal)
        run(&state)
      }
    } catch { throw .system(error) }
    thread.withLock { $0 = started }
  }

  var failure: WriteError? { lock.withLock { unsafe failed } }

  /// Signs with another key from the next segment on; nothing may be waiting to be sealed.
  func use(_ key: OriginKey) { self.key.withLock { $0 = key } }

  func enqueue(_ segment: FinishedSegment) {
    lock.withLock {
      unsafe queue.append(segment)
      changed.broadcast()
    }
  }

  /// Waits until nothing is queued or one has failed.
  func drain() {
    lock.withLock {
      while unsafe failed == nil, unsafe isBusy || !queue.isEmpty { changed.wait(lock) }
    }
  }

  /// Ends the thread after the segment it works on.
  func stop() {
    lock.withLock {
      unsafe isStopped = true
      changed.broadcast()
    }
    thread.withLock { $0?.join() }
  }

  private func run(_ state: inout SealState) {
    while let segment = next() {
      state.key = key.withLock { $0 }
      do throws(WriteError) {
        try state.seal(segment)
        finish(nil)
      } catch { finish(error) }
    }
  }

  private func next() -> FinishedSegment? {
    lock.withLock {
      while unsafe !isStopped, unsafe queue.isEmpty || failed != nil { changed.wait(lock) }
      if unsafe isStopped || queue.isEmpty || failed != nil { return nil }
      unsafe isBusy = true
      return unsafe queue.removeFirst()
    }
  }

  private func finish(_ error: WriteError?) {
    lock.withLock {
      unsafe isBusy = false
      if let error { unsafe failed = error }
      changed.broadcast()
    }
  }
}

/// What the sealing thread knows.
struct SealState {
  let path: String
  var key: OriginKey
  let store: KeyStore
  let threads: Int
  let firstKey: PublicKey
  var previous: Seal?

  mutating func seal(_ segment: FinishedSegment) throws(WriteError) {
    try finish(segment, store.key(of: segment.firstIndex))
    try store.forget(segment.firstIndex)
  }

  private mutating func finish(_ segment: FinishedSegment, _ segmentKey: SegmentKey?) throws(WriteError) {
    let firstIndex = segment.firstIndex
    let directory = try system { () throws(SystemError) in try Directory(path) }
    let open = FileNames.name(firstIndex, .open)
    let sealName = FileNames.name(firstIndex, .seal)
    if let seal = try? Recovery.readSeal(directory, firstIndex, LogKeys(origin: key.signer.verifier)) {
      // The crash came between the seal and the rename.
      if let name = try sealedFile(directory, firstIndex, seal) {
        return try publish(directory, firstIndex, from: name, seal)
      }
    }
    var name = open
    if try BlockRewriter.isWorthwhile(directory, open, segmentKey) {
      name = FileNames.name(firstIndex, .rewrite)
      try BlockRewriter.rewrite(directory, from: open, to: name, segmentKey)
      // The seal's name must not outlive that of the file it is about.
      try system { () throws(SystemError) in try directory.synchronize() }
    }
    let signer = try SealSigner(key.signer.name, store, previous, firstKey)
    let seal = try finish(directory, name, segmentKey, try signer.keys(segment.named))
    var note = try note(sealName) { () throws(NoteError) in try SignedNote(text: Array(seal.text.utf8)) }
    try crypto { () throws(CryptoError) in
      try note.sign(with: key.signer)
      try note.sign(with: signer.key)
    }
    try note.bytes.withView { (bytes) throws(WriteError) in
      try system { () throws(SystemError) in try directory.replaceFile(sealName, with: bytes, mode: 0o444) }
    }
    try publish(directory, firstIndex, from: name, seal)
  }

  /// The file that has the contents which an existing seal names.
  private func sealedFile(_ directory: borrowing Directory, _ firstIndex: UInt64, _ seal: Seal)
    throws(WriteError) -> String?
  {
    for kind in [FileNames.Kind.rewrite, .open] {
      let name = FileNames.name(firstIndex, kind)
      do throws(SystemError) {
        let file = try MappedFile(try directory.openFile(name))
        if file.count == seal.byteCount, SHA256.hash(file.view) == seal.fileHash { return name }
      } catch { if error.errno != .noSuchFile { throw .system(error) } }
    }
    return nil
  }

  private mutating func publish(
    _ directory: borrowing Directory, _ firstIndex: UInt64, from name: String, _ seal: Seal
  ) throws(WriteError) {
    try system { () throws(SystemError) in
      try directory.setMode(0o440, of: name)
      try directory.rename(name, to: FileNames.name(firstIndex, .segment))
      try directory.synchronize()
      if name != FileNames.name(firstIndex, .open) {
        try directory.remove(FileNames.name(firstIndex, .open))
        try directory.synchronize()
      }
    }
    previous = seal
    // Only when it can never be needed again: a crash before this leaves it to the next segment.
    let number = seal.keys.number
    try system { () throws(SystemError) in try store.erase(.seal) { $0 <= number } }
  }

  /// Checks the blocks of `name`, writes the footer behind them, and returns what is to be signed.
  private func finish(
    _ directory: borrowing Directory, _ name: String, _ segmentKey: SegmentKey?, _ keys: SealKeys
  ) throws(WriteError) -> Seal {
    let checked: CheckedSegment
    do {
      let file = try system { () throws(SystemError) in try MappedFile(try directory.openFile(name)) }
      checked = try SegmentCheck.run(file.view, name, segmentKey, threads: threads)
    }
    var footer = ByteBuffer()
    checked.footer.encode(to: &footer)
    try system { () throws(SystemError) in
      let file = try directory.openFile(name, .readWrite)
      try file.truncate(to: checked.end)
      try file.write(footer.view, at: checked.end)
      try file.synchronize()
    }
    let file = try system { () throws(SystemError) in try MappedFile(try directory.openFile(name)) }
    guard file.count == checked.end + footer.count, file.view.dropFirst(checked.end) == footer.view
    else { throw .readBack(file: name, offset: checked.end) }
    try system { () throws(SystemError) in
      try TileWriter.write(directory, checked.groups)
      try TileWriter.keep(directory, checked.kept, of: checked.header.firstIndex)
    }
    return Seal(
      origin: checked.header.origin, segment: checked.header.id, firstIndex: checked.header.firstIndex,
      endIndex: checked.tree.size, root: checked.tree.root, chain: checked.footer.chain,
      byteCount: file.count,
      fileHash: SHA256.hash(file.view), previous: previous?.textHash, keys: keys)
  }
}

/// The one-time key that signs one seal.
private struct SealSigner: ~Copyable {
  let key: SignerKey
  private let store: KeyStore
  private let number: UInt64
  private let isLost: Bool

  /// The key that the seal before names, or a fresh one when that is lost.
  init(_ origin: KeyName, _ store: KeyStore, _ previous: Seal?, _ first: PublicKey) throws(WriteError) {
    number = previous.map { $0.keys.number + 1 } ?? 0
    self.store = store
    let name = origin.sealKey(number)
    if let key = try store.signingKey(.seal, number, previous?.keys.next ?? first) {
      self.key = SignerKey(name: name, key: key)
      isLost = false
    } else {
      key = try crypto { () throws(CryptoError) in try SignerKey.generate(name: name) }
      isLost = true
    }
  }

  /// Makes the key of the next seal, durable, and returns what the seal says.
  func keys(_ checkpoint: NamedKey) throws(WriteError) -> SealKeys {
    SealKeys(
      number: number, next: try store.makeKey(.seal, number + 1).publicKey, checkpoint: checkpoint,
      signer: isLost ? key.verifier.publicKey : nil)
  }
}
