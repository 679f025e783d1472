import Foundation
import Minnow

/// The bank's model in Minnow's store.
public actor MinnowModelSource: ModelSource {
    private let name: String
    private let options: AssistantOptions
    private let openStore: @Sendable () async throws -> ModelStore
    private let onOpen: @MainActor (Assistant) -> Void
    private var opened: ModelStore?

    /// The model `name`.
    ///
    /// - Parameters:
    ///   - options: how the model is opened.
    ///   - openStore: opens the store, at the first use.
    ///   - onOpen: gets the assistant when it is open, to have it give memory back.
    public init(
        _ name: String = ModelStore.defaultModel,
        options: AssistantOptions = AssistantOptions(),
        openStore: @escaping @Sendable () async throws -> ModelStore,
        onOpen: @escaping @MainActor (Assistant) -> Void
    ) {
        self.name = name
        self.options = options
        self.openStore = openStore
        self.onOpen = onOpen
    }

    public func model() async throws -> Model {
        try await store().model(name)
    }

    public func download() async throws -> AsyncThrowingStream<DownloadStatus, any Error> {
        try await store().download(name)
    }

    public func file() async throws -> URL {
        try await store().file(name)
    }

    public func open(_ file: URL) async throws -> any BankAssistant {
        let assistant = try await Assistant.open(file, options: options)
        await onOpen(assistant)
        return MinnowAssistant(assistant)
    }

    private func store() async throws -> ModelStore {
        if let opened { return opened }
        let store = try await openStore()
        opened = store
        return store
    }
}
