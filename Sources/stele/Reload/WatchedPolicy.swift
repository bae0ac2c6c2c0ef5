import Logging
import Synchronization

/// The file that says which witnesses cosign the log. One that cannot be used leaves the witnesses as they are.
final class WatchedPolicy: WatchedFiles {
  private let companions: Companions
  private let logger: Logger
  private let state: Mutex<(path: String?, marks: FileMarks)>

  init(_ companions: Companions, _ logger: Logger) {
    self.companions = companions
    self.logger = logger
    let path = companions.policy
    state = Mutex((path, FileMarks(path.map { [$0] } ?? [], areTaken: true)))
  }

  func isDue(isForced: Bool) -> Bool {
    let path = companions.policy
    return state.withLock { state in
      let paths = path.map { [$0] } ?? []
      // Another file was read when the configuration named it.
      if state.path != path { state = (path, FileMarks(paths, areTaken: true)) }
      return state.marks.haveChanged(paths, isForced: isForced)
    }
  }

  func take(isForced: Bool) -> [ReloadVerdict] {
    guard let path = companions.policy else { return [] }
    do {
      try companions.rereadPolicy()
      logger.notice("\(path) has changed; the witnesses are now those that it names")
      return [ReloadVerdict(path: path, changes: ["the witnesses are now those that it names"])]
    } catch {
      logger.error("\(path) has changed and cannot be used; the witnesses stay as they were: \(error)")
      return [ReloadVerdict(path: path, error: Remedy.told(error))]
    }
  }
}
