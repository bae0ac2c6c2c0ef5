import Bytes
import Glibc
import Platform

/// An operation that does not succeed.
struct DiskFault: Sendable {
  /// Which one, counted from when the fault was set.
  var number: Int
  var errno: Errno
  /// Whether those after it fail as well: a disk that is dead, or full.
  var isPersistent: Bool

  func strikes(_ change: FileChange, _ number: Int) -> Bool {
    if number == self.number { return true }
    guard isPersistent, number > self.number else { return false }
    if errno != .noSpace { return true }
    return switch change {
    case .create, .makeDirectory, .write, .allocate: true
    default: false
    }
  }
}

/// Records what is done below a directory, and lets some of it fail.
final class DiskRecorder: FileObserver, @unchecked Sendable {
  enum Event: Sendable {
    /// By the thread that writes the log, or by one in the background.
    case operation(DiskOperation, isBackground: Bool)
    case mark(Mark)
  }

  /// What happened between operations.
  enum Mark: Sendable {
    /// The log was made: from here on it must not be lost.
    case created
    /// The work in the background has ended, as the writer knows or because it died.
    case joined
    case promise(Promise)
  }

  let root: String
  let base: SimulatedDisk
  private let thread = pthread_self()
  private let lock = Lock()
  // Guarded by `lock`.
  private var recorded: [Event] = []
  private var numbers: [UInt64: Int] = [:]
  private var nextNumber = 0
  private var fault: DiskFault?
  private var count = 0
  private var failed: Set<Int> = []
  private var wrongs: [String] = []

  /// Records what is done below `root`, which holds what `base` says.
  init(_ root: String, base: SimulatedDisk = SimulatedDisk(), numbers: [UInt64: Int] = [:]) {
    self.root = root
    self.base = base
    self.numbers = numbers
    nextNumber = (numbers.values.max() ?? 0) + 1
    FileObservation.begin(below: root, self)
  }

  func stop() { FileObservation.end(below: root) }

  var events: [Event] { lock.withLock { recorded } }

  /// Operations since the fault was set, or from the start.
  var operationCount: Int { lock.withLock { count } }

  /// Files that were used again after they failed, against the writer's own rule.
  var violations: [String] { lock.withLock { wrongs } }

  func mark(_ mark: Mark) { lock.withLock { recorded.append(.mark(mark)) } }

  /// From now on operations fail so, or no longer. The process that saw the failures is taken to be gone.
  func set(_ fault: DiskFault?) {
    lock.withLock {
      self.fault = fault
      count = 0
      failed = []
    }
  }

  func perform(_ change: FileChange, _ call: () throws(Errno) -> Int) throws(Errno) -> Int {
    try lock.withLock { () throws(Errno) in
      count += 1
      if let fault, fault.strikes(change, count) {
        fail(change)
        throw fault.errno
      }
      var position: Int?
      if case .write(_, let descriptor, _, nil) = change { position = lseek(descriptor, 0, SEEK_CUR) }
      let result = try call()
      record(change, result, position)
      return result
    }
  }

  // MARK: Under the lock

  private func append(_ operation: DiskOperation) {
    recorded.append(.operation(operation, isBackground: pthread_equal(thread, pthread_self()) == 0))
  }

  private func relative(_ path: String) -> String { String(path.dropFirst(root.count + 1)) }

  private func inode(_ descriptor: Int32) -> UInt64 {
    var status = stat()
    _ = unsafe fstat(descriptor, &status)
    return UInt64(status.st_ino)
  }

  private func record(_ change: FileChange, _ result: Int, _ position: Int?) {
    switch change {
    case .create(let path):
      let inode = inode(Int32(result))
      if let file = numbers[inode] { return append(.truncate(file: file, size: 0)) }
      numbers[inode] = nextNumber
      append(.create(path: relative(path), file: nextNumber))
      nextNumber += 1
    case .makeDirectory(let path): append(.makeDirectory(path: relative(path)))
    case .rename(let path, let target): append(.rename(path: relative(path), to: relative(target)))
    case .remove(let path), .removeDirectory(let path): append(.remove(path: relative(path)))
    case .write(let path, let descriptor, let bytes, let offset):
      guard let file = file(descriptor, path) else { return append(.other) }
      append(.write(file: file, offset: offset ?? position ?? 0, bytes: bytes.prefix(result).array))
    case .truncate(let path, let descriptor, let size):
      guard let file = file(descriptor, path) else { return append(.other) }
      append(.truncate(file: file, size: size))
    case .synchronizeData(let path, let descriptor), .synchronize(let path, let descriptor):
      if let file = file(descriptor, path) {
        append(.synchronize(file: file))
      } else {
        append(.synchronizeDirectory(path: relative(path)))
      }
    case .setMode, .allocate: append(.other)
    }
  }

  private func file(_ descriptor: Int32, _ path: String) -> Int? {
    guard let file = numbers[inode(descriptor)] else { return nil }
    if failed.contains(file) { wrongs.append("\(relative(path)) is used again after it failed") }
    return file
  }

  /// What a failing operation does all the same: half of a write, and a sync that forgets.
  private func fail(_ change: FileChange) {
    switch change {
    case .write(let path, let descriptor, let bytes, let offset?):
      guard let file = file(descriptor, path) else { return }
      failed.insert(file)
      let half = bytes.prefix(bytes.count / 2)
      let written = unsafe half.withUnsafeBytes {
        unsafe pwrite(descriptor, $0.baseAddress, $0.count, offset)
      }
      append(.write(file: file, offset: offset, bytes: half.prefix(max(written, 0)).array))
    case .synchronizeData(let path, let descriptor), .synchronize(let path, let descriptor):
      guard let file = file(descriptor, path) else { return }
      failed.insert(file)
      append(.failToSynchronize(file: file))
    default: break
    }
  }
}
