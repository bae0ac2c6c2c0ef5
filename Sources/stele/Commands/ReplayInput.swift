import Platform

/// One file that is replayed, or standard input. Known to be readable before anything is stored or sent.
struct ReplayInput: Sendable {
  let path: String
  /// Bytes; 0 when nobody knows.
  let size: Int

  var isStandardInput: Bool { path == "-" }

  init(_ path: String) throws(SystemError) {
    self.path = path
    if path == "-" {
      size = 0
      return
    }
    let status = try FileDescriptor(reading: path).status()
    guard status.kind != .directory else {
      throw SystemError(operation: "read", path: path, errno: .isDirectory)
    }
    size = status.kind == .file ? status.size : 0
  }

  func open() throws(SystemError) -> FileDescriptor {
    isStandardInput ? try StandardStream.input.open() : try FileDescriptor(reading: path)
  }

  /// The file's own name.
  var name: String { isStandardInput ? "stdin" : path.split(separator: "/").last.map(String.init) ?? path }

  var absolutePath: String {
    path.hasPrefix("/") ? path : Process.workingDirectory + "/" + path
  }
}
