import Foundation
import Minnow
import Observation

/// Where the bank's model comes from. Calls throw `MinnowError`; ``ModelSetup`` makes one at a time.
public protocol ModelSource: Sendable {
    /// What the catalogue says of it, and whether it is here.
    func model() async throws -> Model

    /// Fetches it; one that is here already is checked, and fetched again where it is damaged.
    func download() async throws -> AsyncThrowingStream<DownloadStatus, any Error>

    /// Where it is.
    func file() async throws -> URL

    /// Opens it.
    func open(_ file: URL) async throws -> any BankAssistant
}

/// How the bank gets from nothing to an open assistant:
///
/// ```
/// checking ─► missing ─► downloading ─► opening ─► ready
///     │          ▲            │            ▲
///     │          └── cancel ──┘            │
///     └────────────────────────────────────┘       any step but missing ─► failed ─ retry ─► checking (downloading for a damaged file)
/// ```
///
/// It lives as long as the app; ``state`` is observed.
@MainActor
@Observable
public final class ModelSetup {
    /// How far it is.
    public private(set) var state = SetupState.checking

    private let source: any ModelSource
    @ObservationIgnored private var running: Task<Void, Never>?
    @ObservationIgnored private var bytes: Int64 = 0

    /// The way to the model of `source`; it begins with ``start()``.
    public init(_ source: any ModelSource) {
        self.source = source
    }

    /// Looks whether the model is here and opens it. Does nothing while something runs, and once the assistant is open.
    public func start() {
        run(.checking) {
            let model = try await self.source.model()
            self.bytes = model.bytes
            switch model.status {
            case .available: try await self.open(self.source.file())
            case .downloadable: self.state = .missing(bytes: model.bytes)
            // it goes on from an earlier start of the app
            case .downloading: try await self.fetch()
            case .unavailable: self.state = .failed(.unsupported)
            }
        }
    }

    /// Fetches the model and opens it. Does nothing while something runs, and once the assistant is open.
    public func download() {
        run(.downloading(bytes: 0, ofBytes: bytes)) { try await self.fetch() }
    }

    /// Tries again what failed.
    public func retry() {
        guard case .failed(let problem) = state else { return }
        if problem == .modelDamaged { download() } else { start() }
    }

    /// Stops the download; what has come in is kept for the next one.
    public func cancel() {
        if case .downloading = state { running?.cancel() }
    }

    private func run(_ first: SetupState, _ step: @escaping () async throws -> Void) {
        if running != nil { return }
        if case .ready = state { return }
        state = first
        running = Task {
            defer { running = nil }
            do {
                try await step()
            } catch is CancellationError {
                state = .missing(bytes: bytes)
            } catch {
                state = .failed(Problem(error))
            }
        }
    }

    private func fetch() async throws {
        state = .downloading(bytes: 0, ofBytes: bytes)
        for try await status in try await source.download() {
            switch status {
            case .started(let bytes): self.bytes = bytes
            case .progress(let here, let all): state = .downloading(bytes: here, ofBytes: all)
            case .completed(let file): return try await open(file)
            }
        }
        // a stream whose reader is cancelled may end without a word
        try Task.checkCancellation()
    }

    private func open(_ file: URL) async throws {
        state = .opening
        state = .ready(try await source.open(file))
    }
}

/// How far the model is.
public enum SetupState: Sendable {
    /// Is it here?
    case checking
    /// It isn't here; the customer decides about fetching so many bytes.
    case missing(bytes: Int64)
    /// It is coming.
    case downloading(bytes: Int64, ofBytes: Int64)
    /// It is here and being opened.
    case opening
    /// The assistant answers.
    case ready(any BankAssistant)
    /// It can't be had.
    case failed(Problem)
}

extension SetupState {
    /// Something goes on that takes time.
    public var isBusy: Bool {
        switch self {
        case .checking, .downloading, .opening: true
        case .missing, .ready, .failed: false
        }
    }

    /// The share that is done, 0 to 1; `nil` where nobody knows.
    public var share: Double? {
        guard case .downloading(let bytes, let ofBytes) = self, ofBytes > 0 else { return nil }
        return min(1, Double(bytes) / Double(ofBytes))
    }
}
