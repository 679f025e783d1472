import Foundation
import MinnowFFI
import XCTest

@testable import Minnow

/// Errors as they come from the native library.
final class NativeErrorsTests: XCTestCase {
    func testAPanicInRustIsAnErrorAndTheNextCallWorks() async throws {
        let error = try await failure { try await calling { try await rehearsePanic() } }
        XCTAssertEqual(error.kind, "internal")
        XCTAssert(error.localizedDescription.contains("a panic at"), error.localizedDescription)
        XCTAssert(error.localizedDescription.contains("lib.rs"), error.localizedDescription)
        XCTAssertEqual(Minnow.version.split(separator: ".").count, 3)
    }

    func testEveryErrorHasACaseWithItsWords() async throws {
        let natives: [(MinnowFFI.MinnowError, String)] = [
            (.ModelFile(reason: "words"), "modelFile"),
            (.Unsupported(reason: "words"), "unsupported"),
            (.InvalidInput(field: "field", reason: "words"), "invalidInput"),
            (.ImpossibleDate(reason: "words"), "impossibleDate"),
            (.Device(reason: "words"), "device"),
            (.ContextFull(needed: 2, available: 1, reason: "words"), "contextFull"),
            (.Memory(needed: 2, available: 1, reason: "words"), "memory"),
            (.Storage(reason: "words"), "storage"),
            (.Catalogue(reason: "words"), "catalogue"),
            (.LicenceNotAccepted(licence: "terms", url: "address", reason: "words"), "licenceNotAccepted"),
            (.NotStored(reason: "words"), "notStored"),
            (.Download(reason: "words"), "download"),
            (.Internal(reason: "words"), "internal"),
        ]
        for (native, kind) in natives {
            let error = try await failure { try await calling { throw native } }
            XCTAssertEqual(error.kind, kind)
            XCTAssertEqual(error.localizedDescription, "words")
        }
        let closed = try await failure { try await calling { throw MinnowFFI.MinnowError.Closed } }
        XCTAssertEqual(closed.kind, "closed")
    }

    func testAnErrorOfTheAppsOwnListenerEndsTheCallThatItListensTo() async throws {
        final class Broken: TextListener {
            struct Bug: Error {}

            func onText(piece: String) throws { throw Bug() }
        }
        let options = OpenOptions(device: .cpu, threads: 2, cacheFolder: nil)
        let assistant = try await openAssistant(path: TestModel.file().path, options: options)
        let chat = try await assistant.chat(options: .init(instruction: nil, history: [], contextTokens: nil))
        let error = try await failure {
            try await calling {
                try await chat.say(
                    text: "Tell me a story",
                    options: .init(maxTokens: 64, sampling: nil, timeLimitMs: nil, jsonSchema: nil),
                    listener: Broken())
            }
        }
        XCTAssertEqual(error.kind, "internal")
        let count = try await chat.messages().count
        XCTAssertEqual(count, 2)
    }
}
