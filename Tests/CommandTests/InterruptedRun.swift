import Foundation
import TestSupport
import Testing

/// A daemon that ends before its time, and the one that goes on after it, while others send: datagrams to a socket
/// that the service manager holds, a stream that ends its connection when it hears that Stele does, and a file that
/// grows.
struct InterruptedRun {
  /// Exit statuses.
  let first: Int32
  let second: Int32
  /// Messages by source.
  let sent: [String: Int]
  let errors: String
  private let sandbox: Sandbox
  private let periods: [[String: Any]]

  private static let script = """
    import json, os, select, signal, socket, subprocess, sys, threading, time
    stele, config, path, environment, kills = sys.argv[1:]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", 0))
    tcp = socket.socket(); tcp.bind(("127.0.0.1", 0)); tcp.listen()
    os.dup2(udp.fileno(), 3); os.dup2(tcp.fileno(), 4)
    with open(config, "a") as file:
      file.write("  - {name: datagrams, listen: 'udp://127.0.0.1:%d', format: none}\\n" % udp.getsockname()[1])
      file.write("  - {name: stream, listen: 'tcp://127.0.0.1:%d', format: none}\\n" % tcp.getsockname()[1])
    sent = {"datagrams": 0, "stream": 0, "file": 0}
    over = threading.Event()
    def datagrams():
      sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      while not over.is_set():
        for _ in range(20):
          sender.sendto(b"datagram %d" % sent["datagrams"], udp.getsockname()); sent["datagrams"] += 1
        time.sleep(0.01)
    def stream():
      while not over.is_set():
        sender = socket.create_connection(tcp.getsockname())
        try:
          # What Stele says is that it ends.
          while not over.is_set() and not select.select([sender], [], [], 0.005)[0]:
            for _ in range(10):
              sender.sendall(b"stream %d\\n" % sent["stream"]); sent["stream"] += 1
        except OSError: pass
        sender.close()
    def file():
      with open(path, "a") as lines:
        while not over.is_set():
          lines.write("file %d\\n" % sent["file"]); lines.flush(); sent["file"] += 1
          time.sleep(0.002)
    def daemon(environment):
      command = 'export LISTEN_PID=$$ LISTEN_FDS=2; exec "$@"'
      return subprocess.Popen(["/bin/sh", "-c", command, "sh", stele, "serve", "--config", config, "--status-json"],
        pass_fds=(3, 4), stdout=subprocess.PIPE, env={**os.environ, **environment})
    threads = [threading.Thread(target=each) for each in (datagrams, stream, file)]
    for thread in threads: thread.start()
    first = daemon(json.loads(environment))
    for line in first.stdout:
      line = json.loads(line)
      if kills == "true" and line["durable"] > 500 and line["waiting"] > 0:
        first.kill()
        break
    first.stdout.read()
    status = first.wait()
    second = daemon({})
    for _ in range(2): second.stdout.readline()
    over.set()
    for thread in threads: thread.join()
    # The file is read to its end, and nothing waits any more.
    while True:
      line = json.loads(second.stdout.readline())
      if line["sources"]["file"]["unread_bytes"] == 0 and line["waiting"] == 0: break
    second.send_signal(signal.SIGTERM)
    second.stdout.read()
    print(json.dumps({"first": status, "second": second.wait(), "sent": sent}))
    """

  /// Runs it with the log `log` of the sandbox. The first daemon is killed once it has stored something, and received
  /// something that it has not stored yet; or it ends by itself.
  init(_ sandbox: Sandbox, environment: [String: String] = [:], kills: Bool = false) throws {
    self.sandbox = sandbox
    try sandbox.write("senders.py", Self.script)
    try sandbox.write("followed", "")
    try sandbox.write(
      "stele.yaml",
      """
      log: {directory: log}
      commit: \(kills ? "1s" : "20ms")
      segment: {age: 1s}
      sources:
        - {name: file, file: '\(sandbox.path("followed"))', format: none}

      """)
    let json = String(decoding: try JSONSerialization.data(withJSONObject: environment), as: UTF8.self)
    let result = try Program.run(
      "/usr/bin/python3",
      [
        sandbox.path("senders.py"), Program.stele, sandbox.path("stele.yaml"), sandbox.path("followed"), json,
        "\(kills)",
      ], environment: ["XDG_RUNTIME_DIR": sandbox.path("")])
    let outcome = try #require(Sandbox.object(result.text), "\(result.text) \(result.errors)")
    errors = result.errors
    first = try #require(outcome["first"] as? Int32)
    second = try #require(outcome["second"] as? Int32)
    sent = try #require(outcome["sent"] as? [String: Int])
    let losses = try sandbox.stele("losses", "@log", "--by", "all", "--json")
    periods = try #require(Sandbox.object(losses.text)?["periods"] as? [[String: Any]])
  }

  /// What the log holds of a source, and what it says of it.
  func account(of source: String) throws -> (stored: Int, lost: Int, received: Int?, hasNoneTwice: Bool) {
    let found = try sandbox.stele("search", "@log", "source.id = \(source)", "--output", "raw")
    let stored = found.text.split(separator: "\n")
    let row = try #require(periods.first { $0["source"] as? String == source })
    return (
      stored.count, row["lost"] as? Int ?? 0, row["received"] as? Int, Set(stored).count == stored.count
    )
  }
}
