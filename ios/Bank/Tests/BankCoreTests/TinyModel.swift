import Foundation
import Minnow

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A model of a few hundred kilobytes that the repository holds, and a network that has it.
struct TinyModel: Sendable {
    static let name = "tiny"

    let bytes: Data

    init() throws {
        bytes = try Data(contentsOf: TestData.file("tests/data/tiny/smollm2/smollm2.q4_0.gguf"))
    }

    /// A catalogue with this model alone. The sum is what `sha256sum` says of the file.
    var catalogue: String {
        """
        [[model]]
        name = "\(Self.name)"
        architecture = "llama"
        quantisation = "Q4_0"
        licence = { name = "Apache-2.0", url = "https://example.org/licence" }

        [[model.file]]
        name = "tiny.gguf"
        bytes = \(bytes.count)
        sha256 = "4f157fe2b251d8c35d686b5c9feee24168428f840a3dde62f1cc94ecd1042e6a"

        [[model.file.source]]
        url = "https://example.org/tiny.gguf"
        """
    }
}

/// A network that a test can take away or hold up.
final class TestNetwork: HTTPClient {
    /// What the network does.
    enum Condition: Sendable {
        case up, down
        /// Nothing comes after the first piece.
        case stuck
    }

    private let model: TinyModel
    private let current = Locked(Condition.up)

    init(_ model: TinyModel, _ condition: Condition = .up) {
        self.model = model
        self.condition = condition
    }

    var condition: Condition {
        get { current.with { $0 } }
        set { current.with { $0 = newValue } }
    }

    /// The model from where it is asked for.
    func get(_ url: URL, headers: [String: String]) async throws -> any HTTPResponse {
        if condition == .down { throw URLError(.notConnectedToInternet) }
        let range = headers.first { $0.key.lowercased() == "range" }?.value
        let from = range.flatMap { Int($0.dropFirst("bytes=".count).dropLast()) } ?? 0
        return Response(model.bytes, from: from, isStuck: condition == .stuck)
    }

    private final class Response: HTTPResponse {
        let status: Int
        let headers: [String: String]
        private let rest: Locked<Data>
        private let isStuck: Bool
        private let hasBegun = Locked(false)

        init(_ bytes: Data, from: Int, isStuck: Bool) {
            status = from == 0 ? 200 : 206
            headers = [
                "Content-Length": "\(bytes.count - from)",
                "Content-Range": "bytes \(from)-\(bytes.count - 1)/\(bytes.count)",
            ]
            rest = Locked(bytes.dropFirst(from))
            self.isStuck = isStuck
        }

        func read() async throws -> Data? {
            let isFirst = hasBegun.with { begun in
                defer { begun = true }
                return !begun
            }
            if isStuck && !isFirst { try await Task.sleep(for: .seconds(30)) }
            return rest.with { rest in
                let piece = rest.prefix(4096)
                rest = rest.dropFirst(4096)
                return piece.isEmpty ? nil : Data(piece)
            }
        }

        func close() {}
    }
}
