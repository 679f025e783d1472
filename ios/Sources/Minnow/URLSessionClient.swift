import Foundation

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// The platform's own client, `URLSession`.
///
/// Whether it may use cellular or expensive networks is the configuration's affair:
///
/// ```swift
/// let configuration = URLSessionConfiguration.default
/// configuration.allowsExpensiveNetworkAccess = false
/// let store = try await ModelStore.open(folder, client: URLSessionClient(configuration))
/// ```
public struct URLSessionClient: HTTPClient {
    private let configuration: Locked<URLSessionConfiguration>

    /// A client that connects as `configuration` says, of which it keeps a copy. Nothing is cached: models are kept as files.
    public init(_ configuration: URLSessionConfiguration = .default) {
        // Foundation's copies are of the same class
        let copy = configuration.copy() as? URLSessionConfiguration ?? .default
        copy.urlCache = nil
        copy.timeoutIntervalForRequest = min(copy.timeoutIntervalForRequest, 30)
        self.configuration = Locked(copy)
    }

    public func get(_ url: URL, headers: [String: String]) async throws -> any HTTPResponse {
        var request = URLRequest(url: url)
        // a compressed body would not have the length and the checksum of the file
        request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let transfer = Transfer()
        // a session of its own, which ends with the transfer: a session holds its delegate until it is told to let go
        let session = configuration.with { URLSession(configuration: $0, delegate: transfer, delegateQueue: nil) }
        return try await transfer.start(session, request)
    }
}

/// One answer on its way: the session puts bytes in, ``read()`` takes them out.
private final class Transfer: NSObject, URLSessionDataDelegate, Sendable {
    private struct State {
        var task: URLSessionDataTask?
        var head: CheckedContinuation<HTTPURLResponse, any Error>?
        var reader: CheckedContinuation<Data?, any Error>?
        var bytes = Data()
        var isHeld = false
        var end: Result<Void, any Error>?
    }

    #if canImport(FoundationNetworking)
    /// On Linux nothing holds the network back: there, a task that is suspended and resumed starts anew.
    private static let most = Int.max
    #else
    /// More bytes than this hold the network back until they are taken.
    private static let most = 4 << 20
    #endif

    private let state = Locked(State())

    func start(_ session: URLSession, _ request: URLRequest) async throws -> any HTTPResponse {
        let task = session.dataTask(with: request)
        let head = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { head in
                state.with { state in
                    state.task = task
                    state.head = head
                }
                task.resume()
            }
        } onCancel: {
            task.cancel()
        }
        return Response(head, self)
    }

    func read() async throws -> Data? {
        try await withCheckedThrowingContinuation { reader in
            state.with { state in
                if !state.bytes.isEmpty {
                    let bytes = state.bytes
                    state.bytes = Data()
                    reader.resume(returning: bytes)
                } else if let end = state.end {
                    reader.resume(with: end.map { nil })
                } else {
                    state.reader = reader
                }
                if state.isHeld {
                    state.isHeld = false
                    state.task?.resume()
                }
            }
        }
    }

    func close() {
        state.with { $0.task }?.cancel()
    }

    func urlSession(
        _ session: URLSession,
        dataTask: URLSessionDataTask,
        didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        let head = state.with { state in
            defer { state.head = nil }
            return state.head
        }
        if let response = response as? HTTPURLResponse {
            head?.resume(returning: response)
            completionHandler(.allow)
        } else {
            head?.resume(throwing: URLError(.badServerResponse))
            completionHandler(.cancel)
        }
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        state.with { state in
            if let reader = state.reader {
                state.reader = nil
                reader.resume(returning: data)
                return
            }
            state.bytes.append(data)
            if state.bytes.count > Self.most, !state.isHeld {
                state.isHeld = true
                dataTask.suspend()
            }
        }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        session.finishTasksAndInvalidate()
        state.with { state in
            let end: Result<Void, any Error> = error.map { .failure($0) } ?? .success(())
            state.end = end
            state.head?.resume(throwing: error ?? URLError(.badServerResponse))
            state.head = nil
            state.reader?.resume(with: end.map { nil })
            state.reader = nil
        }
    }

    private struct Response: HTTPResponse {
        let status: Int
        let headers: [String: String]
        private let transfer: Transfer

        init(_ head: HTTPURLResponse, _ transfer: Transfer) {
            status = head.statusCode
            headers = head.allHeaderFields.reduce(into: [:]) { headers, field in
                if let name = field.key as? String, let value = field.value as? String { headers[name] = value }
            }
            self.transfer = transfer
        }

        func read() async throws -> Data? { try await transfer.read() }

        func close() { transfer.close() }
    }
}
