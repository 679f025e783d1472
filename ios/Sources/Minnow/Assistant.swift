import Foundation
internal import MinnowFFI

/// A small language model on this device, and the functions that it serves.
///
/// ```swift
/// let assistant = try await Assistant.open(file)
/// let summary = try await assistant.summarize(letter)
/// print(summary.text)
/// ```
///
/// Every function is `async` and may be called from any actor, the main actor included: the work is done on threads of Minnow's own.
/// Cancelling the task stops the model before its next token. Calls may overlap; a few run at once and take turns, token by token, the
/// others wait.
///
/// An assistant holds the model's weights in memory until ``close()``, or until nobody holds it or one of its chats. Open it once and keep
/// it for the whole app.
public final class Assistant: Sendable {
    /// What was opened, and on what it runs.
    public let model: ModelInfo

    private let native: NativeAssistant

    private init(_ native: NativeAssistant) {
        self.native = native
        model = ModelInfo(native.facts())
    }

    /// Opens a model: a .gguf file, or a folder with config.json and model.safetensors.
    ///
    /// - Throws: ``MinnowError/storage(_:)`` where the file can't be read, ``MinnowError/modelFile(_:)`` where it is damaged or no model
    ///   file, ``MinnowError/unsupported(_:)`` for a model family or number format that isn't implemented, ``MinnowError/device(_:)`` where
    ///   ``DevicePreference/gpu`` was asked for and there is none, ``MinnowError/invalidInput(argument:message:)`` for an address that is
    ///   no file's.
    public static func open(_ model: URL, options: AssistantOptions = AssistantOptions()) async throws -> Assistant {
        let path = try filePath(model, "model")
        Minnow.startLog()
        return Assistant(try await calling { try await openAssistant(path: path, options: options.native()) })
    }

    /// Summarises a text with its own sentences, so that nothing in the summary is invented.
    ///
    /// A text without a sentence gives an empty summary.
    ///
    /// - Throws: ``MinnowError/invalidInput(argument:message:)`` for limits of zero, or a text over 1 MiB; ``MinnowError/closed`` after
    ///   ``close()``.
    public func summarize(_ text: String, options: SummarizeOptions = SummarizeOptions()) async throws -> Summary {
        try await summarize(text, options: options, listener: nil)
    }

    /// As ``summarize(_:options:)``, with the share that is done while it runs. The call starts at once; the stream is for one reader,
    /// and letting go of it stops the model.
    public func summarizeWithProgress(
        _ text: String,
        options: SummarizeOptions = SummarizeOptions()
    ) -> AsyncThrowingStream<TaskUpdate<Summary>, any Error> {
        updates { try await self.summarize(text, options: options, listener: $0) }
    }

    private func summarize(_ text: String, options: SummarizeOptions, listener: Shares?) async throws -> Summary {
        try await calling {
            Summary(try await self.native.summarize(text: text, options: options.native(), progress: listener))
        }
    }

    /// Says which of `labels` a text has, or that the model doesn't know.
    ///
    /// Labels are words that say what they mean: `card arrival`, `card_arrival` or `cardArrival`, not `intent_17`. A ``Classifier`` is more
    /// often right and a hundred times as fast, even where it knows no more than the labels (``TextEncoder/classifier(labels:)``); trained on
    /// examples its confidence can be relied on, too.
    ///
    /// - Throws: ``MinnowError/invalidInput(argument:message:)`` for an empty text, fewer than 2 or more than 1000 labels, empty or
    ///   repeated ones; ``MinnowError/unsupported(_:)`` for options that only a ``Classifier`` has; ``MinnowError/closed`` after
    ///   ``close()``.
    public func classify(
        _ text: String,
        labels: [String],
        options: ClassifyOptions = ClassifyOptions()
    ) async throws -> Classification {
        try await classify(text, labels: labels, options: options, listener: nil)
    }

    /// As ``classify(_:labels:options:)``, with the share that is done while it runs. The call starts at once; the stream is for one
    /// reader, and letting go of it stops the model.
    public func classifyWithProgress(
        _ text: String,
        labels: [String],
        options: ClassifyOptions = ClassifyOptions()
    ) -> AsyncThrowingStream<TaskUpdate<Classification>, any Error> {
        updates { try await self.classify(text, labels: labels, options: options, listener: $0) }
    }

    private func classify(
        _ text: String,
        labels: [String],
        options: ClassifyOptions,
        listener: Shares?
    ) async throws -> Classification {
        // the native library compares characters, Swift what they mean: both spellings of é are one label
        guard Set(labels).count == labels.count else {
            throw MinnowError.invalidInput(argument: "labels", message: "a label is repeated, expected different ones (labels)")
        }
        return try await calling {
            let found = try await self.native.classify(
                text: text, labels: labels, options: options.native, progress: listener)
            return Classification(found)
        }
    }

    /// Finds the events that a text asks for. Dates are resolved by rules, never invented by the model.
    ///
    /// - Throws: ``MinnowError/impossibleDate(_:)`` for a date that is on no calendar (30 February), where the text has no other;
    ///   ``MinnowError/invalidInput(argument:message:)`` for a text over 1 MiB; ``MinnowError/closed`` after ``close()``.
    public func schedule(_ text: String, options: ScheduleOptions = ScheduleOptions()) async throws -> Schedule {
        try await calling {
            Schedule(try await self.native.schedule(text: text, options: options.native()), zone: options.zone)
        }
    }

    /// Starts a conversation, or goes on with a saved one.
    ///
    /// - Throws: ``MinnowError/unsupported(_:)`` for a model that was not trained for chat: see ``ModelInfo/canChat``;
    ///   ``MinnowError/memory(needed:available:message:)`` where the context doesn't fit; ``MinnowError/closed`` after ``close()``.
    public func chat(_ options: ChatOptions = ChatOptions()) async throws -> Chat {
        Chat(try await calling { try await self.native.chat(options: options.native()) }, owner: self)
    }

    /// An encoder made of this model's own hidden states, for languages and texts that no encoder was trained for. It takes longer for a text
    /// than an encoder does, and what is trained on it is less often right. It shares the model's memory, and is closed with the assistant.
    ///
    /// - Throws: ``MinnowError/unsupported(_:)`` for a model without a tokenizer; ``MinnowError/closed`` after ``close()``.
    public func textEncoder() async throws -> TextEncoder {
        TextEncoder(try await calling { try self.native.textEncoder() })
    }

    /// Gives memory back. What is running goes on; the next call makes or reads again what it needs, so nothing else changes.
    ///
    /// On iOS, `observeApplication()` calls this when the system asks for memory.
    public func trim(_ pressure: MemoryPressure) async throws {
        try await calling { try await self.native.trim(pressure: pressure.native) }
    }

    /// Lets the model rest until ``resume()``: calls wait before their next step, and go on where they were. Returns once no step is
    /// running, which takes a token at most, or 256 tokens of a prompt. Time limits go on counting.
    ///
    /// On iOS, `observeApplication()` calls this while a model on the GPU is out of sight: the system ends apps whose GPU works there.
    ///
    /// - Throws: ``MinnowError/closed`` after ``close()``.
    public func pause() async throws {
        try await calling { try await self.native.pause() }
    }

    /// Ends a ``pause()``. Returns at once; without a pause it does nothing.
    public func resume() {
        native.resume()
    }

    /// Stops what runs and gives the model's memory back. Returns at once, so the main actor may call it; calls that were running end
    /// with ``MinnowError/closed``. A second close does nothing.
    public func close() {
        native.shutDown()
    }
}

/// How a model is opened.
public struct AssistantOptions: Sendable, Codable, Hashable {
    /// Which processor to use.
    public var device: DevicePreference
    /// CPU threads, 1 to 1024; `nil`: one for each core. Two to four are often fastest on phones, and kinder to the battery.
    public var threads: Int?
    /// A folder of the app's own, in `URL.cachesDirectory` for one, where the model keeps what it knows after the instructions of
    /// conversations: a later conversation under the same instruction answers at once, after a restart of the app too. At most
    /// 128 MB; the system may empty it. `nil`: nothing is kept. What a person says is never written there.
    public var cacheFolder: URL?

    /// The better processor, a thread for each core and no cache, unless told otherwise.
    public init(device: DevicePreference = .auto, threads: Int? = nil, cacheFolder: URL? = nil) {
        self.device = device
        self.threads = threads
        self.cacheFolder = cacheFolder
    }
}

/// Which processor a model runs on.
public enum DevicePreference: Sendable, Codable, Hashable {
    /// A GPU where there is one that computes right and faster than the CPU; both are tried when the model is opened.
    case auto
    /// The GPU; an error where there is none.
    case gpu
    /// The CPU.
    case cpu
}

/// An opened model.
public struct ModelInfo: Sendable, Codable, Hashable {
    /// The model family, in the words of the model file.
    public var architecture: String
    /// The longest context that the model was trained for, in tokens.
    public var contextTokens: Int
    /// Whether it can hold a conversation.
    public var canChat: Bool
    /// Whether it runs on a GPU.
    public var onGPU: Bool
    /// The processor as its driver names it.
    public var device: String
    /// Why that processor was chosen.
    public var deviceReason: String
    /// CPU threads in use.
    public var threads: Int

    /// A model, for an app's own tests.
    public init(
        architecture: String,
        contextTokens: Int,
        canChat: Bool,
        onGPU: Bool,
        device: String,
        deviceReason: String,
        threads: Int
    ) {
        self.architecture = architecture
        self.contextTokens = contextTokens
        self.canChat = canChat
        self.onGPU = onGPU
        self.device = device
        self.deviceReason = deviceReason
        self.threads = threads
    }
}

/// How badly the system wants memory back.
public enum MemoryPressure: Sendable, Codable, Hashable {
    /// Caches of idle conversations go; making them again takes about as long as reading the conversation did.
    case moderate
    /// The weights go too; the next call reads them again, in well under a second for a model of 100 MB.
    case critical
}

/// Who gave an answer.
public enum AnswerSource: Sendable, Codable, Hashable {
    /// The model on this device.
    case onDevice
    /// Rules on this device, where no model was needed.
    case rules
}

extension AssistantOptions {
    fileprivate func native() throws -> OpenOptions {
        OpenOptions(
            device: device.native,
            threads: try threads.map { try positive($0, "threads") },
            cacheFolder: cacheFolder?.path
        )
    }
}

extension DevicePreference {
    var native: DeviceChoice {
        switch self {
        case .auto: .auto
        case .gpu: .gpu
        case .cpu: .cpu
        }
    }
}

extension MemoryPressure {
    var native: MinnowFFI.MemoryPressure {
        switch self {
        case .moderate: .moderate
        case .critical: .critical
        }
    }
}

extension ModelInfo {
    fileprivate init(_ native: ModelFacts) {
        self.init(
            architecture: native.architecture,
            contextTokens: Int(native.contextTokens),
            canChat: native.canChat,
            onGPU: native.onGpu,
            device: native.device,
            deviceReason: native.deviceReason,
            threads: Int(native.threads)
        )
    }
}

extension AnswerSource {
    init(_ native: MinnowFFI.AnswerSource) {
        self =
            switch native {
            case .onDevice: .onDevice
            case .rules: .rules
            }
    }
}
