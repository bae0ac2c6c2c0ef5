import TestSupport

/// A change as the disk sees it. Paths are relative to the simulated root; a file keeps its number whatever
/// it is called.
enum DiskOperation: Sendable {
  case create(path: String, file: Int)
  case makeDirectory(path: String)
  case rename(path: String, to: String)
  case remove(path: String)
  case write(file: Int, offset: Int, bytes: [UInt8])
  case truncate(file: Int, size: Int)
  case synchronize(file: Int)
  case synchronizeDirectory(path: String)
  /// What was written and not synced stays in memory, but the kernel takes it for written (fsync(2), EIO).
  case failToSynchronize(file: Int)
  /// Leaves nothing that a crash could lose and that matters here.
  case other
}

/// A disk with a cache that loses power: it knows what was promised to be there, what was only asked for,
/// and so every state in which it may be found afterwards.
///
/// The rules are those of ALICE (Pillai et al., OSDI 2014): what was synced stays; of the writes since, any
/// sectors may be there, in any order, and the size may be any that the file had; of names created, renamed
/// and removed since their directory was synced, a journal keeps those up to some moment, another file system
/// any of them. A rename never loses the file, but without a journal it may leave both names.
struct SimulatedDisk {
  static let sector = 512
  private static let page = 4096

  private enum Change {
    /// `isStuck`: a sync failed, no later one will write it.
    case write(offset: Int, bytes: [UInt8], isStuck: Bool)
    case truncate(size: Int)
  }

  private struct File {
    var durable: [UInt8] = []
    var live: [UInt8] = []
    var pending: [Change] = []
  }

  private enum NameChange {
    case link(String, Int)
    case rename(String, String, Int)
    case unlink(String)

    var path: String {
      switch self {
      case .link(let path, _), .rename(let path, _, _), .unlink(let path): path
      }
    }
  }

  /// The number that all directories have.
  private static let directory = -1

  private var files: [Int: File] = [:]
  private var durableNames: [String: Int] = [:]
  private var liveNames: [String: Int] = [:]
  private var pendingNames: [NameChange] = []

  init() {}

  /// The disk some time after it was found as `image`: all of that is durable.
  init(_ image: DiskImage) {
    for path in image.directories { durableNames[path] = Self.directory }
    for (path, file) in image.files { durableNames[path] = file }
    for (number, bytes) in image.contents { files[number] = File(durable: bytes, live: bytes) }
    liveNames = durableNames
  }

  /// What a file holds at the moment, for those who ask the kernel.
  func contents(_ path: String) -> [UInt8]? { liveNames[path].flatMap { files[$0]?.live } }

  // MARK: Changes

  mutating func apply(_ operation: DiskOperation) {
    switch operation {
    case .create(let path, let file):
      files[file] = File()
      change(.link(path, file))
    case .makeDirectory(let path): change(.link(path, Self.directory))
    case .rename(let path, let target):
      if let file = liveNames[path] { change(.rename(path, target, file)) }
    case .remove(let path): change(.unlink(path))
    case .write(let file, let offset, let bytes):
      files[file]?.live.overwrite(bytes, at: offset)
      files[file]?.pending.append(.write(offset: offset, bytes: bytes, isStuck: false))
    case .truncate(let file, let size):
      files[file]?.live.resize(to: size)
      files[file]?.pending.append(.truncate(size: size))
    case .synchronize(let file): flush(file)
    case .synchronizeDirectory(let path):
      for change in pendingNames where Self.parent(change.path) == path { Self.apply(change, &durableNames) }
      pendingNames.removeAll { Self.parent($0.path) == path }
    case .failToSynchronize(let file): stick(file)
    case .other: break
    }
  }

  private mutating func change(_ change: NameChange) {
    Self.apply(change, &liveNames)
    pendingNames.append(change)
  }

  private static func apply(_ change: NameChange, _ names: inout [String: Int], leavingBoth: Bool = false) {
    switch change {
    case .link(let path, let file): names[path] = file
    case .rename(let path, let target, let file):
      if names[path] == file, !leavingBoth { names[path] = nil }
      names[target] = file
    case .unlink(let path): names[path] = nil
    }
  }

  static func parent(_ path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }

  /// Writes what is dirty: whole pages, as they are in memory.
  private mutating func flush(_ number: Int) {
    guard var file = files[number] else { return }
    files[number] = nil
    var stuck: [Change] = []
    var dirty = Set<Int>()
    for change in file.pending {
      switch change {
      case .write(_, _, isStuck: true): stuck.append(change)
      case .write(let offset, let bytes, _):
        for page in offset / Self.page..<(offset + bytes.count + Self.page - 1) / Self.page {
          dirty.insert(page)
        }
      case .truncate: break
      }
    }
    if stuck.isEmpty {
      file.durable = file.live
      file.pending = []
    } else {
      file.durable.resize(to: file.live.count)
      for page in dirty {
        let range = page * Self.page..<min((page + 1) * Self.page, file.live.count)
        file.durable.overwrite(Array(file.live[range]), at: range.lowerBound)
      }
      file.pending = stuck.filter {
        if case .write(let offset, _, _) = $0 { !dirty.contains(offset / Self.page) } else { false }
      }
    }
    files[number] = file
  }

  private mutating func stick(_ number: Int) {
    guard let file = files[number] else { return }
    var pending: [Change] = []
    for change in file.pending {
      guard case .write(let offset, let bytes, _) = change else {
        pending.append(change)
        continue
      }
      var start = 0
      while start < bytes.count {
        let end = min(((offset + start) / Self.page + 1) * Self.page - offset, bytes.count)
        pending.append(.write(offset: offset + start, bytes: Array(bytes[start..<end]), isStuck: true))
        start = end
      }
    }
    files[number]?.pending = pending
  }

  // MARK: Crashes

  /// What a crash spares of that which was not synced.
  enum Loss: CaseIterable, Sendable {
    /// Everything: only the process died.
    case nothing
    case everything
    /// Names up to some moment, and of each file what was written up to some moment.
    case journal
    /// Anything, in any order.
    case unordered
  }

  /// A state in which the disk may be found after a crash at this moment.
  func crashed(_ loss: Loss, using random: inout SplitMix64) -> DiskImage {
    var names = durableNames
    switch loss {
    case .nothing: names = liveNames
    case .everything: break
    case .journal:
      for change in pendingNames.prefix(Int.random(in: 0...pendingNames.count, using: &random)) {
        Self.apply(change, &names)
      }
    case .unordered:
      let share = random.one(of: 0.1, 0.5, 0.9)
      for change in pendingNames where random.chance(share) {
        Self.apply(change, &names, leavingBoth: random.chance(0.25))
      }
    }
    var image = DiskImage()
    for (path, number) in names.sorted(by: { $0.key < $1.key }) {
      let parent = Self.parent(path)
      guard parent.isEmpty || image.directories.contains(parent) else { continue }
      if number == Self.directory {
        image.directories.insert(path)
      } else {
        image.files[path] = number
      }
    }
    for number in Set(image.files.values).sorted() {
      guard let file = files[number] else { continue }
      image.contents[number] = Self.crashed(file, loss, using: &random)
    }
    return image
  }

  private static func crashed(_ file: File, _ loss: Loss, using random: inout SplitMix64) -> [UInt8] {
    if file.pending.isEmpty || loss == .everything { return file.durable }
    if loss == .nothing { return file.live }
    var bytes = file.durable
    if loss == .journal {
      let kept = Int.random(in: 0...file.pending.count, using: &random)
      for change in file.pending[..<kept] { apply(change, to: &bytes) }
      if kept < file.pending.count, case .write(let offset, let data, _) = file.pending[kept] {
        let end = (offset + Int.random(in: 0...data.count, using: &random)) / sector * sector
        if end > offset { bytes.overwrite(Array(data[..<(end - offset)]), at: offset) }
      }
      return bytes
    }
    var sizes = [bytes.count], size = bytes.count
    let share = random.one(of: 0.1, 0.5, 0.9)
    // What no sector of it reached is a hole, or what the blocks held for another file.
    let filler: UInt8 = random.chance(0.25) ? 0xA5 : 0
    for change in file.pending {
      let isKept = random.chance(share)
      switch change {
      case .truncate(let end):
        size = end
        if isKept { bytes.resize(to: end) }
      case .write(let offset, let data, _):
        size = max(size, offset + data.count)
        let isTorn = random.chance(0.5)
        if isKept || isTorn {
          overwrite(&bytes, data, at: offset, filler: filler) {
            !isTorn || random.chance(share)
          }
        }
      }
      sizes.append(size)
    }
    // More often than not the size is the newest.
    let end = random.chance(0.5) ? size : sizes[Int.random(in: 0..<sizes.count, using: &random)]
    bytes.resize(to: end, filler: filler)
    return bytes
  }

  private static func apply(_ change: Change, to bytes: inout [UInt8]) {
    switch change {
    case .write(let offset, let data, _): bytes.overwrite(data, at: offset)
    case .truncate(let size): bytes.resize(to: size)
    }
  }

  /// Writes those sectors of `data` that `isKept` says.
  private static func overwrite(
    _ bytes: inout [UInt8], _ data: [UInt8], at offset: Int, filler: UInt8, _ isKept: () -> Bool
  ) {
    var start = 0
    while start < data.count {
      let end = min(((offset + start) / sector + 1) * sector - offset, data.count)
      if isKept() { bytes.overwrite(Array(data[start..<end]), at: offset + start, filler: filler) }
      start = end
    }
  }
}

extension SplitMix64 {
  /// True with that probability.
  mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }

  mutating func one<T>(of values: T...) -> T { values[Int.random(in: 0..<values.count, using: &self)] }
}

extension [UInt8] {
  mutating func resize(to size: Int, filler: UInt8 = 0) {
    if size < count { removeLast(count - size) }
    if size > count { append(contentsOf: repeatElement(filler, count: size - count)) }
  }

  mutating func overwrite(_ bytes: [UInt8], at offset: Int, filler: UInt8 = 0) {
    if count < offset + bytes.count { resize(to: offset + bytes.count, filler: filler) }
    replaceSubrange(offset..<offset + bytes.count, with: bytes)
  }
}
