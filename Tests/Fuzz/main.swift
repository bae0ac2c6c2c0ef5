// Replays inputs of a fuzzer, and, built by Packaging/fuzz.sh, searches for new ones.
//
//     fuzz                        lists the fuzzers
//     fuzz NAME FILE…             runs each file's bytes
//     fuzz NAME hex:DIGITS…       runs those bytes
//     fuzz NAME seed:N [COUNT]    runs the inputs of a seeded run, as the tests do
//     fuzz NAME --write DIR       writes the seeds that the program makes into a directory
import Bytes
import Fuzzers
import Glibc

#if LIBFUZZER
  /// What libFuzzer calls with each input (llvm.org, LibFuzzer). The fuzzer is named by STELE_FUZZER.
  @_cdecl("LLVMFuzzerTestOneInput")
  func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    unsafe Chosen.fuzzer.run(ByteView(unsafeBase: bytes, count: count))
    return 0
  }

  enum Chosen {
    static let fuzzer: Fuzzer = {
      let name = unsafe getenv("STELE_FUZZER").map { unsafe String(cString: $0) } ?? ""
      guard let fuzzer = Fuzzer.named(name) else { fail("STELE_FUZZER names no fuzzer: \(name)") }
      return fuzzer
    }()
  }

  /// libFuzzer's own main, for a program that has one already.
  @_silgen_name("LLVMFuzzerRunDriver")
  func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ run: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
  ) -> CInt

  /// Hands over to libFuzzer: `fuzz --libfuzzer` and its options.
  func search() -> Never {
    var count = CommandLine.argc - 1
    var arguments = unsafe CommandLine.unsafeArgv + 1
    exit(unsafe runDriver(&count, &arguments, testOneInput))
  }
#endif

func readFile(_ path: String) -> [UInt8]? {
  guard let file = unsafe fopen(path, "rb") else { return nil }
  defer { unsafe fclose(file) }
  var bytes: [UInt8] = []
  while true {
    let byte = unsafe fgetc(file)
    if byte < 0 { return bytes }
    bytes.append(UInt8(byte))
  }
}

func writeFile(_ path: String, _ bytes: [UInt8]) {
  guard let file = unsafe fopen(path, "wb") else { fail("cannot write \(path)") }
  for byte in bytes { unsafe _ = fputc(CInt(byte), file) }
  unsafe _ = fclose(file)
}

func fail(_ message: String) -> Never {
  let line = Array("fuzz: \(message)\n".utf8)
  unsafe _ = write(2, line, line.count)
  exit(64)
}

func bytes(of argument: String) -> [UInt8] {
  if argument.hasPrefix("hex:") {
    guard let bytes = try? Array(argument.utf8.dropFirst(4)).withView({ try Hex.decode($0) }) else {
      fail("not hexadecimal: \(argument)")
    }
    return bytes
  }
  guard let bytes = readFile(argument) else { fail("cannot read \(argument)") }
  return bytes
}

#if LIBFUZZER
  if CommandLine.arguments.dropFirst().first == "--libfuzzer" { search() }
#endif

var arguments = Array(CommandLine.arguments.dropFirst())
guard let name = arguments.first else {
  for fuzzer in Fuzzer.all { print(fuzzer.name) }
  exit(0)
}
guard let fuzzer = Fuzzer.named(name) else {
  fail("no fuzzer is called \(name); there are \(Fuzzer.all.map(\.name).joined(separator: ", "))")
}
arguments.removeFirst()
if let first = arguments.first, first.hasPrefix("seed:"), let seed = UInt64(first.dropFirst(5)) {
  fuzzer.smoke(seed: seed, count: arguments.count > 1 ? Int(arguments[1]) : nil)
} else if arguments.first == "--write", arguments.count == 2 {
  for (number, seed) in fuzzer.seeds().enumerated() { writeFile("\(arguments[1])/seed-\(number)", seed) }
} else {
  for argument in arguments { bytes(of: argument).withView { fuzzer.run($0) } }
}
