import ArgumentParser
import Bytes
import MerkleLog
import Platform

/// A verifier key on the command line: the key itself, or the path of a file that holds it, such as a copy of
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

  static func key(_ text: String) throws -> VerifierKey {
    do throws(KeyError) { return try VerifierKey(text) } catch {
      var bytes = ByteBuffer()
      do throws(SystemError) {
        try FileDescriptor(reading: text).readAll(limit: 4096, into: &bytes)
      } catch let system {
        if system.errno == .noSuchFile { throw Invalid(text: text, error: error) }
        throw system
      }
      let line = bytes.view.text.split(separator: "\n").first.map(String.init) ?? ""
      do throws(KeyError) { return try VerifierKey(line) } catch { throw Invalid(text: text, error: error) }
    }
  }
}
