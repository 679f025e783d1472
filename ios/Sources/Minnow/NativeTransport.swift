import Foundation
internal import MinnowFFI

/// The app's client as the native library's, which calls it on threads of its own and waits there.
final class NativeTransport: HttpTransport {
    private let client: any HTTPClient
    private let failure = Locked<(any Error)?>(nil)

    init(_ client: any HTTPClient) {
        self.client = client
    }

    /// What the client threw last.
    var lastFailure: (any Error)? {
        get { failure.with { $0 } }
        set { failure.with { $0 = newValue } }
    }

    func get(url: String, headers: [HttpHeader]) throws -> any HttpAnswer {
        let named = Dictionary(headers.map { ($0.name, $0.value) }) { _, last in last }
        return try failing {
            guard let url = URL(string: url) else { throw URLError(.badURL) }
            let client = client
            return Answered(try waiting { try await client.get(url, headers: named) }, self)
        }
    }

    /// Of whatever an app's client throws, the native library is told a line; ``lastFailure`` has the rest.
    fileprivate func failing<Value>(_ act: () throws -> Value) throws -> Value {
        do {
            return try act()
        } catch {
            lastFailure = error
            let line = error.localizedDescription.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
            throw TransportError.Failed(reason: "\(type(of: error)): \(line)")
        }
    }
}

private final class Answered: HttpAnswer {
    private let response: any HTTPResponse
    private let transport: NativeTransport

    init(_ response: any HTTPResponse, _ transport: NativeTransport) {
        self.response = response
        self.transport = transport
    }

    func status() throws -> UInt16 {
        try transport.failing {
            guard let status = UInt16(exactly: response.status), 100...999 ~= status else {
                throw URLError(.badServerResponse)
            }
            return status
        }
    }

    func headers() -> [HttpHeader] {
        response.headers.map { HttpHeader(name: $0.key, value: $0.value) }
    }

    func read() throws -> Data {
        let response = response
        return try transport.failing {
            while let piece = try waiting({ try await response.read() }) {
                // an empty piece would read as the end
                if !piece.isEmpty { return piece }
            }
            return Data()
        }
    }

    func finish() {
        response.close()
    }
}

/// Waits for `call` on a thread that may wait: one of the native library's, never one of Swift's own, which are few.
private func waiting<Value: Sendable>(_ call: @escaping @Sendable () async throws -> Value) throws -> Value {
    let done = DispatchSemaphore(value: 0)
    // replaced before anybody looks
    let outcome = Locked<Result<Value, any Error>>(.failure(CancellationError()))
    Task.detached {
        do {
            let value = try await call()
            outcome.with { $0 = .success(value) }
        } catch {
            outcome.with { $0 = .failure(error) }
        }
        done.signal()
    }
    done.wait()
    return try outcome.with { $0 }.get()
}
