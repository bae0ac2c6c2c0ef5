import Bytes
import MerkleLog
import Platform
import SegmentReader
import Segments

/// What a file or directory is, for people and for programs.
public struct Description: Equatable, Sendable {
  /// Several lines.
  public var text: String
  public var json: JSONValue

  init(_ lines: [String], _ json: JSONValue) {
    text = lines.joined(separator: "\n") + "\n"
    self.json = json
  }

  /// Describes the log in a directory, or a file of one: a segment, a seal, a checkpoint, a verifier key or a
  /// proof. What a file is, its contents say; nothing is verified.
  public init(_ path: String) throws(DescriptionError) {
    do {
      let file = try FileDescriptor(reading: path)
      let status = try file.status()
      if status.kind == .directory {
        self = try Self.log(path)
        return
      }
      var head = ByteBuffer()
      try file.read(4, at: 0, appendingTo: &head)
      if head.count == 4, head.view.load32(at: 0) == SegmentHeader.magic {
        // Behind the last whole block a writer that starts now would cut the file off, which kills who reads a
        // mapping there.
        let isOpen = path.hasSuffix(".open")
        let mapped = try MappedFile(
          file, count: isOpen ? try SegmentFile.wholeByteCount(file) : status.size)
        self = try Self.segment(mapped.view, path, byteCount: status.size)
      } else {
        guard status.size <= 2 * SignedNote.maximumSize else { throw DescriptionError.unknown(path: path) }
        var bytes = ByteBuffer()
        try file.readAll(limit: 2 * SignedNote.maximumSize, into: &bytes)
        self = try Self.note(bytes.view, path)
      }
    } catch { throw DescriptionError(error, path) }
  }

  private static func log(_ path: String) throws(DescriptionError) -> Description {
    do throws(LogError) { return try LogDescription(path).description } catch { throw .log(error) }
  }

  private static func segment(
    _ view: ByteView, _ path: String, byteCount: Int
  ) throws(DescriptionError) -> Description {
    do throws(DecodeError) {
      return try SegmentDescription(view, byteCount: byteCount).description
    } catch {
      throw .damaged(path: path, error)
    }
  }
}

/// Why nothing can be said.
public enum DescriptionError: Error, Equatable, Sendable {
  case system(SystemError)
  case log(LogError)
  case damaged(path: String, DecodeError)
  /// The file is none that belongs to a log.
  case unknown(path: String)

  fileprivate init(_ error: any Error, _ path: String) {
    switch error {
    case let error as DescriptionError: self = error
    case let error as SystemError: self = .system(error)
    case LogError.system(let error): self = .system(error)
    case LogError.damaged(_, let error): self = .damaged(path: path, error)
    default: self = .unknown(path: path)
    }
  }

  /// How the process should end that met this error.
  public var exitStatus: ExitStatus {
    switch self {
    case .system(let error): error.errno == .noSuchFile ? .missing : .inputOutput
    case .log(let error): ExitStatus(error)
    case .damaged: .damage
    case .unknown: .missing
    }
  }
}

extension DescriptionError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .system(let error): error.description
    case .log(let error): error.description
    case .damaged(let path, let error): "\(path): cannot be read at byte \(error.offset) (\(error.reason))"
    case .unknown(let path): "\(path): not a file of a log: no segment, seal, checkpoint, key or proof"
    }
  }
}
