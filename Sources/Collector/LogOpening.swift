import Platform
import SegmentWriter

/// Opens logs for writing.
public enum LogOpening {
  /// Opens the log in `directory` with the private key in the file `keyPath`, takes the log's lock, and
  /// recovers what a crash left. A directory that is not there is reported as such before a key that is not.
  public static func open(
    directory: String, keyPath: String, options: WriterOptions = WriterOptions()
  ) throws(WriteError) -> sending LogWriter {
    do throws(SystemError) { _ = try Directory(directory) } catch {
      throw error.errno == .noSuchFile ? .missing(path: directory) : .system(error)
    }
    Process.forbidDumps()
    var options = options
    options.keyPath = keyPath
    return try LogWriter(directory: directory, key: try LogCreation.readKey(keyPath), options: options)
  }
}
