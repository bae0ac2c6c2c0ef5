import Bytes
import Events
import Intake
import SegmentWriter

/// Control entries that a daemon writes: one object of JSON each.
enum DaemonRecord {
  /// The first entry after a start, with what recovery did.
  static func started(version: String, isClockSynchronized: Bool?, recovery: RecoveryReport) -> String {
    let clock = isClockSynchronized.map { #""clock_synchronized":\#($0),"# } ?? ""
    return #"{"type":"started","version":\#(JSON.quote(version)),\#(clock)"recovered":"#
      + #"{"torn_bytes":\#(recovery.tornBytes),"unfinished_segments":\#(recovery.unfinishedSegments),"#
      + #""unread_segments":\#(recovery.unreadSegments)}}"#
  }

  /// Declares a source: what its number, which every entry carries, stands for.
  static func source(_ input: DaemonPlan.Input, url: String) -> String {
    #"{"type":"source","id":\#(input.source.id),"name":\#(JSON.quote(input.source.name)),"#
      + #""listen":\#(JSON.quote(url)),"format":\#(JSON.quote(input.definition.format)),"#
      + #""timezone":\#(JSON.quote(input.timezone))\#(minimised(input.definition))}"#
  }

  /// What is not stored of the source's messages.
  private static func minimised(_ definition: SourceDefinition) -> String {
    definition.minimise.map { #","minimize":\#($0.json.text)"# } ?? ""
  }

  /// A source is no more; what it gave since the start, or since it came.
  static func removed(_ source: UInt32, _ status: DaemonStatus.Input) -> String {
    #"{"type":"source_removed","id":\#(source),"name":\#(JSON.quote(status.name)),"#
      + #""received":\#(status.counters.messages),"unparsed":\#(status.unparsed),"#
      + #""lost":\#(status.losses.messages)}"#
  }

  /// Messages that are known to be lost, and between which times.
  static func loss(_ event: LossEvent, source: String) -> String {
    var more = event.peer.map { #","peer":\#(JSON.quote("\($0)"))"# } ?? ""
    if let subject = event.subject { more += #","of":\#(JSON.quote(subject))"# }
    if event.suspected > 0 { more += #","suspected":\#(event.suspected)"# }
    return #"{"type":"loss","source":\#(JSON.quote(source)),"layer":"\#(event.layer.rawValue)","#
      + #""count":\#(event.count),"unit":"\#(event.unit.rawValue)","#
      + #""from":"\#(Timestamp.text(event.from))","to":"\#(Timestamp.text(event.to))"\#(more)}"#
  }

  /// What each source gave in a span of time: how many messages, and how many that fit no format.
  static func account(_ sums: [SourceSum], from: Int64, to: Int64) -> String {
    // One that was replaced has the name of the other.
    var byName: [SourceSum] = []
    for sum in sums {
      if let place = byName.firstIndex(where: { $0.name == sum.name }) {
        byName[place].add(sum)
      } else {
        byName.append(sum)
      }
    }
    let sources = byName.map { sum in
      #"\#(JSON.quote(sum.name)):{"received":\#(sum.received),"unparsed":\#(sum.unparsed)}"#
    }
    return #"{"type":"account","from":"\#(Timestamp.text(from))","to":"\#(Timestamp.text(to))","#
      + #""sources":{\#(sources.joined(separator: ","))}}"#
  }

  /// The last entry of a graceful stop: what each source gave since the start. Sent = received + lost.
  static func stopped(_ status: DaemonStatus) -> String {
    let sources = status.inputs.map { input in
      #"\#(JSON.quote(input.name)):{"received":\#(input.counters.messages),"#
        + #""unparsed":\#(input.unparsed),"lost":\#(input.losses.messages)}"#
    }
    return #"{"type":"stopped","sources":{\#(sources.joined(separator: ","))}}"#
  }
}
