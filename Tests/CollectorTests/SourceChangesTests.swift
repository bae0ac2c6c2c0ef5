// Which source keeps its number and its sockets when the list of sources changes.
import Intake
import Platform
import Testing

@testable import Collector

@Suite struct SourceChangesTests {
  private func input(_ name: String, _ endpoint: Source.Endpoint, id: UInt32 = 0) -> DaemonPlan.Input {
    DaemonPlan.Input(
      Source(id: id, name: name, endpoint: endpoint),
      SourceDefinition(name: name, templates: [], format: "auto"), timezone: "UTC")
  }

  private func udp(_ port: UInt16, sockets: Int = 1) -> Source.Endpoint {
    .udp(.ip(IPAddress("127.0.0.1")!, port: port), sockets: sockets)
  }
  private func tcp(_ port: UInt16) -> Source.Endpoint { .tcp(.ip(IPAddress("127.0.0.1")!, port: port)) }

  private func changes(_ new: [DaemonPlan.Input], changed: Set<String> = []) -> SourceChanges {
    let old = [
      input("a", udp(1), id: 1), input("b", tcp(1), id: 2), input("c", udp(0), id: 5),
      input("d", .unixDatagram(path: "/d"), id: 3),
    ]
    return SourceChanges(from: old, to: new, changed: changed, lastID: 5)
  }

  private func fates(_ changes: SourceChanges) -> [String] {
    changes.inputs.map { "\($0.input.source.name) \($0.input.source.id) \($0.fate)" }
  }

  @Test func whatIsTheSameIsKept() {
    let changes = changes(
      [
        input("d", .unixDatagram(path: "/d")), input("c", udp(0)), input("b", tcp(1)), input("a", udp(1)),
      ], changed: ["b"])
    #expect(fates(changes) == ["d 3 kept", "c 5 kept", "b 2 changed", "a 1 kept"])
    #expect(changes.removed.isEmpty && !changes.hasNew)
  }

  @Test func anotherAddressIsANewSourceAndTheOldOneGoes() {
    let changes = changes([input("a", udp(2)), input("b", tcp(1)), input("c", udp(0))])
    #expect(fates(changes) == ["a 6 added", "b 2 kept", "c 5 kept"])
    #expect(changes.removed == [1, 3] && changes.hasNew && changes.lastID == 6)
  }

  /// A socket file is of one type: the datagram socket at the same path cannot go on as a listening one.
  @Test func aUnixSocketOfAnotherTypeIsANewSource() {
    let stream = input("s", .unixStream(path: "/d"), id: 6)
    let kept = SourceChanges(
      from: [stream], to: [input("s", .unixStream(path: "/d"))], changed: [], lastID: 6)
    #expect(fates(kept) == ["s 6 kept"])
    let renamed = SourceChanges(
      from: [stream], to: [input("t", .unixStream(path: "/d"))], changed: [], lastID: 6)
    #expect(fates(renamed) == ["t 7 takesOver(6)"])
    #expect(fates(changes([input("d", .unixStream(path: "/d"))])) == ["d 6 added"])
  }

  @Test func anotherNameTakesTheSocketOver() {
    let changes = changes([input("x", udp(1)), input("y", tcp(1)), input("z", .unixDatagram(path: "/d"))])
    #expect(fates(changes) == ["x 6 takesOver(1)", "y 7 takesOver(2)", "z 8 takesOver(3)"])
    #expect(changes.removed == [1, 2, 3, 5])
  }

  /// Two names change places: each stays with its address, and neither socket is closed.
  @Test func namesThatChangePlacesTakeEachOthersSockets() {
    let changes = changes([input("a", .unixDatagram(path: "/d")), input("d", udp(1))])
    #expect(fates(changes) == ["a 6 takesOver(3)", "d 7 takesOver(1)"])
  }

  @Test func aPortOfTheKernelsChoiceIsOnlyItsOwnSources() {
    let changes = changes([input("e", udp(0))])
    #expect(fates(changes) == ["e 6 added"])
  }

  @Test func anotherNumberOfSocketsIsAnotherAddress() {
    #expect(fates(changes([input("a", udp(1, sockets: 2))])) == ["a 6 added"])
  }
}
