/// The program's version: `stele --version`, and the log's record of each start.
enum Version {
  static let text = "0.1.0"
}
