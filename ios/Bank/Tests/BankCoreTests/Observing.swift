import Foundation
import Observation

/// What `read` gives as soon as it gives something: now, or after a change of what it looks at.
///
/// - Parameter limit: against hanging only: machines that are busy take their time.
@MainActor
func value<Value>(within limit: Duration = .seconds(300), _ read: () -> Value?) async throws -> Value {
    let (changes, change) = AsyncStream.makeStream(of: Void.self)
    let alarm = Task {
        try await Task.sleep(for: limit)
        change.finish()
    }
    defer { alarm.cancel() }
    var next = changes.makeAsyncIterator()
    while true {
        if let value = withObservationTracking(read, onChange: { change.yield() }) { return value }
        guard await next.next() != nil else { throw Hanging(limit: limit) }
    }
}

/// Waits until something holds.
@MainActor
func until(_ holds: () -> Bool) async throws {
    try await value { holds() ? () : nil }
}

/// What a test waits for never came.
struct Hanging: Error {
    let limit: Duration
}

/// A value that several threads use, one at a time.
final class Locked<Value>: @unchecked Sendable {
    // The lock is why this may be sent: nothing gets at the value but through it.
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) {
        self.value = value
    }

    func with<Result>(_ act: (inout Value) throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try act(&value)
    }
}
