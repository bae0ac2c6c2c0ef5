import Bytes
import MerkleLog
import Platform

/// Why a policy's file cannot be used.
enum PolicyFileError: Error, CustomStringConvertible {
  case invalid(file: String, PolicyError)
  case noWitness(file: String)

  var description: String {
    switch self {
    case .invalid(let file, let error): "\(file): \(error)"
    case .noWitness(let file):
      "\(file): no witness has a URL; write it behind the key: witness NAME VKEY https://…"
    }
  }
}

extension WitnessPolicy {
  /// Reads the policy in a file.
  init(file: String) throws {
    var bytes = ByteBuffer()
    try FileDescriptor(reading: file).readAll(limit: Self.sizeLimit, into: &bytes)
    do throws(PolicyError) { try self.init(bytes.view) } catch {
      throw PolicyFileError.invalid(file: file, error)
    }
  }
}
