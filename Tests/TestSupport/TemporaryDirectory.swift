import Bytes
import Glibc
import Platform

/// Calls `body` with the path of a new directory, and removes it and all in it afterwards.
public func withTemporaryDirectory<R>(_ body: (String) throws -> R) throws -> R {
  var template = Array("/tmp/stele-test-XXXXXX".utf8CString)
  guard unsafe mkdtemp(&template) != nil else {
    throw SystemError(operation: "make directory", path: "/tmp", errno: Errno(rawValue: errno))
  }
  let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  defer { try? removeTree(path) }
  return try body(path)
}

/// Removes a directory and everything in it.
public func removeTree(_ path: String) throws {
  let directory = try Directory(path)
  for name in try directory.names() {
    if try directory.status(of: name)?.kind == .directory {
      try removeTree(path + "/" + name)
    } else {
      try directory.remove(name)
    }
  }
  unsafe rmdir(path)
}

/// The contents of all files of a directory, those in subdirectories too, by their relative paths.
public func readTree(_ path: String, _ prefix: String = "") throws -> [String: [UInt8]] {
  let directory = try Directory(path)
  var files: [String: [UInt8]] = [:]
  for name in try directory.names() {
    if try directory.status(of: name)?.kind == .directory {
      files.merge(try readTree(path + "/" + name, prefix + name + "/")) { first, _ in first }
    } else {
      files[prefix + name] = try directory.readFile(name, limit: 1 << 30).view.array
    }
  }
  return files
}

/// Makes a directory hold exactly these files.
public func writeTree(_ files: [String: [UInt8]], to path: String) throws {
  try? removeTree(path)
  _ = try Directory(making: path)
  for (name, bytes) in files {
    var parent = path
    for component in name.split(separator: "/").dropLast() {
      parent += "/" + component
      _ = try Directory(making: parent)
    }
    try bytes.withView { try FileDescriptor(writing: path + "/" + name).write($0) }
  }
}
