import Bytes
import Formats
import Templates
import Testing

@testable import Collector

@Suite struct FormatElectionTests {
  private var election: FormatElection {
    FormatElection(source: "s", names: ["a/one", "a/two", "a/two", "a/three"])
  }

  @Test func nothingIsChosenBeforeTheLastTrialLine() {
    var election = election
    for _ in 1..<FormatElection.trialLines { #expect(election.observe([nil, 10, nil, 5]) == nil) }
    #expect(election.isOpen && election.evidence.leader == "a/two" && election.remembered.isEmpty)
    let choice = election.observe([nil, nil, 10, 5])
    #expect(choice?.format == "a/two" && choice?.fitting == 64 && choice?.lines == 64)
    #expect(choice?.runnerUp == "a/three" && choice?.runnerUpFitting == 64)
    #expect(election.remembered == 1..<3 && election.order == [1, 2, 3, 0])
  }

  /// More lines count, but a line that fits a particular format says more than one that fits a loose one.
  @Test func pointsAreLinesTimesHowMuchEachSays() {
    var election = election
    for number in 0..<64 { _ = election.observe([10, number % 8 == 0 ? nil : 40, nil, nil]) }
    #expect(election.choice?.format == "a/two" && election.choice?.fitting == 56)
    #expect(election.choice?.runnerUp == "a/one" && election.choice?.runnerUpFitting == 64)
  }

  @Test func withoutAnyFitNothingIsPreferred() {
    var election = election
    for _ in 0..<64 { _ = election.observe([nil, nil, nil, nil]) }
    #expect(election.choice != nil && election.choice?.format == nil && election.remembered.isEmpty)
    // Some thousand lines later one format turns up.
    #expect(election.count([0, 0, 0, 63, 4100]) == nil)
    let choice = election.count([0, 0, 0, 64, 4100])
    #expect(choice?.format == "a/three" && choice?.reason == .sustained)
  }

  @Test func fewLinesChooseAtTheEnd() {
    var election = election
    #expect(election.conclude() == nil)
    _ = election.observe([7, nil, nil, nil])
    let choice = election.conclude()
    #expect(choice?.format == "a/one" && choice?.reason == .end && choice?.lines == 1)
    #expect(election.conclude() == nil)
  }

  @Test func onlySustainedEvidenceChangesTheChoice() {
    var election = election
    for _ in 0..<64 { _ = election.observe([10, nil, nil, nil]) }
    // Half of the lines still fit.
    #expect(election.count([2048, 2048, 0, 0, 0]) == nil)
    // Less than half fit, but nothing else fits more.
    #expect(election.count([1500, 700, 700, 1400, 3000]) == nil)
    // Not enough lines yet, then enough.
    #expect(election.count([0, 4000, 0, 0, 0]) == nil)
    let choice = election.count([0, 96, 0, 0, 0])
    #expect(choice?.format == "a/two" && choice?.previous == "a/one" && choice?.fitting == 4096)
    #expect(choice?.record.contains(#""why":"sustained","runner_up""#) == false)
    #expect(choice?.record.contains(#""previous":"a/one""#) == true)
    #expect(election.evidence.lines == 64 + 4096 + 7300 + 4000 + 96)
  }
}
