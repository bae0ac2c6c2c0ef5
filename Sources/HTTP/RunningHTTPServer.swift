import Dispatch
import Synchronization

/// A server that runs by itself, for those who are not a service among others. It works even while all
/// threads of the concurrency runtime are blocked, as they are in tests that wait for an answer.
public final class RunningHTTPServer: Sendable {
  /// Where it listens, with the port that was chosen.
  public let address: HTTPListenAddress
  private let task: Task<Void, Never>
  private let ended: DispatchSemaphore
  private let load = HTTPServer.Load()

  /// Starts a server and waits until it listens. Blocks.
  public init(
    _ address: HTTPListenAddress, _ routes: [HTTPRoute], _ limits: HTTPServer.Limits = HTTPServer.Limits()
  ) throws(HTTPServerError) {
    let begun = DispatchSemaphore(value: 0)
    let ended = DispatchSemaphore(value: 0)
    let outcome = Outcome()
    var server = HTTPServer(address, routes, limits) { bound in
      outcome.value.withLock { $0 = .success(bound) }
      begun.signal()
    }
    server.load = load
    task = Task.detached(executorPreference: QueueExecutor()) { [server] in
      do { try await server.run() } catch {
        let error = error as? HTTPServerError ?? HTTPServerError(address: address, cause: "\(error)")
        outcome.value.withLock { $0 = $0 ?? .failure(error) }
      }
      begun.signal()
      ended.signal()
    }
    begun.wait()
    self.ended = ended
    switch outcome.value.withLock({ $0 }) {
    case .success(let bound)?: self.address = bound
    case .failure(let error)?: throw error
    case nil: throw HTTPServerError(address: address, cause: "the server ended at once")
    }
  }

  /// Answers what is under way, takes nothing more, and waits for the end. Blocks. To be called once.
  public func stop() {
    load.drain()
    task.cancel()
    ended.wait()
  }

  private final class Outcome: Sendable {
    let value = Mutex<Result<HTTPListenAddress, HTTPServerError>?>(nil)
  }
}

extension HTTPServer {
  /// Requests that are being answered.
  final class Load: Sendable {
    private struct State {
      var requests = 0
      var isClosed = false
    }
    private let state = Mutex(State())
    private let idle = DispatchSemaphore(value: 0)
    /// Longest time that `drain` waits, seconds.
    private static let patience = 5.0

    /// False when no more requests are taken.
    func enter() -> Bool {
      state.withLock { state in
        if !state.isClosed { state.requests += 1 }
        return !state.isClosed
      }
    }

    func leave() {
      let isLast = state.withLock { state in
        state.requests -= 1
        return state.isClosed && state.requests == 0
      }
      if isLast { idle.signal() }
    }

    /// Takes no more requests, and waits until those under way are answered.
    func drain() {
      let isIdle = state.withLock { state in
        state.isClosed = true
        return state.requests == 0
      }
      if !isIdle { _ = idle.wait(timeout: .now() + Self.patience) }
    }
  }
}

/// Runs tasks on threads of Dispatch.
private final class QueueExecutor: TaskExecutor {
  private let queue = DispatchQueue(label: "stele.http", attributes: .concurrent)

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}
