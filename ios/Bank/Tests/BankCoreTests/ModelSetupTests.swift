import Foundation
import Minnow
import XCTest

@testable import BankCore

/// The way to an open assistant, through Minnow's real store and a network of the test's own.
final class ModelSetupTests: XCTestCase {
    func testAMissingModelIsOfferedFetchedAndOpened() async throws {
        let store = try TestStore(temporaryFolder())
        try await store.settingUp { setup, opened in
            setup.start()
            let missing = try await value { setup.missing }
            XCTAssertEqual(missing, Int64(store.model.bytes.count))
            setup.download()
            try await until { setup.isReady }
            XCTAssertEqual(opened.count, 1)
        }
    }

    func testAModelThatIsHereIsOpenedAtTheNextStartWithoutANetwork() async throws {
        let store = try TestStore(temporaryFolder())
        try await store.settingUp { setup, _ in
            setup.download()
            try await until { setup.isReady }
        }
        store.network.condition = .down
        try await store.settingUp { setup, _ in
            setup.start()
            try await until { setup.isReady }
        }
    }

    func testAFailedDownloadSaysSoAndCanBeTriedAgain() async throws {
        let store = try TestStore(temporaryFolder())
        store.network.condition = .down
        try await store.settingUp { setup, _ in
            setup.download()
            let problem = try await value { setup.problem }
            XCTAssertEqual(problem, .noDownload)
            store.network.condition = .up
            setup.retry()
            _ = try await value { setup.missing }
            setup.download()
            try await until { setup.isReady }
        }
    }

    func testADownloadCanBeCancelledAndIsOfferedAgain() async throws {
        let store = try TestStore(temporaryFolder())
        store.network.condition = .stuck
        try await store.settingUp { setup, _ in
            setup.download()
            try await until { setup.bytesHere > 0 }
            setup.cancel()
            let missing = try await value { setup.missing }
            XCTAssertEqual(missing, Int64(store.model.bytes.count))
        }
    }

    func testStartingAgainWhileSomethingRunsChangesNothing() async throws {
        let store = try TestStore(temporaryFolder())
        try await store.settingUp { setup, opened in
            setup.download()
            setup.start()
            XCTAssertTrue(setup.isDownloading)
            setup.download()
            try await until { setup.isReady }
            setup.start()
            XCTAssertTrue(setup.isReady)
            XCTAssertEqual(opened.count, 1)
        }
    }

    func testADamagedModelIsFetchedAnew() async throws {
        let store = try TestStore(temporaryFolder())
        try await store.settingUp { setup, _ in
            setup.download()
            try await until { setup.isReady }
        }
        let file = try await store.open().file(TinyModel.name)
        try Data(count: store.model.bytes.count).write(to: file)
        try await store.settingUp { setup, opened in
            setup.start()
            let problem = try await value { setup.problem }
            XCTAssertEqual(problem, .modelDamaged)
            setup.retry()
            try await until { setup.isReady }
            XCTAssertEqual(opened.count, 1)
        }
    }
}

/// A store in a folder, with a network that a test can take away.
private struct TestStore: Sendable {
    let model: TinyModel
    let network: TestNetwork
    let folder: URL

    init(_ folder: URL) throws {
        model = try TinyModel()
        network = TestNetwork(model)
        self.folder = folder
    }

    func open() async throws -> ModelStore {
        try await ModelStore.open(folder.appendingPathComponent("models"), catalogue: model.catalogue, client: network)
    }

    @MainActor
    func settingUp(_ test: @MainActor (ModelSetup, Opened) async throws -> Void) async throws {
        let opened = Opened()
        let source = MinnowModelSource(TinyModel.name, openStore: open) { opened.assistants.append($0) }
        let setup = ModelSetup(source)
        defer {
            setup.cancel()
            for assistant in opened.assistants { assistant.close() }
        }
        try await test(setup, opened)
    }
}

/// What was opened.
@MainActor
private final class Opened {
    var assistants: [Assistant] = []
    var count: Int { assistants.count }
}

/// What tests look at.
extension ModelSetup {
    var isReady: Bool {
        if case .ready = state { true } else { false }
    }

    var isDownloading: Bool {
        if case .downloading = state { true } else { false }
    }

    var missing: Int64? {
        if case .missing(let bytes) = state { bytes } else { nil }
    }

    var problem: Problem? {
        if case .failed(let problem) = state { problem } else { nil }
    }

    var bytesHere: Int64 {
        if case .downloading(let bytes, _) = state { bytes } else { 0 }
    }
}
