import Glibc

/// What keeps this process from a file: the first directory on the way that it may not pass, or the file itself; and
/// what to do about it.
public struct AccessRefusal: Equatable, Sendable, CustomStringConvertible {
  public var path: String
  public var isDirectory: Bool
  public var mode: UInt32
  public var owner: String
  public var group: String
  /// Who this process is.
  public var user: String
  /// The group may do what was refused.
  public var isOpenToGroup: Bool

  public init(
    _ path: String, isDirectory: Bool, mode: UInt32, owner: String, group: String, user: String,
    isOpenToGroup: Bool
  ) {
    self.path = path
    self.isDirectory = isDirectory
    self.mode = mode
    self.owner = owner
    self.group = group
    self.user = user
    self.isOpenToGroup = isOpenToGroup
  }

  /// Nil when nothing keeps this process from it, as far as permissions go.
  public init?(to path: String) {
    if let refusal = Self(reading: path) {
      self = refusal
      return
    }
    // It may be read, or is not there yet: what was refused is writing.
    if unsafe faccessat(AT_FDCWD, path, F_OK, 0) == 0 {
      guard let refusal = Self.refusal(path, W_OK) else { return nil }
      self = refusal
      return
    }
    let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    guard let refusal = Self.refusal(parent.isEmpty ? "/" : parent, W_OK | X_OK)
    else { return nil }
    self = refusal
  }

  /// Nil when nothing keeps this process from reading it, or it is not there.
  public init?(reading path: String) {
    var end = path.startIndex
    while end < path.endIndex {
      end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
      let isLast = end == path.endIndex
      let needed = isLast ? R_OK : X_OK
      guard let refusal = Self.refusal(String(path[..<end]), needed) else { continue }
      self = refusal
      return
    }
    return nil
  }

  private static func refusal(_ path: String, _ access: Int32) -> AccessRefusal? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, unsafe faccessat(AT_FDCWD, path, access, AT_EACCESS) != 0,
      [.accessDenied, .notPermitted].contains(lastErrno)
    else { return nil }
    let mode = UInt32(status.st_mode)
    return AccessRefusal(
      path, isDirectory: mode & UInt32(S_IFMT) == UInt32(S_IFDIR), mode: mode & 0o7777,
      owner: name(user: status.st_uid), group: name(group: status.st_gid), user: name(user: geteuid()),
      isOpenToGroup: mode >> 3 & UInt32(access) == UInt32(access))
  }

  static func name(user: uid_t) -> String {
    unsafe getpwuid(user).map { unsafe String(cString: $0.pointee.pw_name) } ?? "\(user)"
  }

  private static func name(group: gid_t) -> String {
    unsafe getgrgid(group).map { unsafe String(cString: $0.pointee.gr_name) } ?? "\(group)"
  }

  public var description: String {
    let digits = String(mode, radix: 8)
    let octal = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    return "\(path) belongs to \(owner):\(group), mode \(octal), and this process is \(user): \(mend)"
  }

  private var mend: String {
    if owner == user { return "chmod u+r\(isDirectory ? "wx" : "") \(path)" }
    if owner == "root" {
      return "run this as root, or "
        + (isDirectory ? "name a place that is \(user)'s" : "if it is to be \(user)'s: chown \(user) \(path)")
    }
    return "run this as \(owner)"
      + (isOpenToGroup ? ", or join the group (usermod -aG \(group) \(user)) and log in anew" : "")
  }
}

/// Whose a file is.
public struct FileOwner: Equatable, Sendable {
  public var name: String

  /// Nil when the file is not there, or cannot be looked at.
  public init?(_ path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    name = AccessRefusal.name(user: status.st_uid)
  }
}
