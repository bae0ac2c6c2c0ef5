import Bytes
import Glibc
import Synchronization

/// Counters in memory that outlives the process, however it ends: a mapped file. On a file system that is memory itself
/// (tmpfs) nothing is ever written to a disk, and the host's next start forgets it.
@safe public final class SharedCounters: Sendable {
  public let path: String
  public let count: Int
  private nonisolated(unsafe) let cells: UnsafeMutablePointer<Atomic<UInt64>>

  /// Makes the file, which must not exist, with `count` zeros, for the user alone.
  public init(creating path: String, count: Int) throws(SystemError) {
    let file = try FileDescriptor(creating: path, mode: 0o600)
    do throws(SystemError) {
      unsafe cells = try Self.map(file, count * 8).bindMemory(to: Atomic<UInt64>.self, capacity: count)
    } catch {
      _ = unsafe unlink(path)
      throw error
    }
    self.path = path
    self.count = count
  }

  private static func map(_ file: borrowing FileDescriptor, _ size: Int) throws(SystemError)
    -> UnsafeMutableRawPointer
  {
    // A page that there is no memory for would kill the process when it is touched.
    let failure = posix_fallocate(file.number, 0, off_t(size))
    if failure != 0 {
      throw SystemError(operation: "allocate", path: file.path, errno: Errno(rawValue: failure))
    }
    let region = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.number, 0)
    guard let region = unsafe region, unsafe region != MAP_FAILED else {
      throw SystemError(operation: "map", path: file.path, errno: lastErrno)
    }
    return unsafe region
  }

  deinit { unsafe munmap(cells, count * 8) }

  /// What is written here is seen by nobody who does not see all that was written before.
  public subscript(place: Int) -> UInt64 {
    get {
      precondition(place >= 0 && place < count)
      return unsafe cells[place].load(ordering: .acquiring)
    }
    set {
      precondition(place >= 0 && place < count)
      unsafe cells[place].store(newValue, ordering: .releasing)
    }
  }

  /// A negative amount is taken away.
  public func add(_ amount: Int, at place: Int) {
    precondition(place >= 0 && place < count)
    unsafe cells[place].wrappingAdd(UInt64(bitPattern: Int64(amount)), ordering: .relaxed)
  }

  /// What a process has left in such a file; nil when there is none.
  public static func left(at path: String) throws(SystemError) -> [UInt64]? {
    do throws(SystemError) {
      var bytes = ByteBuffer()
      // A pipe of that name has no writer to wait for.
      try FileDescriptor(reading: path, waiting: false).readAll(limit: 16 << 20, into: &bytes)
      return (0..<bytes.count / 8).map { bytes.view.load64(at: $0 * 8) }
    } catch {
      if error.errno == .noSuchFile { return nil }
      throw error
    }
  }
}
