import ArgumentParser
import Bytes
import MerkleLog
import Platform
import SegmentReader

/// Verifier keys on the command line: a key itself, or the path of a file that holds keys, such as a copy of
/// the log's `vkey`.
enum KeyArgument {
  /// Why neither is there.
  struct Invalid: Error, CustomStringConvertible {
    var text: String
    var error: KeyError
    var description: String {
      "'\(text)' is neither a verifier key (NAME+ID+BASE64) nor a file that can be read: \(error)"
    }
  }

  /// The log's keys, from one option or several, which are read as the lines of one file.
  static func keys(_ arguments: [String]) throws -> LogKeys {
    let logs = try logs(arguments)
    guard logs.count == 1 else {
      throw Invalid(text: arguments.joined(separator: " "), error: KeyError(reason: .name, offset: 0))
    }
    return logs[0]
  }

  /// The keys of one log or several, from options that are read as the lines of one file: each origin key begins
  /// another log.
  static func logs(_ arguments: [String]) throws -> [LogKeys] {
    var groups: [String] = []
    for text in arguments {
      for line in String(decoding: try Self.text(text), as: UTF8.self).split(separator: "\n") {
        let begins =
          groups.isEmpty || (try? VerifierKey("\(line)")).map { !"\($0.name)".contains("#") } ?? false
        if begins { groups.append("\(line)\n") } else { groups[groups.count - 1] += "\(line)\n" }
      }
    }
    return try groups.map { group throws in
      do throws(KeyError) {
        return try Array(group.utf8).withView { (lines) throws(KeyError) in try LogKeys(lines) }
      } catch { throw Invalid(text: arguments.joined(separator: " "), error: error) }
    }
  }

  /// Of the keys of several logs those for the log in a directory: those with the log's name, or else the first.
  static func keys(_ logs: [LogKeys], for directory: String) -> LogKeys? {
    if logs.count < 2 { return logs.first }
    let own = (try? LogDirectory(directory))?.origin
    return logs.first { $0.origin.name == own } ?? logs.first
  }

  /// The argument itself, when it is a key, or what the file holds.
  private static func text(_ argument: String) throws -> [UInt8] {
    do throws(KeyError) {
      _ = try VerifierKey(argument)
      return Array(argument.utf8)
    } catch {
      var bytes = ByteBuffer()
      do throws(SystemError) {
        try FileDescriptor(reading: argument).readAll(limit: LogKeys.sizeLimit, into: &bytes)
      } catch let system {
        if system.errno == .noSuchFile { throw Invalid(text: argument, error: error) }
        throw system
      }
      if bytes.isEmpty { throw Invalid(text: argument, error: error) }
      return bytes.view.array
    }
  }
}
