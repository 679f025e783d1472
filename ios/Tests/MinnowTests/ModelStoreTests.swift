import Foundation
import XCTest

@testable import Minnow

/// Models from a server on this machine.
final class ModelStoreTests: XCTestCase {
    /// Three million bytes that look random, and their SHA-256.
    private static let bytes: Data = {
        var state: UInt64 = 1
        return Data(
            (0..<3_000_000).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(state >> 56)
            })
    }()
    private static let sha256 = "c2ab58f8e8c81c7ced12385419b031853a4b378f03d81bcc93291ab94c09767d"

    private static let whole: LocalServer.Serve = { exchange in
        exchange.head(200, length: bytes.count, headers: ["ETag": "\"v1\""])
        exchange.body(bytes)
    }

    /// The first million bytes, and then nothing; a second request goes on from there.
    private static let broken: LocalServer.Serve = { exchange in
        let start = exchange.range.flatMap { Int($0.dropFirst("bytes=".count).dropLast()) } ?? 0
        guard start > 0 else {
            exchange.head(200, length: bytes.count, headers: ["ETag": "\"v1\""])
            exchange.body(bytes.prefix(1_000_000))
            return
        }
        let range = "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"
        exchange.head(206, length: bytes.count - start, headers: ["ETag": "\"v1\"", "Content-Range": range])
        exchange.body(bytes.dropFirst(start))
    }

    private static func catalogue(
        port: UInt16 = 1,
        sha256: String = sha256,
        architecture: String = "llama",
        accept: Bool = false
    ) -> String {
        """
        [[model]]
        name = "fish"
        architecture = "\(architecture)"
        quantisation = "Q4_0"
        licence = { name = "Pond Terms", url = "https://example.org/terms", accept = \(accept) }
        [[model.file]]
        name = "fish.gguf"
        bytes = \(bytes.count)
        sha256 = "\(sha256)"
        [[model.file.source]]
        url = "http://127.0.0.1:\(port)/fish.gguf"
        """
    }

    private func server(_ serve: @escaping LocalServer.Serve = whole) -> LocalServer {
        let server = LocalServer(serve)
        addTeardownBlock { server.stop() }
        return server
    }

    private func store(
        _ server: LocalServer,
        sha256: String = sha256,
        architecture: String = "llama",
        accept: Bool = false
    ) async throws -> ModelStore {
        let catalogue = Self.catalogue(port: server.port, sha256: sha256, architecture: architecture, accept: accept)
        return try await ModelStore.open(temporaryFolder(), catalogue: catalogue)
    }

    /// The status once a cancelled download has noticed.
    private func settled(_ store: ModelStore) async throws -> FeatureStatus {
        for _ in 0..<100 {
            let status = try await store.checkStatus("fish")
            if status != .downloading { return status }
            try await Task.sleep(for: .milliseconds(20))
        }
        return .downloading
    }

    func testTheCatalogueThatIsShippedHasTheDefaultModels() async throws {
        let store = try await ModelStore.open(temporaryFolder())
        let models = try await store.models()
        let model = try XCTUnwrap(models.first { $0.name == ModelStore.defaultModel })
        XCTAssertEqual(model.licence, "Apache-2.0")
        XCTAssertEqual(model.status, .downloadable)
        XCTAssertGreaterThan(model.bytes, 90_000_000)
        let encoder = try XCTUnwrap(models.first { $0.name == ModelStore.defaultEncoder })
        XCTAssertEqual(encoder.status, .downloadable)
        XCTAssert(models.contains(where: \.licenceMustBeAccepted))
    }

    func testADownloadGoesFromDownloadableToAvailable() async throws {
        let server = server()
        let store = try await store(server)
        let before = try await store.checkStatus("fish")
        XCTAssertEqual(before, .downloadable)
        let missing = try await failure { try await store.file("fish") }
        XCTAssertEqual(missing.kind, "notStored")
        let size = Int64(Self.bytes.count)
        let news = try await all(store.download("fish"))
        XCTAssertEqual(news.first, .started(bytesToDownload: size))
        XCTAssert(news.contains(.progress(totalBytesDownloaded: size, bytesToDownload: size)), "\(news)")
        guard case .completed(let file) = news.last else { return XCTFail("\(news)") }
        XCTAssertEqual(try Data(contentsOf: file), Self.bytes)
        let after = try await store.checkStatus("fish")
        XCTAssertEqual(after, .available)
        let kept = try await store.file("fish")
        XCTAssertEqual(kept, file)
        try await store.verify("fish")
        let again = try await all(store.download("fish"))
        XCTAssertEqual(again, [.completed(file)], "nothing to do")
        XCTAssertEqual(server.ranges, [nil])
        for _ in 0..<2 { try await store.remove("fish") }
        XCTAssertFalse(FileManager.default.fileExists(atPath: file.path))
        let removed = try await store.checkStatus("fish")
        XCTAssertEqual(removed, .downloadable)
        let unknown = try await failure { try await store.remove("no such model") }
        XCTAssertEqual(unknown.kind, "catalogue")
    }

    func testADownloadThatBrokeOffGoesOnWhereItStopped() async throws {
        let server = server(Self.broken)
        let store = try await store(server)
        guard case .completed(let file) = try await all(store.download("fish")).last else { return XCTFail("no file") }
        XCTAssertEqual(try Data(contentsOf: file), Self.bytes)
        XCTAssertEqual(server.ranges, [nil, "bytes=1000000-"])
    }

    func testACancelledDownloadKeepsWhatCameInAndGoesOnLater() async throws {
        let server = server { exchange in
            guard exchange.range == nil else { return Self.broken(exchange) }
            exchange.head(200, length: Self.bytes.count, headers: ["ETag": "\"v1\""])
            for start in stride(from: 0, to: Self.bytes.count, by: 100_000) {
                guard exchange.body(Self.bytes[start..<start + 100_000]) else { return }
                Thread.sleep(forTimeInterval: 0.05)
            }
        }
        let store = try await store(server)
        for try await case .progress(let here, _) in store.download("fish") where here > 500_000 { break }
        let status = try await settled(store)
        XCTAssertEqual(status, .downloadable)
        guard case .completed(let file) = try await all(store.download("fish")).last else { return XCTFail("no file") }
        XCTAssertEqual(try Data(contentsOf: file), Self.bytes)
        XCTAssertEqual(server.ranges.count, 2)
        let from = try XCTUnwrap(server.ranges.last??.dropFirst("bytes=".count).dropLast())
        XCTAssert(500_000..<2_500_000 ~= Int(from) ?? 0, "\(from)")
    }

    func testACancelledDownloadDoesNotWaitForAClientThatWaits() async throws {
        struct Waiting: HTTPClient, HTTPResponse {
            let asked = Locked(0)
            let status = 200
            let headers: [String: String] = [:]

            func get(_ url: URL, headers: [String: String]) -> any HTTPResponse { self }

            func read() async throws -> Data? {
                let first = asked.with { count in
                    count += 1
                    return count == 1
                }
                if !first { try await Task.sleep(for: .seconds(20)) }
                return Data(count: 1000)
            }

            func close() {}
        }
        let store = try await ModelStore.open(temporaryFolder(), catalogue: Self.catalogue(), client: Waiting())
        let took = try await time {
            for try await case .progress in store.download("fish") { break }
            let status = try await settled(store)
            XCTAssertEqual(status, .downloadable)
        }
        XCTAssertLessThan(took, .seconds(5))
    }

    func testAFamilyThatCannotBeRunIsUnavailableAndNotDownloaded() async throws {
        let server = server()
        let store = try await store(server, architecture: "whale")
        let status = try await store.checkStatus("fish")
        XCTAssertEqual(status, .unavailable)
        let error = try await failure { try await all(store.download("fish")) }
        XCTAssertEqual(error.kind, "unsupported")
        XCTAssert(error.localizedDescription.contains("whale"), error.localizedDescription)
        XCTAssertEqual(server.ranges, [])
    }

    func testAServerWithoutTheModelIsAFailedDownloadWithItsWords() async throws {
        let server = server { $0.head(404, length: 0) }
        let store = try await store(server)
        let error = try await failure { try await all(store.download("fish")) }
        XCTAssertEqual(error.kind, "download")
        XCTAssert(error.localizedDescription.contains("404"), error.localizedDescription)
        let status = try await store.checkStatus("fish")
        XCTAssertEqual(status, .downloadable)
    }

    func testAServerThatIsNotThereIsAFailedDownload() async throws {
        let server = server()
        server.stop()
        let store = try await store(server)
        let error = try await failure { try await all(store.download("fish")) }
        guard case .download(let message, let underlying) = error else { return XCTFail("\(error)") }
        XCTAssertNotNil(underlying as? URLError, message)
    }

    func testAClientThatFailsIsAFailedDownload() async throws {
        struct NoNetwork: LocalizedError {
            var errorDescription: String? { "no network here\nand a second line" }
        }
        struct Failing: HTTPClient {
            func get(_ url: URL, headers: [String: String]) throws -> any HTTPResponse { throw NoNetwork() }
        }
        let store = try await ModelStore.open(temporaryFolder(), catalogue: Self.catalogue(), client: Failing())
        let error = try await failure { try await all(store.download("fish")) }
        guard case .download(let message, let underlying) = error else { return XCTFail("\(error)") }
        XCTAssert(message.contains("NoNetwork: no network here") && !message.contains("second"), message)
        XCTAssert(underlying is NoNetwork)
    }

    func testAnotherFileThanTheCataloguesIsNeverUsed() async throws {
        let store = try await store(server(), sha256: String(repeating: "0", count: 64))
        let error = try await failure { try await all(store.download("fish")) }
        XCTAssertEqual(error.kind, "download")
        let missing = try await failure { try await store.file("fish") }
        XCTAssertEqual(missing.kind, "notStored")
    }

    func testTermsMustBeAcceptedBeforeAByteIsAskedFor() async throws {
        let server = server()
        let store = try await store(server, accept: true)
        let error = try await failure { try await all(store.download("fish")) }
        guard case .licenceNotAccepted("Pond Terms", "https://example.org/terms", _) = error else { return XCTFail("\(error)") }
        XCTAssertEqual(server.ranges, [])
        guard case .completed = try await all(store.download("fish", acceptLicence: true)).last else { return XCTFail("no file") }
    }

    func testADamagedFileIsFoundAndReplaced() async throws {
        let store = try await store(server())
        _ = try await all(store.download("fish"))
        let file = try await store.file("fish")
        var bytes = Self.bytes
        bytes[5] &+= 1
        try bytes.write(to: file)
        let error = try await failure { try await store.verify("fish") }
        XCTAssertEqual(error.kind, "modelFile")
        guard case .completed = try await all(store.download("fish")).last else { return XCTFail("no file") }
        try await store.verify("fish")
    }

    func testANameThatThereIsNotListsThoseThatThereAre() async throws {
        let store = try await store(server())
        let error = try await failure { try await store.checkStatus("whale") }
        XCTAssertEqual(error.kind, "catalogue")
        XCTAssert(error.localizedDescription.contains("fish"), error.localizedDescription)
        let download = try await failure { try await all(store.download("whale")) }
        XCTAssertEqual(download.kind, "catalogue")
    }

    func testACatalogueThatIsNotOneIsRefused() async throws {
        let folder = try temporaryFolder()
        let error = try await failure { try await ModelStore.open(folder, catalogue: "no = [toml") }
        XCTAssertEqual(error.kind, "catalogue")
    }

    func testAFolderThatCannotBeMadeIsAFailedDownload() async throws {
        let file = try temporaryFolder().appendingPathComponent("file")
        try Data("in the way".utf8).write(to: file)
        let store = try await ModelStore.open(
            file.appendingPathComponent("models"), catalogue: Self.catalogue(port: server().port))
        let error = try await failure { try await all(store.download("fish")) }
        XCTAssertEqual(error.kind, "storage")
    }

    func testALargeAnswerThatNobodyReadsAtFirstArrivesWhole() async throws {
        let pieces = 64
        let sent = Locked(0)
        let server = server { exchange in
            exchange.head(200, length: pieces << 20)
            for piece in 0..<pieces {
                guard exchange.body(Data(repeating: UInt8(piece), count: 1 << 20)) else { return }
                sent.with { $0 += 1 }
            }
        }
        let response = try await URLSessionClient().get(URL(string: "http://127.0.0.1:\(server.port)/")!, headers: [:])
        XCTAssertEqual(response.status, 200)
        try await Task.sleep(for: .seconds(1))
        #if canImport(Darwin)
        XCTAssertLessThan(sent.with { $0 }, pieces, "what nobody reads waits in the network")
        #endif
        var read = 0
        while let bytes = try await response.read() {
            for offset in stride(from: 0, to: bytes.count, by: 4099) {
                XCTAssertEqual(Int(bytes[bytes.startIndex + offset]), (read + offset) >> 20)
            }
            read += bytes.count
        }
        XCTAssertEqual(read, pieces << 20)
        response.close()
    }

    func testAnAnswerThatIsClosedEarlyEndsItsConnection() async throws {
        let ended = expectation(description: "the server notices")
        let server = server { exchange in
            exchange.head(200, length: 1 << 40)
            while exchange.body(Data(count: 1 << 16)) { Thread.sleep(forTimeInterval: 0.001) }
            ended.fulfill()
        }
        let response = try await URLSessionClient().get(URL(string: "http://127.0.0.1:\(server.port)/")!, headers: [:])
        _ = try await response.read()
        response.close()
        await fulfillment(of: [ended], timeout: 10)
    }
}
