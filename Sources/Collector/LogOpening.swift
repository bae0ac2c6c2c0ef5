import MerkleLog
import Platform
import SegmentWriter

/// Opens logs for writing.
public enum LogOpening {
  /// Opens the log in `directory` with the private key in the file `keyPath`, takes the log's lock, and
  /// recovers what a crash left. A directory that holds no log is reported as such before a key that is not there.
  /// What a writer that failed could not store becomes entries, and `told` gets to know.
  public static func open(
    directory: String, keyPath: String, options: WriterOptions = WriterOptions(),
    told: (UnstoredAccount.Report) -> Void = { _ in }
  ) throws(WriteError) -> sending LogWriter {
    do throws(SystemError) { _ = try FileDescriptor(reading: directory + "/vkey") } catch {
      throw [.noSuchFile, .notDirectory].contains(error.errno) ? .missing(path: directory) : .system(error)
    }
    Process.forbidDumps()
    var options = options
    options.keyPath = keyPath
    var reports: [UnstoredAccount.Report] = []
    let writer = try LogWriter(directory: directory, key: try key(keyPath), options: options) {
      (writer) throws(WriteError) in reports = try UnstoredFile.settle(writer)
    }
    for report in reports { told(report) }
    return writer
  }

  private static func key(_ path: String) throws(WriteError) -> SignerKey {
    do throws(WriteError) { return try LogCreation.readKey(path) } catch {
      guard case .system(let cause) = error, cause.errno == .noSuchFile else { throw error }
      throw .noKey(path: path)
    }
  }
}
