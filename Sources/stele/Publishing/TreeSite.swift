import Bytes
import HTTP
import MerkleLog
import Platform
import Segments

/// The files of an exported tree as a web site (C2SP tlog-tiles). A path is a file only if it is, to the
/// letter, that of a tile or of the checkpoint.
struct TreeSite {
  private let directory: TreeDirectory

  /// Shared by the threads that answer.
  private final class TreeDirectory: Sendable {
    let directory: Directory
    init(_ path: String) throws(SystemError) { directory = try Directory(path) }
  }

  /// A full bundle of 256 entries of 54 bytes is the largest.
  private static let limit = 1 << 16

  init(_ path: String) throws(SystemError) { directory = try TreeDirectory(path) }

  var routes: [HTTPRoute] {
    [
      HTTPRoute("GET", "/checkpoint") { [directory] _ in
        // The one file that is replaced.
        Self.file(FileNames.checkpoint, directory, type: "text/plain; charset=utf-8", cache: "no-cache")
      },
      HTTPRoute("GET", "/tile/*") { [directory] query in
        let name = String(query.path.dropFirst())
        guard Array(name.utf8).withView({ (try? TilePath($0)) != nil }) else { return Self.nothing }
        return Self.file(
          name, directory, type: "application/octet-stream", cache: "public, max-age=31536000, immutable")
      },
    ]
  }

  /// A tile that is not there may come: nobody is to remember that it was not.
  private static var nothing: HTTPReply {
    HTTPReply(
      404, Array("no such file in this tree\n".utf8), type: "text/plain; charset=utf-8",
      headers: [HTTPHeader("Cache-Control", "no-store")])
  }

  private static func file(
    _ name: String, _ directory: TreeDirectory, type: String, cache: String
  ) -> HTTPReply {
    do throws(SystemError) {
      let bytes = try directory.directory.readFile(name, limit: limit)
      return HTTPReply(200, bytes.view.array, type: type, headers: [HTTPHeader("Cache-Control", cache)])
    } catch { return error.errno == .noSuchFile ? nothing : HTTPReply(503, "the file cannot be read") }
  }
}
