// swift-format-ignore-file

import CMinnow
import Foundation

// The generated calls don't hear of a cancelled task: they wait for the Rust future to its end. The native library stops a call when its
// future is dropped, so all that is missing is somebody who tells the future. The generated code finds the functions below by their names,
// for what a module declares itself comes before what it imports; each notes its future and then calls the C function of its name. There
// is one set for each kind of value that an async function returns: an object or number (u64), a record or string (rust_buffer), nothing (void).

/// Makes the call of `body` end early with `MinnowError.Cancelled` when its task is cancelled: the Rust future is dropped.
///
/// `body` is one call at a time; two at once in child tasks would be taken for one.
public func cancellable<Value>(_ body: () async throws -> Value) async throws -> Value {
    let call = RustCall()
    return try await withTaskCancellationHandler {
        try await RustCall.$current.withValue(call, operation: body)
    } onCancel: {
        call.cancel()
    }
}

/// A call on its way, for as long as its future lives.
private final class RustCall: @unchecked Sendable {
    /// The call that the task is making.
    @TaskLocal static var current: RustCall?

    // Held while the future is told: it is not freed meanwhile.
    private let lock = NSLock()
    private var cancelled = false
    private var cancelFuture: (() -> Void)?

    func cancel() {
        lock.lock()
        defer { lock.unlock() }
        cancelled = true
        cancelFuture?()
    }

    /// The future is about to be polled.
    func begin(_ cancelFuture: @escaping () -> Void) {
        lock.lock()
        defer { lock.unlock() }
        self.cancelFuture = cancelFuture
        if cancelled { cancelFuture() }
    }

    /// The future is about to be freed.
    func end() {
        lock.lock()
        defer { lock.unlock() }
        cancelFuture = nil
    }
}

/// The generated code has no word for a dropped future, and would end the process: it gets the error of a cancelled call.
private func nameCancelled(_ status: UnsafeMutablePointer<RustCallStatus>) {
    let (error, cancelled): (Int8, Int8) = (1, 3)
    guard status.pointee.code == cancelled else { return }
    status.pointee.code = error
    status.pointee.errorBuf = FfiConverterTypeMinnowError_lower(.Cancelled)
}

func ffi_minnow_ffi_rust_future_poll_u64(
    _ future: UInt64,
    _ callback: @escaping UniffiRustFutureContinuationCallback,
    _ data: UInt64
) {
    RustCall.current?.begin { ffi_minnow_ffi_rust_future_cancel_u64(future) }
    CMinnow.ffi_minnow_ffi_rust_future_poll_u64(future, callback, data)
}

func ffi_minnow_ffi_rust_future_complete_u64(_ future: UInt64, _ status: UnsafeMutablePointer<RustCallStatus>) -> UInt64 {
    defer { nameCancelled(status) }
    return CMinnow.ffi_minnow_ffi_rust_future_complete_u64(future, status)
}

func ffi_minnow_ffi_rust_future_free_u64(_ future: UInt64) {
    RustCall.current?.end()
    CMinnow.ffi_minnow_ffi_rust_future_free_u64(future)
}

func ffi_minnow_ffi_rust_future_poll_rust_buffer(
    _ future: UInt64,
    _ callback: @escaping UniffiRustFutureContinuationCallback,
    _ data: UInt64
) {
    RustCall.current?.begin { ffi_minnow_ffi_rust_future_cancel_rust_buffer(future) }
    CMinnow.ffi_minnow_ffi_rust_future_poll_rust_buffer(future, callback, data)
}

func ffi_minnow_ffi_rust_future_complete_rust_buffer(
    _ future: UInt64,
    _ status: UnsafeMutablePointer<RustCallStatus>
) -> RustBuffer {
    defer { nameCancelled(status) }
    return CMinnow.ffi_minnow_ffi_rust_future_complete_rust_buffer(future, status)
}

func ffi_minnow_ffi_rust_future_free_rust_buffer(_ future: UInt64) {
    RustCall.current?.end()
    CMinnow.ffi_minnow_ffi_rust_future_free_rust_buffer(future)
}

func ffi_minnow_ffi_rust_future_poll_void(
    _ future: UInt64,
    _ callback: @escaping UniffiRustFutureContinuationCallback,
    _ data: UInt64
) {
    RustCall.current?.begin { ffi_minnow_ffi_rust_future_cancel_void(future) }
    CMinnow.ffi_minnow_ffi_rust_future_poll_void(future, callback, data)
}

func ffi_minnow_ffi_rust_future_complete_void(_ future: UInt64, _ status: UnsafeMutablePointer<RustCallStatus>) {
    CMinnow.ffi_minnow_ffi_rust_future_complete_void(future, status)
    nameCancelled(status)
}

func ffi_minnow_ffi_rust_future_free_void(_ future: UInt64) {
    RustCall.current?.end()
    CMinnow.ffi_minnow_ffi_rust_future_free_void(future)
}
