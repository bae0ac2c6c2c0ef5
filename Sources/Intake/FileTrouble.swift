import Platform

/// What an operator is told when a file, or its directory, cannot be followed as it should: the place and the mend.
enum FileTrouble {
  static func isMissing(_ path: String) -> String {
    "\(path) is not there yet; it is read as soon as it is"
  }

  static func isNoFile(_ path: String, _ kind: FileStatus.Kind) -> String {
    let what =
      switch kind {
      case .directory: "a directory: to follow the files in it, name them: \(path)/*.log"
      case .socket: "a socket: let the source listen on unix://\(path)"
      default: "a pipe or a device, and only files are followed: let its writer write to a file"
      }
    return "\(path) is \(what)"
  }

  static func file(_ path: String, _ error: SystemError) -> String {
    isDenied(error)
      ? "cannot read \(path): \(error.errno); the user \(Process.user) needs r on it and x on the directories above: "
        + "add the group that may read it (systemctl edit stele: SupplementaryGroups=adm), or "
        + "setfacl -m u:\(Process.user):r \(path)"
      : "cannot read \(path): \(error.errno)"
  }

  static func directory(_ path: String, _ error: SystemError) -> String {
    if isDenied(error) {
      return "cannot look into \(path): \(error.errno); the user \(Process.user) needs r and x on it: "
        + "add the group that has them (systemctl edit stele: SupplementaryGroups=adm), or "
        + "setfacl -m u:\(Process.user):rx \(path)"
    }
    let text = "cannot look into \(path): \(error.errno)"
    return switch error.errno {
    case .noSuchFile: text + "; its files are read as soon as they are there"
    case .notDirectory: text + "; the last part of the path names files, all before it directories"
    default: text
    }
  }

  /// Why nothing tells of what happens in a directory; nil when something does.
  static func silence(_ unwatched: SystemError?, _ remote: String?) -> String? {
    guard let unwatched else {
      return remote.map { "it is on \($0), and what other hosts write there is not announced" }
    }
    return switch unwatched.errno {
    case .noSpace: "fs.inotify.max_user_watches is used up: raise it with sysctl"
    case .tooManyOpenFiles:
      "fs.inotify.max_user_instances, or the limit of open files, is used up: raise it with sysctl or LimitNOFILE="
    default: "it cannot be watched: \(unwatched.errno)"
    }
  }

  static func isSilent(_ path: String, _ why: String) -> String {
    "\(path) is only looked at once a second: \(why)"
  }

  private static func isDenied(_ error: SystemError) -> Bool {
    error.errno == .accessDenied || error.errno == .notPermitted
  }
}
