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

/// The real encoder that the tests run on.
enum TestEncoder {
    /// The encoder's folder; a test that needs it is skipped where nobody said where it is.
    static func file() throws -> URL {
        guard let path = ProcessInfo.processInfo.environment["MINNOW_TEST_ENCODER"] else {
            throw XCTSkip("MINNOW_TEST_ENCODER names no encoder")
        }
        return URL(fileURLWithPath: path)
    }

    static func open() async throws -> TextEncoder {
        try await TextEncoder.open(file(), options: EncoderOptions(device: .cpu, threads: 2))
    }

    /// What people write to a bank.
    static let examples = [
        LabelledText("I lost my card on the bus", label: "lost_card"),
        LabelledText("Someone stole my purse and my card was in it", label: "lost_card"),
        LabelledText("My card is missing, please block it", label: "lost_card"),
        LabelledText("I left my bank card in a taxi", label: "lost_card"),
        LabelledText("Block my card, it was stolen", label: "lost_card"),
        LabelledText("I can't find my debit card anywhere", label: "lost_card"),
        LabelledText("How many euros do I get for 100 pounds?", label: "exchange_rate"),
        LabelledText("What is the exchange rate for dollars today?", label: "exchange_rate"),
        LabelledText("Is your rate for yen better than last week?", label: "exchange_rate"),
        LabelledText("How much is a Swiss franc worth at your bank", label: "exchange_rate"),
        LabelledText("I want to change money before my holiday, at which rate?", label: "exchange_rate"),
        LabelledText("Tell me the current rate of the euro", label: "exchange_rate"),
        LabelledText("I have moved, here is my new address", label: "address_change"),
        LabelledText("Please update my address", label: "address_change"),
        LabelledText("We are moving house next month, what do I have to do?", label: "address_change"),
        LabelledText("My letters go to the wrong street", label: "address_change"),
        LabelledText("How do I change where my statements are sent?", label: "address_change"),
        LabelledText("I live in Leeds now, no longer in York", label: "address_change"),
    ]
}

/// Runs a test with the real encoder.
func withEncoder(_ body: (TextEncoder) async throws -> Void) async throws {
    let encoder = try await TestEncoder.open()
    defer { encoder.close() }
    try await body(encoder)
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
