import Foundation
import Minnow
import XCTest

/// The data that the bank's apps share, and the models that tests run on.
enum TestData {
    /// The repository: what the environment says, or where this file lies.
    private static var repository: URL {
        if let path = ProcessInfo.processInfo.environment["MINNOW_ROOT"] { return URL(fileURLWithPath: path) }
        // ios/Bank/Tests/BankCoreTests/TestData.swift
        return (0..<5).reduce(URL(fileURLWithPath: #filePath)) { path, _ in path.deletingLastPathComponent() }
    }

    /// A file of the repository.
    static func file(_ path: String) -> URL {
        repository.appendingPathComponent(path)
    }

    /// The text of a file of the repository.
    static func text(_ path: String) throws -> String {
        try String(contentsOf: file(path), encoding: .utf8)
    }

    /// The text of a file of the bank's.
    static func bank(_ name: String) throws -> String {
        try text("tests/data/bank/\(name)")
    }
}

/// Runs a test with the real model, which is skipped where nobody said where that is.
@MainActor
func withModel(_ test: @MainActor (Assistant) async throws -> Void) async throws {
    let assistant = try await openModel()
    defer { assistant.close() }
    try await test(assistant)
}

/// The real model, on the CPU, since a software GPU would only be slow.
func openModel() async throws -> Assistant {
    guard let path = ProcessInfo.processInfo.environment["MINNOW_TEST_MODEL"] else {
        throw XCTSkip("MINNOW_TEST_MODEL names no model file")
    }
    return try await Assistant.open(URL(fileURLWithPath: path), options: AssistantOptions(device: .cpu, threads: 2))
}

extension XCTestCase {
    /// A folder that a test may fill; it is gone when the test is over.
    func temporaryFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("bank-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        addTeardownBlock { try? FileManager.default.removeItem(at: folder) }
        return folder
    }
}
