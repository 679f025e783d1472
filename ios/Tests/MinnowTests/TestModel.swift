import Foundation
import Minnow
import XCTest

/// The real model that the tests run on.
enum TestModel {
    /// How tests open it: on the CPU, since a software GPU would only be slow.
    static let options = AssistantOptions(device: .cpu, threads: 2)

    /// The model file; a test that needs it is skipped where nobody said where it is.
    static func file() throws -> URL {
        guard let path = ProcessInfo.processInfo.environment["MINNOW_TEST_MODEL"] else {
            throw XCTSkip("MINNOW_TEST_MODEL names no model file")
        }
        return URL(fileURLWithPath: path)
    }

    static func open() async throws -> Assistant {
        try await Assistant.open(file(), options: options)
    }
}

/// Runs a test with the real model.
func withModel(_ body: (Assistant) async throws -> Void) async throws {
    let assistant = try await TestModel.open()
    defer { assistant.close() }
    try await body(assistant)
}

/// What `call` fails with; a call that doesn't fail is a failed test.
func failure<Value>(
    file: StaticString = #filePath,
    line: UInt = #line,
    _ call: () async throws -> Value
) async throws -> MinnowError {
    do {
        _ = try await call()
    } catch let error as MinnowError {
        return error
    }
    XCTFail("it did not fail", file: file, line: line)
    throw XCTSkip("it did not fail")
}

/// The call ends as a cancelled task does.
func assertCancelled<Value>(_ call: Task<Value, any Error>, file: StaticString = #filePath, line: UInt = #line) async {
    let result = await call.result
    XCTAssertThrowsError(try result.get(), file: file, line: line) {
        XCTAssert($0 is CancellationError, "\($0)", file: file, line: line)
    }
}

extension MinnowError {
    /// The case's name.
    var kind: String {
        Mirror(reflecting: self).children.first?.label ?? "\(self)"
    }

    /// The argument that is out of its range.
    var argument: String? {
        if case .invalidInput(let argument, _) = self { argument } else { nil }
    }
}

/// Everything that a stream gives.
func all<Element: Sendable>(_ stream: AsyncThrowingStream<Element, any Error>) async throws -> [Element] {
    var elements: [Element] = []
    for try await element in stream { elements.append(element) }
    return elements
}

/// How long `call` takes.
func time(_ call: () async throws -> Void) async rethrows -> Duration {
    try await ContinuousClock().measure { try await call() }
}

extension XCTestCase {
    /// A folder that a test may fill; it is gone when the test is over.
    func temporaryFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("minnow-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        addTeardownBlock { try? FileManager.default.removeItem(at: folder) }
        return folder
    }
}

/// Resident bytes of this process.
func residentBytes() throws -> Int {
    guard let pages = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1] else {
        throw XCTSkip("this system doesn't say how much memory is resident")
    }
    return (Int(pages) ?? 0) * 4096
}
