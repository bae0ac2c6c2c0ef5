import ArgumentParser
import Collector
import Formats
import HTTP
import Inspect
import Intake
import Platform
import ProxyConfiguration
import SegmentReader
import SegmentWriter

/// How a command ends: the exit status, and where every error gets its own.
enum Outcome: Int32, Sendable {
  case fine = 0
  /// The command failed.
  case failed = 1
  /// `verify` or `check` found tampering or damage.
  case damage = 2
  /// Intact, but something that was asked for is missing.
  case incomplete = 3
  /// The command line makes no sense (EX_USAGE of sysexits.h).
  case usage = 64
  /// There is no such log, or no such file (EX_NOINPUT).
  case missing = 66
  /// Reading or writing failed (EX_IOERR).
  case inputOutput = 74

  /// The outcome of a command that threw `error`.
  init(_ error: any Error) {
    switch error {
    case let error as WriteError: self.init(error)
    case ActError.write(let error): self.init(error)
    case let error as DaemonError:
      switch error {
      case .write(let error): self.init(error)
      case .listen, .stopping: self = .failed
      case .system(let error): self.init(error)
      }
    case let error as SystemError: self.init(error)
    case let error as LogError: self.init(ExitStatus(error))
    case let error as ExportError: self.init(error)
    case let error as DescriptionError: self.init(error.exitStatus)
    case let error as ReadError:
      self = error.cause?.errno == .noSuchFile ? .missing : error.cause == nil ? .failed : .inputOutput
    case let error as SilentDaemon: self = error.refusal == nil ? .failed : .inputOutput
    case is ProofCheckError, is ConsistencyCheckError: self = .damage
    case is PEMFile.Invalid: self = .failed
    case is Endpoint.Invalid, is HTTPListenAddress.Invalid, is KeyArgument.Invalid, is ExpressionError,
      is FormatError:
      self = .usage
    default: self = .failed
    }
  }

  /// What `Inspect` says of a log.
  init(_ status: ExitStatus) {
    switch status {
    case .fine: self = .fine
    case .damage: self = .damage
    case .incomplete: self = .incomplete
    case .missing: self = .missing
    case .inputOutput: self = .inputOutput
    }
  }

  private init(_ error: WriteError) {
    switch error {
    case .system(let error): self.init(error)
    case .missing, .noKey: self = .missing
    case .note, .damaged: self = .damage
    case .readBack, .removed: self = .inputOutput
    case .crypto, .exists, .keyExists, .locked, .wrongKey, .superseded, .rotation, .wrongKeyStore,
      .noFirstKey, .key,
      .noRoomForKey, .unerasable, .encrypted, .noEntry, .daemon:
      self = .failed
    }
  }

  private init(_ error: ExportError) {
    switch error {
    case .log(let error): self.init(ExitStatus(error))
    case .system(let error): self.init(error)
    case .newer, .damaged: self = .damage
    case .locked, .otherLog: self = .failed
    case .nothingLeft: self = .incomplete
    }
  }

  private init(_ error: SystemError) {
    self = error.errno == .noSuchFile ? .missing : .inputOutput
  }
}

/// Ends the command with an outcome that is no error of its own: what there is to say has been said.
struct Ending: Error {
  var outcome: Outcome

  init(outcome: Outcome) { self.outcome = outcome }
  init(_ status: ExitStatus) { outcome = Outcome(status) }
}
