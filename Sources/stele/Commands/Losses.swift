import ArgumentParser
import Bytes
import Inspect
import Platform
import SegmentReader

struct Losses: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Print the account of what was received and what was lost.",
    discussion: """
      Reads the log's own statements, no messages: per source and hour what was received, what is known to be \
      lost and where, and what load balancers say themselves (`reconcile:` in the configuration). The hour \
      that is running is stated when it ends.

      LOST is the messages that are not in the log: what the layers counted, or what HAProxy's own numbering \
      misses, where that is more, for it counts the same messages again.

        kernel_udp        no room in the socket's buffer, or a damaged datagram
        refused           the peer is not on the allow list
        rate_limit        the peer sent too much
        connection_limit  connections refused, because there were too many
        cut               the stream ended inside a message; what came of it is stored
        ring              HAProxy's ring was full, and it said so
        counter_gap       numbers of HAProxy's log counter (%lc) that never came
        truncated         stored, but cut by the sender
        overflow          no room in Stele's own buffers
        file_gap          bytes of a followed file that were gone before they were read
        disk_full         the disk was full
        unstored          received, but not stored when the daemon was killed, or could not write to the log

      In a comparison says = stored + lost + in flight + difference. A difference is the least number of \
      requests that have neither an entry nor an accounted loss; what may only be late is in flight.

      EXAMPLES
        stele losses edge --since 1d
        stele losses edge --by day --source web --json
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Option(
    help: ArgumentHelp(
      "From then on: 2026-11-23, 2026-11-23T08:00, RFC 3339, or how long ago: 30m, 2d.", valueName: "time"))
  var since: String?

  @Option(help: ArgumentHelp("Before then.", valueName: "time"))
  var until: String?

  @Option(help: "Add up by hour, day or all.")
  var by = LossReport.Period.hour

  @Option(help: ArgumentHelp("Of one source only.", valueName: "name"))
  var source: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let now = Clock.realtime()
    var report = LossReport(
      by: by, since: try since.map { try SearchQuery.time($0, now: now) },
      until: try until.map { try SearchQuery.time($0, now: now) }, source: source)
    let search = try LogSearch(try LogReader(directory))
    for entry in try search.statements(LossReport.types) { report.take(entry) }
    try StandardOutput.print(json ? report.json.text + "\n" : report.text)
  }
}

extension LossReport.Period: ExpressibleByArgument {}
