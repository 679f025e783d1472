import Foundation
import XCTest

/// What the generated code must look like for a cancelled task to reach the engine.
final class CancellingTests: XCTestCase {
    func testEveryKindOfFutureCanBeCancelled() throws {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let sources = package.appendingPathComponent("Sources/MinnowFFI")
        let generated = try String(contentsOf: sources.appendingPathComponent("MinnowFFI.swift"), encoding: .utf8)
        let ours = try String(contentsOf: sources.appendingPathComponent("Cancelling.swift"), encoding: .utf8)
        let used = Set(generated.matches(of: /ffi_minnow_ffi_rust_future_(poll|complete|free)_[a-z0-9_]+/).map { String($0.output.0) })
        XCTAssertFalse(used.isEmpty)
        for function in used {
            XCTAssert(ours.contains("func \(function)("), "Cancelling.swift has no \(function)")
        }
    }
}
