import MerkleLog
import Platform
import SegmentWriter

/// Opens logs for writing.
public enum LogOpening {
  /// Opens the log in `directory` with the private key in the file `keyPath`, takes the log's lock, and
  /// recovers what a crash left. A directory that holds no log is reported as such before a key that is not there.
  public static func open(
    directory: String, keyPath: String, options: WriterOptions = WriterOptions()
  ) throws(WriteError) -> sending LogWriter {
    do throws(SystemError) { _ = try FileDescriptor(reading: directory + "/vkey") } catch {
      throw [.noSuchFile, .notDirectory].contains(error.errno) ? .missing(path: directory) : .system(error)
    }
    Process.forbidDumps()
    var options = options
    options.keyPath = keyPath
    return try LogWriter(directory: directory, key: try key(keyPath), options: options)
  }

  private static func key(_ path: String) throws(WriteError) -> SignerKey {
    do throws(WriteError) { return try LogCreation.readKey(path) } catch {
      guard case .system(let cause) = error, cause.errno == .noSuchFile else { throw error }
      throw .noKey(path: path)
    }
  }
}
