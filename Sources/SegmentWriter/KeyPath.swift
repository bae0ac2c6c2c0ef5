import Platform

extension LogCreation {
  /// Name of the systemd credential that holds a log's private key.
  public static let credentialName = "stele.key"

  /// Where the private key of the log in `directory` is read from: the path that was given, else the credential
  /// `stele.key` of the service that this process belongs to (systemd.exec(5), LoadCredential=), else the file
  /// beside the directory.
  public static func keyPath(_ given: String?, for directory: String) -> String {
    given ?? credentialPath ?? defaultKeyPath(directory)
  }

  /// Where that credential is; nil when there is none.
  public static var credentialPath: String? {
    guard let directory = Process.environment("CREDENTIALS_DIRECTORY") else { return nil }
    let path = "\(directory)/\(credentialName)"
    do throws(SystemError) { _ = try FileDescriptor(reading: path) } catch {
      // One that is there but cannot be read is an error that must be seen.
      if error.errno == .noSuchFile { return nil }
    }
    return path
  }
}
