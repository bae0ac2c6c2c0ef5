import ArgumentParser
import Inspect
import MerkleLog
import Platform

struct Cosign: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Have witnesses cosign a log that no daemon writes.",
    discussion: """
      Sends the log's checkpoint, with a proof that it continues what each witness has seen, to the \
      witnesses of a policy, and writes it with their signatures to the file `cosigned`, once they are \
      enough. A daemon does so by itself: see 'witnesses' in its configuration.

      Ends with status 0 when enough have signed, 2 when one says that the log was set back or forked, and 3 \
      when too few have signed.

      EXAMPLE
        stele cosign edge --policy witnesses.policy
      """)

  @Argument(help: "The log's directory.")
  var directory: String

  @Option(help: ArgumentHelp("The policy: witnesses, their URLs, how many are enough.", valueName: "file"))
  var policy: String

  @Option(
    help: ArgumentHelp("The authorities (PEM) that sign the witnesses' certificates.", valueName: "file"))
  var ca: String?

  func run() throws {
    let circle = WitnessCircle(directory, try WitnessPolicy(file: policy), authorities: ca)
    guard !circle.isEmpty else { throw PolicyFileError.noWitness(file: policy) }
    let lock = try Directory(directory)
    guard try lock.tryLock() else {
      throw CosignError(text: "\(directory): a daemon writes to this log; give it 'witnesses'")
    }
    guard let outcome = try circle.round() else {
      throw CosignError(text: "\(directory): the log has no checkpoint yet; write one with `stele seal`")
    }
    for alarm in outcome.alarms { StandardError.write("stele: \(alarm)\n") }
    for failure in outcome.failures { StandardError.write("stele: \(failure)\n") }
    let names = outcome.cosigners.sorted().joined(separator: ", ")
    try StandardOutput.print("\(outcome.size) entries: cosigned by \(names.isEmpty ? "nobody" : names)\n")
    if !outcome.alarms.isEmpty { throw Ending(outcome: .damage) }
    if !outcome.isWitnessed { throw Ending(outcome: .incomplete) }
  }
}

/// Why a log cannot be cosigned.
private struct CosignError: Error, CustomStringConvertible {
  var text: String
  var description: String { text }
}
