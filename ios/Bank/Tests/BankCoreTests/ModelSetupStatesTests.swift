import Foundation
import Minnow
import XCTest

@testable import BankCore

/// The way to an open assistant, with a source that says what a test wants: what the real one does too fast to be seen, or not here.
final class ModelSetupStatesTests: XCTestCase {
    func testAModelThatCanNotBeRunIsUnsupported() async throws {
        try await settingUp(FakeSource(.unavailable)) { setup in
            setup.start()
            let problem = try await value { setup.problem }
            XCTAssertEqual(problem, .unsupported)
        }
    }

    func testADownloadThatAnotherStartOfTheAppBeganGoesOn() async throws {
        let source = FakeSource(.downloading)
        try await settingUp(source) { setup in
            setup.start()
            source.news.yield(.progress(totalBytesDownloaded: 70, bytesToDownload: 100))
            try await until { setup.bytesHere == 70 }
            source.news.yield(.completed(URL(fileURLWithPath: "/model")))
            try await until { setup.isReady }
        }
    }

    func testADownloadThatIsCancelledBeforeItBeganIsOfferedAgain() async throws {
        try await settingUp(FakeSource(.downloadable)) { setup in
            setup.start()
            _ = try await value { setup.missing }
            setup.download()
            XCTAssertEqual(setup.state.share, 0)
            setup.cancel()
            let missing = try await value { setup.missing }
            XCTAssertEqual(missing, 100)
        }
    }

    func testAModelThatIsNoModelAnyMoreIsFetchedAnew() async throws {
        let source = FakeSource(.available, failing: .modelFile("damaged"))
        try await settingUp(source) { setup in
            setup.start()
            let problem = try await value { setup.problem }
            XCTAssertEqual(problem, .modelDamaged)
            setup.retry()
            XCTAssertEqual(setup.state.share, 0, "it is fetched at once")
        }
    }
}

@MainActor
private func settingUp(_ source: FakeSource, _ test: @MainActor (ModelSetup) async throws -> Void) async throws {
    let setup = ModelSetup(source)
    defer { setup.cancel() }
    try await test(setup)
}

private final class FakeSource: ModelSource {
    let news: AsyncThrowingStream<DownloadStatus, any Error>.Continuation
    private let stream: AsyncThrowingStream<DownloadStatus, any Error>
    private let status: FeatureStatus
    private let failure: MinnowError?

    init(_ status: FeatureStatus, failing failure: MinnowError? = nil) {
        self.status = status
        self.failure = failure
        (stream, news) = AsyncThrowingStream.makeStream()
    }

    func model() -> Model {
        Model(
            name: "fish", architecture: "llama", quantisation: "Q4_0", bytes: 100, licence: "", licenceURL: "",
            licenceMustBeAccepted: false, status: status)
    }

    func download() -> AsyncThrowingStream<DownloadStatus, any Error> { stream }

    func file() -> URL { URL(fileURLWithPath: "/model") }

    func open(_ file: URL) throws -> any BankAssistant {
        if let failure { throw failure }
        return FakeAssistant()
    }
}
