import Foundation
internal import MinnowFFI

/// The models on this device: which there could be, which are here, and how they get here.
///
/// ```swift
/// let store = try await ModelStore.open(folder)
/// if try await store.checkStatus(ModelStore.defaultModel) != .available {
///     for try await status in store.download(ModelStore.defaultModel) { show(status) }
/// }
/// let assistant = try await Assistant.open(store.file(ModelStore.defaultModel))
/// ```
///
/// A model is used only after its length and SHA-256 agree with the catalogue. Downloads that break off go on where they stopped. Two
/// calls, or two processes, that want the same model share one download.
public final class ModelStore: Sendable {
    /// The model to start with: SmolLM2 135M, 98 MB, Apache-2.0.
    public static let defaultModel = "smollm2-135m-instruct-q4_1"

    /// The encoder to start with: all-MiniLM-L6-v2, English, 91 MB as it is published, Apache-2.0.
    public static let defaultEncoder = "all-minilm-l6-v2"

    private let native: NativeStore
    private let transport: NativeTransport

    private init(_ native: NativeStore, _ transport: NativeTransport) {
        self.native = native
        self.transport = transport
    }

    /// The store in `folder`, which may not exist yet. Keep it out of backups: models are large and can be fetched again.
    ///
    /// - Parameters:
    ///   - catalogue: the text of a catalogue of your own (TOML, as Minnow's `models/catalog.toml`); `nil`: Minnow's.
    ///   - client: what downloads are made with.
    /// - Throws: ``MinnowError/catalogue(_:)`` for a catalogue that isn't one, ``MinnowError/invalidInput(argument:message:)`` for an
    ///   address that is no folder's.
    public static func open(
        _ folder: URL,
        catalogue: String? = nil,
        client: any HTTPClient = URLSessionClient()
    ) async throws -> ModelStore {
        guard folder.isFileURL else {
            throw MinnowError.invalidInput(argument: "folder", message: "expected the URL of a folder (folder)")
        }
        Minnow.startLog()
        let transport = NativeTransport(client)
        let native = try await calling {
            try await openStore(folder: folder.path, catalogue: catalogue, transport: transport)
        }
        return ModelStore(native, transport)
    }

    /// The app's own store: a folder of its Application Support, on Apple's systems one that isn't backed up.
    ///
    /// - Throws: as ``open(_:catalogue:client:)``; ``MinnowError/storage(_:)`` where the folder can't be made.
    public static func open(client: any HTTPClient = URLSessionClient()) async throws -> ModelStore {
        try await open(appFolder(), client: client)
    }

    private static func appFolder() throws -> URL {
        do {
            let files = FileManager.default
            let support = try files.url(
                for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
            let folder = support.appendingPathComponent("minnow/models", isDirectory: true)
            try files.createDirectory(at: folder, withIntermediateDirectories: true)
            #if canImport(Darwin)
            var values = URLResourceValues()
            values.isExcludedFromBackup = true
            var writable = folder
            try writable.setResourceValues(values)
            #endif
            return folder
        } catch {
            throw MinnowError.storage("the app's model folder: \(error.localizedDescription)")
        }
    }

    /// Every model of the catalogue and whether it is here.
    public func models() async throws -> [Model] {
        try await calling { try await self.native.list().map(Model.init) }
    }

    /// One model of the catalogue: its size and terms before it is downloaded, and whether it is here.
    ///
    /// - Throws: ``MinnowError/catalogue(_:)`` for a name that there isn't.
    public func model(_ name: String) async throws -> Model {
        try await calling { Model(try await self.native.describe(name: name)) }
    }

    /// Whether a model can be used now. Looks at names and lengths only: cheap enough for every start of the app.
    ///
    /// - Throws: ``MinnowError/catalogue(_:)`` for a name that there isn't.
    public func checkStatus(_ name: String) async throws -> FeatureStatus {
        try await model(name).status
    }

    /// Where a model is that is here: for ``Assistant/open(_:options:)``.
    ///
    /// - Throws: ``MinnowError/notStored(_:)`` where it isn't here, ``MinnowError/catalogue(_:)`` for a name that there isn't.
    public func file(_ name: String) async throws -> URL {
        try await calling { URL(fileURLWithPath: try await self.native.path(name: name)) }
    }

    /// Fetches a model. The download starts at once and its stream, for one reader, ends with ``DownloadStatus/completed(_:)`` or throws
    /// why the model can't be had now. Letting go of the stream, or cancelling the reader's task, cancels the download; what has come
    /// in is kept for the next one.
    ///
    /// A model that is here already is checked, which reads all of it, and reported as completed.
    ///
    /// - Parameter acceptLicence: the user has read and accepted the model's terms: see ``Model/licenceMustBeAccepted``.
    /// - Throws: ``MinnowError/download(_:underlying:)``, ``MinnowError/storage(_:)``,
    ///   ``MinnowError/licenceNotAccepted(licence:url:message:)``, ``MinnowError/unsupported(_:)`` for a model that can't be run,
    ///   ``MinnowError/catalogue(_:)`` for a name that there isn't.
    public func download(
        _ name: String,
        acceptLicence: Bool = false
    ) -> AsyncThrowingStream<DownloadStatus, any Error> {
        streaming { send in
            let model = try await self.model(name)
            let news = DownloadNews(model, send)
            self.transport.lastFailure = nil
            if model.status != .available { news.start() }
            do {
                let path = try await calling {
                    try await self.native.fetch(name: name, acceptLicence: acceptLicence, listener: news)
                }
                send(.completed(URL(fileURLWithPath: path)))
            } catch MinnowError.download(let message, _) {
                throw MinnowError.download(message, underlying: self.transport.lastFailure)
            }
        }
    }

    /// Computes the checksums of a model that is here, which reads all of it.
    ///
    /// - Throws: ``MinnowError/modelFile(_:)`` for a file that isn't what the catalogue describes: download it again;
    ///   ``MinnowError/notStored(_:)`` where it isn't here.
    public func verify(_ name: String) async throws {
        try await calling { try await self.native.verify(name: name) }
    }

    /// Deletes a model that is here, and what broken-off downloads of it have left. One that isn't here is none the less removed. Waits for
    /// a download that is running. An assistant that has the model open goes on, but can't read its weights again after a trim.
    ///
    /// - Throws: ``MinnowError/catalogue(_:)`` for a name that there isn't, ``MinnowError/storage(_:)`` where a file can't be deleted.
    public func remove(_ name: String) async throws {
        try await calling { try await self.native.remove(name: name) }
    }
}

/// A model that the catalogue knows.
public struct Model: Sendable, Codable, Hashable {
    /// Its name, for every call of ``ModelStore``.
    public var name: String
    /// The model family, in the words of the model file.
    public var architecture: String
    /// The number format of most weights.
    public var quantisation: String
    /// Bytes of all its files.
    public var bytes: Int64
    /// The name of the terms that it comes under.
    public var licence: String
    /// Where to read them.
    public var licenceURL: String
    /// Whether the user must accept them before it is downloaded.
    public var licenceMustBeAccepted: Bool
    /// Whether it can be used now.
    public var status: FeatureStatus

    /// A model, for an app's own tests.
    public init(
        name: String,
        architecture: String,
        quantisation: String,
        bytes: Int64,
        licence: String,
        licenceURL: String,
        licenceMustBeAccepted: Bool,
        status: FeatureStatus
    ) {
        self.name = name
        self.architecture = architecture
        self.quantisation = quantisation
        self.bytes = bytes
        self.licence = licence
        self.licenceURL = licenceURL
        self.licenceMustBeAccepted = licenceMustBeAccepted
        self.status = status
    }
}

/// Whether a model can be used now.
public enum FeatureStatus: Sendable, Codable, Hashable {
    /// It isn't here and can't be downloaded on this device, or this version of Minnow can't run its family of models.
    case unavailable
    /// It isn't here, or not completely; it can be downloaded.
    case downloadable
    /// It is being downloaded.
    case downloading
    /// It is here.
    case available
}

/// News of a download. Progress comes a few times a second, and once at the end of each file.
public enum DownloadStatus: Sendable, Codable, Hashable {
    /// The download of a model of this size begins; left out for a model that is here.
    case started(bytesToDownload: Int64)
    /// Bytes came in: so many are here, of so many.
    case progress(totalBytesDownloaded: Int64, bytesToDownload: Int64)
    /// The model is here and intact, for ``Assistant/open(_:options:)``; nothing comes after it.
    case completed(URL)
}

/// Adds the bytes of several files up, and tells of them no more often than a progress bar moves.
private final class DownloadNews: FetchListener {
    private struct State {
        var doneOf: [String: Int64] = [:]
        var started = false
        var toldAt: ContinuousClock.Instant?
    }

    private static let pause = Duration.milliseconds(100)

    private let bytes: Int64
    private let send: @Sendable (DownloadStatus) -> Void
    private let state = Locked(State())

    init(_ model: Model, _ send: @escaping @Sendable (DownloadStatus) -> Void) {
        bytes = model.bytes
        self.send = send
    }

    func start() {
        state.with { start(&$0) }
    }

    private func start(_ state: inout State) {
        if !state.started { send(.started(bytesToDownload: bytes)) }
        state.started = true
    }

    func onProgress(stage: FetchStage, file: String, done: UInt64, total: UInt64) {
        if stage == .waiting { return }
        state.with { state in
            // a model that seemed to be here was damaged
            if stage == .downloading { start(&state) }
            state.doneOf[file] = Int64(clamping: done)
            let now = ContinuousClock.now
            let isDue = state.toldAt.map { now - $0 >= Self.pause } ?? true
            guard state.started, done == total || isDue else { return }
            state.toldAt = now
            let here = state.doneOf.values.reduce(0, +)
            send(.progress(totalBytesDownloaded: here, bytesToDownload: bytes))
        }
    }
}

extension Model {
    fileprivate init(_ native: ModelDescription) {
        let status: FeatureStatus =
            switch native.status {
            case .unavailable: .unavailable
            case .downloadable: .downloadable
            case .downloading: .downloading
            case .available: .available
            }
        self.init(
            name: native.name,
            architecture: native.architecture,
            quantisation: native.quantisation,
            bytes: Int64(clamping: native.bytes),
            licence: native.licence,
            licenceURL: native.licenceUrl,
            licenceMustBeAccepted: native.licenceMustBeAccepted,
            status: status
        )
    }
}
