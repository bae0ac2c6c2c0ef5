import Testing

/// An authority and certificates of it for 127.0.0.1 (a server's and a client's), made for one test.
struct Certificates {
  let scratch: Scratch

  init(in scratch: Scratch) throws {
    self.scratch = scratch
    try scratch.write("names", "subjectAltName=IP:127.0.0.1,DNS:edge-1.example.com\n")
    let new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj"]
    try openssl(
      ["req", "-x509"] + new + ["/CN=authority", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2"])
    for name in ["server", "client"] {
      try openssl(["req"] + new + ["/O=Example/CN=\(name)", "-keyout", "\(name).key", "-out", "\(name).csr"])
      try openssl(
        [
          "x509", "-req", "-in", "\(name).csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
          "-days", "2",
        ]
          + ["-extfile", "names", "-out", "\(name).crt"])
      // HAProxy takes certificate and key from one file.
      try scratch.write("\(name).pem", scratch.text("\(name).crt") + scratch.text("\(name).key"))
    }
  }

  private func openssl(_ arguments: [String]) throws {
    let path = try #require(Program.openssl.path)
    let finished = try run(path, arguments, in: scratch)
    try #require(finished.status == 0, "\(finished.complaints)")
  }

  func file(_ name: String) -> String { scratch.file(name) }
}
