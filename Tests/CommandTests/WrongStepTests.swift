import Foundation
import TestSupport
import Testing

/// What goes wrong in the first five minutes: each message names the place and the mend.
@Suite struct WrongStepTests {
  private let sandbox: Sandbox

  init() throws {
    sandbox = try Sandbox()
    try sandbox.makeLog()
  }

  /// Runs what follows without the rights of the superuser, over files that belong to its own user.
  static let unprivileged =
    geteuid() == 0 ? [Program.find("setpriv") ?? "setpriv", "--bounding-set=-all", "--inh-caps=-all"] : []

  /// Shell commands that make the mistake in the sandbox, a command, and what it must say and end with.
  struct Step: Sendable, CustomTestStringConvertible {
    var mistake: String
    var arguments: [String]
    var status: Int32
    var text: String
    var testDescription: String { "\(mistake): \(arguments.joined(separator: " "))" }

    init(_ mistake: String, _ command: String, _ status: Int32, _ text: String) {
      self.mistake = mistake
      arguments = command.split(separator: " ").map(String.init)
      self.status = status
      self.text = text
    }
  }

  private static let here = "serve --log log --listen udp://127.0.0.1:0"
  private static func tls(_ certificate: String, _ key: String, _ client: String) -> String {
    "serve --log log --listen tls://127.0.0.1:0 --certificate \(certificate) --key \(key) \(client)"
  }
  private static let anybody = "--client-certificate none"

  @Test(arguments: [
    Step(
      "mkdir x", "serve --log x --listen udp://127.0.0.1:0", 66, "x: no log here; make one with: stele init x"
    ),
    Step("touch x", "serve --log x --listen udp://127.0.0.1:0", 66, "x: no log here"),
    Step("mkdir x; touch x/file", "tail x", 66, "x: no log here"),
    Step("rm log.key", here, 66, "log.key: the log's private key is not here. Bring it back, or say where"),
    Step("chmod 0 log.key", here, 74, "mode 0000, and this process is"),
    Step("chmod 0 log.key", here, 74, "chmod u+r log.key"),
    Step("echo x >log.key", here, 1, "log.key: at byte 0: not a key"),
    Step("chmod 0 log", here, 74, "cannot open log/vkey: Permission denied; log belongs to"),
    Step("chmod 0 log", "verify log", 74, "chmod u+rwx log"),
    Step("chmod 0 log", "tail log", 74, "chmod u+rwx log"),
    Step("chmod 0 log", "search log", 74, "chmod u+rwx log"),
    Step("chmod 0 log", "inspect log", 74, "chmod u+rwx log"),
    Step("mkdir x; chmod 500 x", "init x/log --origin a.b/c", 74, "chmod u+rwx x"),
    Step("mkdir x; touch x/file", "init x --origin a.b/c", 1, "a new log needs an empty directory"),
    Step(":", "serve --log log --listen unix://@/no/a.sock", 1, "the directory does not exist: make it"),
    Step(
      "mkdir x; chmod 500 x", "serve --log log --listen unix://@/x/a.sock", 1,
      "may not write to the directory"),
    Step("touch x", "serve --log log --listen unix://@/x", 1, "a file that is not a socket is there"),
    Step(":", tls("none.crt", "tls.key", anybody), 1, "the certificate none.crt: No such file"),
    Step(":", tls("tls.crt", "none.key", anybody), 1, "the private key none.key: No such file"),
    Step("chmod 0 tls.crt", tls("tls.crt", "tls.key", anybody), 1, "chmod u+r tls.crt"),
    Step("chmod 0 tls.key", tls("tls.crt", "tls.key", anybody), 1, "chmod u+r tls.key"),
    Step(
      "openssl x509 -in tls.crt -outform der -out x", tls("x", "tls.key", anybody), 1,
      "openssl x509 -inform der -in x"),
    Step("echo x >x", tls("tls.crt", "x", anybody), 1, "x: unsupported; it holds no private key in PEM form"),
    Step(
      "openssl genrsa -out x 2048", tls("tls.crt", "x", anybody), 1, "it is not the key of this certificate"),
    Step(
      "openssl ecparam -name prime256v1 -genkey -noout -out x", tls("tls.crt", "x", anybody), 1,
      "it is not the key of this certificate"),
    Step(
      "openssl pkcs8 -topk8 -in tls.key -passout pass:x -out x", tls("tls.crt", "x", anybody), 1,
      "it is encrypted, and a daemon has nobody to ask for the passphrase: openssl pkey -in x"),
    Step(
      "openssl ec -in tls.key -aes128 -passout pass:x -out x", tls("tls.crt", "x", anybody), 1,
      "it is encrypted"),
    Step(
      ":", tls("tls.crt", "tls.key", "--client-ca none.crt"), 1,
      "the client authorities none.crt: No such file"),
    Step(
      "echo x >x", tls("tls.crt", "tls.key", "--client-ca x"), 1,
      "x: no certificate or crl found; it holds no"),
    Step("touch x; chmod 0 x", "serve --config x", 74, "chmod u+r x"),
    Step(
      "printf 'log: {directory: log}\\nsources:\\n\\t- {name: a}\\n' >x", "serve --config x", 1,
      "x:3:1: this is not YAML"),
    Step(
      "printf 'log: {directory: log}\\nsources:\\n\\t- {name: a}\\n' >x", "serve --config x", 1,
      "indent with blanks"),
  ])
  func theMessageSaysWhatToDo(_ step: Step) throws {
    try prepare(step.mistake)
    defer { _ = try? Program.run("/bin/sh", ["-c", "cd \(sandbox.path("")) && chmod -R u+rwX ."]) }
    let result = try run(step.arguments)
    #expect(
      result.status == step.status && result.errors.contains(step.text), "\(result.status) \(result.errors)")
  }

  /// A certificate, and then the mistake.
  private func prepare(_ mistake: String) throws {
    let certificate =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=stele -keyout tls.key "
      + "-out tls.crt"
    let made = try Program.run("/bin/sh", ["-ec", "cd \(sandbox.path("")); \(certificate); \(mistake)"])
    try #require(made.status == 0, "\(made.errors)")
  }

  /// Runs `stele` in the sandbox, so that its messages name paths as short as here.
  private func run(_ arguments: [String]) throws -> Program.Result {
    let command =
      Self.unprivileged + [Program.stele] + arguments.map { $0.replacing("@", with: sandbox.path("")) }
    return try Program.run(
      "/bin/sh", ["-c", "cd \(sandbox.path("")) && exec \"$@\"", "sh"] + command)
  }

  /// In many containers everybody may have every port.
  static let lowestPort =
    (try? String(contentsOfFile: "/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding: .utf8))
    .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 1024

  @Test(.enabled(if: lowestPort > 514)) func aPortOfTheSuperuserIsSaidToBeOne() throws {
    let result = try run(
      "serve --log log --listen udp://127.0.0.1:514".split(separator: " ").map(String.init))
    #expect(
      result.status == 1
        && result.errors.contains("ports below 1024 need CAP_NET_BIND_SERVICE: take a larger one"),
      "\(result.errors)")
  }

  @Test func whoHasThePortCanBeFoundOut() throws {
    let daemon = try DaemonProcess(sandbox, ["--log", "@log", "--listen", "udp://127.0.0.1:0"])
    try sandbox.makeLog("other")
    let url = daemon.url("udp-0")
    let port = try #require(url.split(separator: ":").last)
    let result = try sandbox.stele("serve", "--log", "@other", "--listen", url)
    #expect(
      result.status == 1 && result.errors.contains("ss -lnpu 'sport = :\(port)' tells which"),
      "\(result.errors)")
    let second = try sandbox.stele("serve", "--log", "@log", "--listen", "udp://127.0.0.1:0")
    #expect(
      second.status == 1 && second.errors.contains("another process is writing to this log; stop it first"))
    #expect(daemon.stop().status == 0)
  }

  /// Works nevertheless, but says what is not as it should be.
  @Test func aBufferThatIsTooSmallAndAKeyForEverybodyAreWarnedOf() throws {
    let bytes = 512 << 20
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      sources: [{name: a, listen: 'udp://127.0.0.1:0', receive_buffer: \(bytes)B}]

      """)
    #expect(unsafe chmod(sandbox.path("log.key"), 0o644) == 0)
    let daemon = try DaemonProcess(sandbox, ["--config", "@stele.yaml"], under: Self.unprivileged)
    let errors = daemon.program.errors
    #expect(
      errors.contains("sysctl -w net.core.rmem_max=\(bytes), and the same in /etc/sysctl.d/"), "\(errors)")
    #expect(
      errors.contains("log.key: others may read the log's private key (mode 0644): chmod 0400"), "\(errors)")
    #expect(daemon.stop().status == 0)
  }
}
