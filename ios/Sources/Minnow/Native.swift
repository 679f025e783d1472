import Foundation
internal import MinnowFFI

// Crossing into the native library: with errors that an app can use, and with the end of a call when its task is cancelled.

/// Calls the native library. Functions that are `async` and belong to no actor run on Swift's own threads, so what a call takes before it
/// waits, such as handing a long text over, never holds the main thread.
func calling<Value>(_ call: () async throws -> Value) async throws -> Value {
    try Task.checkCancellation()
    do {
        return try await cancellable(call)
    } catch let error as MinnowFFI.MinnowError {
        // a call that ends because its task was cancelled ends as tasks do
        try Task.checkCancellation()
        throw MinnowError(error)
    } catch let error as MinnowError {
        throw error
    } catch {
        throw MinnowError.internal("the native library failed: \(error.localizedDescription)")
    }
}

/// A count for the native library, which has no negative ones.
func positive(_ count: Int, _ argument: String) throws -> UInt32 {
    guard count >= 0 else {
        throw MinnowError.invalidInput(argument: argument, message: "\(count), expected at least 1 (\(argument))")
    }
    return UInt32(clamping: count)
}

/// Where a file is, for the native library.
func filePath(_ file: URL, _ argument: String) throws -> String {
    guard file.isFileURL else {
        throw MinnowError.invalidInput(argument: argument, message: "expected the URL of a file (\(argument))")
    }
    return file.path
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
