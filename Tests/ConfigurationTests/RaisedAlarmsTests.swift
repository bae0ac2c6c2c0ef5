import Testing

@testable import stele

/// A witness that goes on saying the same is written down once: each entry makes the log grow.
@Suite struct RaisedAlarmsTests {
  private static func alarm(_ kind: WitnessAlarm.Kind, _ witness: String, ours: UInt64) -> WitnessAlarm {
    WitnessAlarm(kind: kind, witness: witness, size: 1000, ours: ours)
  }

  @Test func onlyWhatIsNewIsNews() {
    var raised = RaisedAlarms()
    func news(_ alarms: [WitnessAlarm], cosigners: [String] = []) -> [WitnessAlarm] {
      raised.takeNews(WitnessCircle.Outcome(cosigners: cosigners, alarms: alarms))
    }
    let first = Self.alarm(.rollback, "w1", ours: 900)
    #expect(news([first]) == [first])
    let grown = Self.alarm(.rollback, "w1", ours: 902)
    let other = Self.alarm(.rollback, "w2", ours: 902)
    #expect(news([grown, other]) == [other])
    #expect(raised.alarms == [grown, other])
    let fork = Self.alarm(.fork, "w1", ours: 1001)
    #expect(news([fork]) == [fork])
    // It cosigned again; then it is news once more.
    #expect(news([], cosigners: ["w1"]) == [] && raised.alarms == [other])
    #expect(news([fork]) == [fork])
  }
}
