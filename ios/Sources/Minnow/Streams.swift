import Foundation

// Answers that come piece by piece, and their order.

/// A stream of what `call` sends. The call starts at once and is cancelled when the reader is: when its task is cancelled, which then throws
/// as every call of a cancelled task does, or when it lets go of the stream. Nothing is lost to a slow reader.
func streaming<Element: Sendable>(
    _ call: @escaping @Sendable (_ send: @escaping @Sendable (Element) -> Void) async throws -> Void
) -> AsyncThrowingStream<Element, any Error> {
    AsyncThrowingStream(bufferingPolicy: .unbounded) { stream in
        let task = Task {
            do {
                try await call { stream.yield($0) }
                stream.finish()
            } catch {
                stream.finish(throwing: error)
            }
        }
        stream.onTermination = { reason in
            guard case .cancelled = reason else { return }
            // before the stream ends by itself, without a word
            stream.finish(throwing: CancellationError())
            task.cancel()
        }
    }
}

/// Lets one task through at a time, in the order in which they came.
final class Turns: Sendable {
    private struct State {
        var taken = false
        var waiting: [(id: UUID, turn: CheckedContinuation<Void, any Error>)] = []
    }

    private let state = Locked(State())

    /// Waits for its turn, then does `act`. A task that is cancelled while it waits never does.
    func take<Value>(_ act: () async throws -> Value) async throws -> Value {
        try await enter()
        defer { leave() }
        return try await act()
    }

    private func enter() async throws {
        let id = UUID()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { turn in
                let outcome: Result<Void, any Error>? = state.with { state in
                    // the handler below may have run before there was something to remove
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if !state.taken {
                        state.taken = true
                        return .success(())
                    }
                    state.waiting.append((id, turn))
                    return nil
                }
                if let outcome { turn.resume(with: outcome) }
            }
        } onCancel: {
            let removed = state.with { state in
                state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0).turn }
            }
            removed?.resume(throwing: CancellationError())
        }
    }

    private func leave() {
        let next = state.with { state in
            if state.waiting.isEmpty {
                state.taken = false
                return nil as CheckedContinuation<Void, any Error>?
            }
            return state.waiting.removeFirst().turn
        }
        next?.resume()
    }
}
