import Foundation

@testable import Minnow

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A small HTTP server on this machine: one GET for each connection.
final class LocalServer: Sendable {
    /// What is done with a request.
    typealias Serve = @Sendable (Exchange) -> Void

    let port: UInt16
    private let listener: Int32
    private let seen = Locked<[String?]>([])
    private let serve: Locked<Serve>

    /// The header `Range` of each request so far.
    var ranges: [String?] { seen.with { $0 } }

    init(_ serve: @escaping Serve) {
        self.serve = Locked(serve)
        #if canImport(Glibc)
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                precondition(bind(listener, address, length) == 0 && listen(listener, 16) == 0, "no port to listen on")
                getsockname(listener, address, &length)
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
        Thread.detachNewThread { self.acceptAll() }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func acceptAll() {
        while true {
            let connection = accept(listener, nil, nil)
            if connection < 0 { return }
            Thread.detachNewThread {
                defer { close(connection) }
                guard let exchange = Exchange(connection) else { return }
                self.seen.with { $0.append(exchange.range) }
                self.serve.with { $0 }(exchange)
            }
        }
    }
}

/// A request and the way to answer it.
struct Exchange: Sendable {
    /// The header `Range`.
    let range: String?
    private let connection: Int32

    /// Reads the head of a request.
    fileprivate init?(_ connection: Int32) {
        self.connection = connection
        var head = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !head.contains("\r\n\r\n") {
            let count = recv(connection, &buffer, buffer.count, 0)
            if count <= 0 { return nil }
            head += String(decoding: buffer[..<count], as: UTF8.self)
        }
        range = head.components(separatedBy: "\r\n").first { $0.lowercased().hasPrefix("range:") }
            .map { $0.dropFirst("range:".count).trimmingCharacters(in: .whitespaces) }
    }

    /// Sends the head of an answer.
    func head(_ status: Int, length: Int, headers: [String: String] = [:]) {
        let lines = ["HTTP/1.1 \(status) -", "Content-Length: \(length)", "Connection: close"]
        let all = lines + headers.map { "\($0.key): \($0.value)" } + ["", ""]
        body(Data(all.joined(separator: "\r\n").utf8))
    }

    /// Sends bytes of the body; `false`: nobody wants them.
    @discardableResult
    func body(_ bytes: Data) -> Bool {
        var rest = [UInt8](bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, noSignal) }
            if count <= 0 { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

/// A reader that is gone must not end this process.
#if canImport(Glibc)
private let noSignal = Int32(MSG_NOSIGNAL)
#else
private let noSignal: Int32 = 0
#endif
