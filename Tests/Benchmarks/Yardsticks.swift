import Bytes
import Glibc

/// Other programs that do part of the work, run on the same bytes in the same minute.
struct Yardsticks {
  /// A file that holds the lines.
  let path: String

  /// Runs a program with its output thrown away; nil when it cannot be run or fails.
  func run(_ arguments: [String]) -> Measurement? {
    let start = Meter.now(CLOCK_MONOTONIC)
    // RUSAGE_CHILDREN is an enumeration in C, and a plain -1 where it is taken.
    var before = rusage()
    unsafe getrusage(-1, &before)
    guard let status = spawn(arguments), status == 0 else { return nil }
    var after = rusage()
    unsafe getrusage(-1, &after)
    var taken = Measurement()
    taken.wall = Meter.now(CLOCK_MONOTONIC) - start
    taken.processor =
      seconds(after.ru_utime) + seconds(after.ru_stime) - seconds(before.ru_utime) - seconds(before.ru_stime)
    return taken
  }

  private func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

  private func spawn(_ arguments: [String]) -> Int32? {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var pointers = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    var child: pid_t = 0
    guard unsafe posix_spawnp(&child, arguments[0], &actions, nil, &pointers, environ) == 0 else {
      return nil
    }
    var status: Int32 = 0
    guard unsafe waitpid(child, &status, 0) == child else { return nil }
    return status >> 8 & 0xFF
  }

  /// Seconds that copying all bytes takes.
  func copy(_ text: ByteView, _ meter: Meter) -> Double {
    let target = UnsafeMutableRawPointer.allocate(byteCount: text.count, alignment: 64)
    defer { unsafe target.deallocate() }
    return meter.best(of: 3) {
      unsafe text.withUnsafeBytes { _ = unsafe memcpy(target, $0.baseAddress.unsafelyUnwrapped, $0.count) }
    }.processor
  }

  /// Seconds that finding every LF with `memchr` takes.
  func findLines(_ text: ByteView, _ meter: Meter) -> Double {
    meter.best(of: 3) {
      var offset = 0
      while let end = text.find(10, from: offset) { offset = end + 1 }
    }.processor
  }
}
