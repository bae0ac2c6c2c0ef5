import Bytes
import Events
import Intake
import SegmentWriter

/// Control entries that a daemon writes: one object of JSON each.
enum DaemonRecord {
  /// The first entry after a start, with what recovery did.
  static func started(version: String, recovery: RecoveryReport) -> String {
    #"{"type":"started","version":\#(JSON.quote(version)),"recovered":"#
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

  /// Messages that are known to be lost, and between which times.
  static func loss(_ event: LossEvent, source: String) -> String {
    #"{"type":"loss","source":\#(JSON.quote(source)),"layer":"\#(event.layer.rawValue)","#
      + #""count":\#(event.count),"from":"\#(Timestamp.text(event.from))","#
      + #""to":"\#(Timestamp.text(event.to))"}"#
  }

  /// The last entry of a graceful stop: what each source gave since the start. Sent = received + lost.
  static func stopped(_ status: DaemonStatus) -> String {
    let sources = status.inputs.map { input in
      #"\#(JSON.quote(input.name)):{"received":\#(input.counters.messages),"#
        + #""unparsed":\#(input.unparsed),"lost":\#(input.counters.kernelDrops)}"#
    }
    return #"{"type":"stopped","sources":{\#(sources.joined(separator: ","))}}"#
  }
}
