import ArgumentParser
import Collector
import Inspect
import MerkleLog

struct Cosign: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Have witnesses cosign a log now.",
    discussion: """
      Sends the log's checkpoint, with a proof that it continues what each witness has seen, to the \
      witnesses of a policy, and writes it with their signatures to the file `cosigned`, once they are \
      enough. A daemon does so by itself: see 'witnesses' in its configuration.

      When a witness says that the log was set back or forked, that is written into the log, as a daemon does \
      it, where the log's private key is.

      Ends with status 0 when enough have signed, 2 when one says that the log was set back or forked, and 3 \
      when too few have signed.

      EXAMPLE
        stele cosign edge --policy witnesses.policy
      """)

  @OptionGroup var log: WritingOptions

  @Option(help: ArgumentHelp("The policy: witnesses, their URLs, how many are enough.", valueName: "file"))
  var policy: String

  @Option(
    help: ArgumentHelp("The authorities (PEM) that sign the witnesses' certificates.", valueName: "file"))
  var ca: String?

  func run() throws {
    let circle = WitnessCircle(
      log.directory, keyStore: log.keyStore.path, try WitnessPolicy(file: policy), authorities: ca)
    guard !circle.isEmpty else { throw PolicyFileError.noWitness(file: policy) }
    guard let outcome = try circle.round() else { throw NoCheckpoint(directory: log.directory) }
    for failure in outcome.failures { StandardError.write("stele: \(failure)\n") }
    let names = outcome.cosigners.sorted().joined(separator: ", ")
    try StandardOutput.print("\(outcome.size) entries: cosigned by \(names.isEmpty ? "nobody" : names)\n")
    if !outcome.alarms.isEmpty {
      raise(outcome.alarms)
      throw Ending(outcome: .damage)
    }
    if !outcome.isWitnessed { throw Ending(outcome: .incomplete) }
  }

  /// Says it first: writing it down may fail.
  private func raise(_ alarms: [WitnessAlarm]) {
    for alarm in alarms { StandardError.write("stele: \(alarm)\n") }
    do {
      let end = try log.withSessionIfPossible { try $0.record(alarms.map(\.record)) }
      if end == nil {
        StandardError.write("stele: this was not written into the log: its private key is not here\n")
      }
    } catch { StandardError.write("stele: this could not be written into the log: \(error)\n") }
  }
}

/// There is nothing yet that could be cosigned.
private struct NoCheckpoint: Error, CustomStringConvertible {
  var directory: String
  var description: String { "\(directory): the log has no checkpoint yet; write one with `stele seal`" }
}
