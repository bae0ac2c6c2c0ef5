import Glibc

/// Zeroed memory straight from the kernel, in whole pages. It costs nothing until touched, and can be given
/// back (`discard`) without losing its place.
@safe public struct PageRegion: ~Copyable, @unchecked Sendable {
  /// The first byte, aligned to a page. Valid while this value lives.
  public let base: UnsafeMutableRawPointer
  /// Bytes asked for.
  public let count: Int

  /// `count` bytes. Fails when the address space or the memory limit is exhausted.
  public init(count: Int) throws(SystemError) {
    let region = unsafe mmap(
      nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let region = unsafe region, unsafe region != MAP_FAILED else {
      throw SystemError(operation: "allocate memory", path: "", errno: lastErrno)
    }
    unsafe base = region
    self.count = count
  }

  deinit { unsafe munmap(base, count) }

  /// Gives the memory back to the kernel; it reads as zeros afterwards and costs nothing until touched again.
  public func discard() { _ = unsafe madvise(base, count, MADV_DONTNEED) }
}
