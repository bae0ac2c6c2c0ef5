import Bytes
import Platform

/// The lines that are measured: a file, or made here, so that the benchmarks run anywhere.
struct Lines: ~Copyable {
  /// All lines, each with its LF.
  let text: ByteBuffer
  private(set) var ends = ValueList<Int>()

  var count: Int { ends.count }

  /// At most `limit` bytes of a file, whole lines only.
  init(file path: String, limit: Int) throws(SystemError) {
    let file = try MappedFile(path)
    let end =
      file.count <= limit
      ? file.count : file.view.prefix(limit).findLast(10, before: limit).map { $0 + 1 } ?? 0
    self.init(ByteBuffer(file.view.prefix(end)))
  }

  init(_ text: consuming ByteBuffer) {
    self.text = text
    var offset = 0
    while let end = self.text.view.find(10, from: offset) {
      ends.append(end)
      offset = end + 1
    }
  }

  /// A line without its LF.
  subscript(index: Int) -> ByteView { text.view[index == 0 ? 0 : ends[index - 1] + 1, ends[index]] }

  /// Lines in the form of `format` (`nginx/combined` or `haproxy/httplog`), the same in every run.
  init(made count: Int, _ format: String) {
    var source = LineSource()
    var text = ByteBuffer(capacity: count * 400)
    for number in 0..<count {
      text.append(format == "haproxy/httplog" ? source.haproxy(number) : source.nginx(number))
      text.append(10)
    }
    self.init(text)
  }
}

/// Makes lines whose fields are as skewed as those of real traffic: few addresses, paths and agents make most
/// of it.
private struct LineSource {
  private var state: UInt64 = 1

  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z &>> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z &>> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z &>> 31
  }

  private mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  /// Small numbers are likelier: the product of two shares.
  private mutating func skewed(_ bound: Int) -> Int { below(1 + below(bound)) }
  private mutating func hex(_ count: Int) -> String {
    String((0..<count).map { _ in Array("0123456789abcdef")[below(16)] })
  }

  private mutating func address() -> String {
    let number = skewed(60_000) &* 2_654_435_761 % 0xDFFF_FFFF
    return "\(1 + number >> 24).\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
  }
  private func stamp(_ number: Int) -> String {
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let second = number / 2000
    return "01/Jan/2026:\(two(second / 3600 % 24)):\(two(second / 60 % 60)):\(two(second % 60))"
  }
  private mutating func request() -> String {
    let method = ["GET", "GET", "GET", "POST", "HEAD"][below(5)]
    let target = [
      "/products/\(skewed(20_000))", "/search?q=shoes&page=\(skewed(30))", "/api/v1/sessions", "/",
    ][below(4)]
    return "\(method) \(target) HTTP/\(["1.1", "2.0"][below(2)])"
  }
  private mutating func agent() -> String {
    let version = 90 + skewed(40)
    return
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/\(version).0.0.0 Safari/537.36"
  }
  private mutating func status() -> Int { [200, 200, 200, 200, 304, 404, 302, 500][below(8)] }

  mutating func nginx(_ number: Int) -> String {
    let referrer = ["-", "https://www.example.com/"][below(2)]
    return
      "\(address()) - - [\(stamp(number)) +0000] \"\(request())\" \(status()) \(skewed(80_000)) \"\(referrer)\" \"\(agent())\""
  }

  mutating func haproxy(_ number: Int) -> String {
    let size = skewed(60_000), total = skewed(400)
    let id = "\(hex(8))-\(hex(4))-4\(hex(3))-9\(hex(3))-\(hex(12))"
    let milliseconds = String(1000 + number / 2 % 1000).dropFirst()
    return
      "\(address()):\(1024 + below(60_000)) [\(stamp(number)).\(milliseconds)] fe_https~ be_app/srv\(10 + below(8)) "
      + "0/\(skewed(3))/\(skewed(3))/\(total)/\(total + skewed(3)) \(status()) \(size + 280) - - ---- "
      + "\(300 + below(200))/\(290 + below(200))/\(below(90))/\(below(20))/0 0/0 "
      + "{www.example.com|\(agent())||\(id)} {text/html|\(size)} \"\(request())\""
  }
}
