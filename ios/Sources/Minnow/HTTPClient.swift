import Foundation

/// What a ``ModelStore`` makes its downloads with. Minnow brings no network code of its own: certificates, proxies and permissions stay the
/// app's. Implement it over the client that the app has, or take ``URLSessionClient``.
public protocol HTTPClient: Sendable {
    /// Sends one GET and returns once the head of the answer is there, after redirects. Must not ask for, or undo, an encoding of the
    /// body, and gives up by itself when nothing comes for about a minute.
    func get(_ url: URL, headers: [String: String]) async throws -> any HTTPResponse
}

/// An answer whose body comes piece by piece.
public protocol HTTPResponse: Sendable {
    /// The status code.
    var status: Int { get }

    /// The headers; names in any case.
    var headers: [String: String] { get }

    /// The next bytes of the body; `nil` at its end. It is asked for the next piece when the last one has been written, so that a fast
    /// network doesn't fill the memory: an answer that is given bytes unasked should hold the network back.
    func read() async throws -> Data?

    /// No more is wanted. Called once.
    func close()
}
