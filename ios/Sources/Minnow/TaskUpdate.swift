internal import MinnowFFI

/// News of a running call.
public enum TaskUpdate<Value: Sendable>: Sendable {
    /// The share that is done, 0 to 1.
    case progress(Float)
    /// The result; nothing comes after it.
    case done(Value)
}

extension TaskUpdate: Equatable where Value: Equatable {}
extension TaskUpdate: Hashable where Value: Hashable {}
extension TaskUpdate: Codable where Value: Codable {}

/// A call as a stream of its news.
func updates<Value: Sendable>(
    _ call: @escaping @Sendable (Shares) async throws -> Value
) -> AsyncThrowingStream<TaskUpdate<Value>, any Error> {
    streaming { send in
        // a slow reader doesn't hold the model up; a call tells of two hundred steps at most
        send(.done(try await call(Shares { send(.progress($0)) })))
    }
}

/// Passes on how far a call is.
final class Shares: ProgressListener {
    private let send: @Sendable (Float) -> Void

    init(_ send: @escaping @Sendable (Float) -> Void) {
        self.send = send
    }

    func onProgress(share: Float) {
        send(share)
    }
}
