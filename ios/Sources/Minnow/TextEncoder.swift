import Foundation
internal import MinnowFFI

/// A small encoder on this device: it turns texts into vectors that lie close where meanings do, and trains classifiers on them, in seconds.
///
/// ```swift
/// let encoder = try await TextEncoder.open(store.file(ModelStore.defaultEncoder))
/// let classifier = try await encoder.trainClassifier(examples)
/// try await classifier.save(to: file)
/// print(try await classifier.classify("my card hasn't come yet"))
/// ```
///
/// Every function is `async` and may be called from any actor, the main actor included: the work is done on threads of Minnow's own.
/// Cancelling the task stops the encoder before its next batch, a tenth of a second at most. Calls may overlap and take turns.
///
/// An encoder holds its weights in memory, until ``close()``, or until nobody holds it or one of its
/// classifiers. Open it once and keep it.
public final class TextEncoder: Sendable {
    /// What was opened, and on what it runs.
    public let model: EncoderInfo

    private let native: NativeEncoder

    init(_ native: NativeEncoder) {
        self.native = native
        model = EncoderInfo(native.facts())
    }

    /// Opens an encoder: a .gguf file, or a folder with config.json, model.safetensors and tokenizer.json.
    ///
    /// - Throws: ``MinnowError/storage(_:)`` where the file can't be read, ``MinnowError/modelFile(_:)`` where it is damaged or no model
    ///   file, ``MinnowError/unsupported(_:)`` for a model that is no encoder or of a family that isn't implemented,
    ///   ``MinnowError/device(_:)`` where ``DevicePreference/gpu`` was asked for and there is none,
    ///   ``MinnowError/invalidInput(argument:message:)`` for an address that is no file's.
    public static func open(_ model: URL, options: EncoderOptions = EncoderOptions()) async throws -> TextEncoder {
        let path = try filePath(model, "model")
        Minnow.startLog()
        return TextEncoder(try await calling { try await openEncoder(path: path, options: options.native()) })
    }

    /// The embeddings of texts, each of length 1 and ``EncoderInfo/dimensions`` numbers: the sum of the products of two is the cosine of the
    /// angle between them, 1 where they mean the same. Of a long text the first ``EncoderInfo/maxTokens`` tokens are read.
    ///
    /// - Throws: ``MinnowError/invalidInput(argument:message:)`` for a text over 16 MiB; ``MinnowError/closed`` after ``close()``.
    public func embed(_ texts: [String]) async throws -> [[Float]] {
        try await embed(texts, listener: nil)
    }

    /// As ``embed(_:)``, with the share that is done while it runs. The call starts at once; the stream is for one reader, and letting go of
    /// it stops the encoder.
    public func embedWithProgress(_ texts: [String]) -> AsyncThrowingStream<TaskUpdate<[[Float]]>, any Error> {
        updates { try await self.embed(texts, listener: $0) }
    }

    private func embed(_ texts: [String], listener: Shares?) async throws -> [[Float]] {
        let bytes = try await calling { try await self.native.embed(texts: texts, progress: listener) }
        let size = model.dimensions
        return bytes.withUnsafeBytes { bytes in
            let number = { (index: Int) in
                Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
            }
            return texts.indices.map { text in (text * size..<(text + 1) * size).map(number) }
        }
    }

    /// Trains a classifier on examples, of which every label has at least one. Ten examples for each of 77 labels take about ten seconds on
    /// two cores of a server. Equal texts count as often as they occur; where they have several labels, the confidence is shared out among
    /// these.
    ///
    /// - Throws: ``MinnowError/invalidInput(argument:message:)`` for fewer than two labels, more than 10,000, an empty text or label, over a
    ///   million examples; ``MinnowError/closed`` after ``close()``.
    public func trainClassifier(
        _ examples: [LabelledText],
        options: TrainOptions = TrainOptions()
    ) async throws -> Classifier {
        try await train(examples, options: options, listener: nil)
    }

    /// As ``trainClassifier(_:options:)``, with the share that is done while it runs. The call starts at once; the stream is for one reader,
    /// and letting go of it stops the training.
    public func trainClassifierWithProgress(
        _ examples: [LabelledText],
        options: TrainOptions = TrainOptions()
    ) -> AsyncThrowingStream<TaskUpdate<Classifier>, any Error> {
        updates { try await self.train(examples, options: options, listener: $0) }
    }

    private func train(_ examples: [LabelledText], options: TrainOptions, listener: Shares?) async throws -> Classifier {
        let native = try await calling {
            try await self.native.trainClassifier(
                examples: examples.map(\.native), seed: options.seed, progress: listener)
        }
        return Classifier(native)
    }

    /// A classifier that knows its labels by their names alone: a text has the label whose name means about the same. Much less right than
    /// a trained one, and its confidence is a guess; ``Classifier/learn(_:)`` makes it better one example at a time.
    ///
    /// - Throws: ``MinnowError/invalidInput(argument:message:)`` for fewer than two labels, more than 10,000, or one that is no word;
    ///   ``MinnowError/closed`` after ``close()``.
    public func classifier(labels: [String]) async throws -> Classifier {
        Classifier(try await calling { try await self.native.classifierFromLabels(labels: labels) })
    }

    /// Reads a classifier that was saved. It is for the encoder that it was trained with.
    ///
    /// - Throws: ``MinnowError/modelFile(_:)`` for a file that is no classifier, is damaged, or was trained with another encoder;
    ///   ``MinnowError/unsupported(_:)`` for one of a later version; ``MinnowError/storage(_:)`` where it can't be read;
    ///   ``MinnowError/closed`` after ``close()``.
    public func loadClassifier(_ file: URL) async throws -> Classifier {
        let path = try filePath(file, "file")
        return Classifier(try await calling { try await self.native.loadClassifier(path: path) })
    }

    /// Gives memory back; under ``MemoryPressure/critical`` the weights go. The next call reads them again, so nothing else changes.
    ///
    /// On iOS, `observeApplication()` calls this when the system asks for memory.
    public func trim(_ pressure: MemoryPressure) async throws {
        try await calling { try await self.native.trim(pressure: pressure.native) }
    }

    /// Lets the encoder rest until ``resume()``: calls wait before their next batch, and go on where they were. Returns once none is running.
    ///
    /// - Throws: ``MinnowError/closed`` after ``close()``.
    public func pause() async throws {
        try await calling { try await self.native.pause() }
    }

    /// Ends a ``pause()``. Returns at once; without a pause it does nothing.
    public func resume() {
        native.resume()
    }

    /// Stops what runs and gives the memory back, that of its classifiers and their annotators too. Returns at once, so the main actor may
    /// call it; calls that were running end with ``MinnowError/closed``. A second close does nothing.
    public func close() {
        native.shutDown()
    }
}

/// How an encoder is opened.
public struct EncoderOptions: Sendable, Codable, Hashable {
    /// Which processor to use.
    public var device: DevicePreference
    /// CPU threads, 1 to 1024; `nil`: one for each core.
    public var threads: Int?
    /// How exact its numbers are.
    public var precision: EncoderPrecision

    /// The better processor, a thread for each core and 8 bits, unless told otherwise.
    public init(device: DevicePreference = .auto, threads: Int? = nil, precision: EncoderPrecision = .eightBits) {
        self.device = device
        self.threads = threads
        self.precision = precision
    }
}

/// How exact an encoder's numbers are.
public enum EncoderPrecision: Sendable, Codable, Hashable {
    /// Weights of more than 8 bits are rounded to 8 when they are read: a quarter of the memory and a fraction of the time. Embeddings of the
    /// default encoder move by 0.0025 (as a cosine distance) at most, and classifiers are as often right.
    case eightBits
    /// Weights stay as they are stored.
    case asStored
}

/// An opened encoder.
public struct EncoderInfo: Sendable, Codable, Hashable {
    /// The model family, in the words of the model file.
    public var architecture: String
    /// Numbers of an embedding.
    public var dimensions: Int
    /// Tokens of a text that are read; what comes after them is not.
    public var maxTokens: Int
    /// Whether it runs on a GPU.
    public var onGPU: Bool
    /// The processor as its driver names it.
    public var device: String
    /// Why that processor was chosen.
    public var deviceReason: String
    /// CPU threads in use.
    public var threads: Int

    /// An encoder, for an app's own tests.
    public init(
        architecture: String,
        dimensions: Int,
        maxTokens: Int,
        onGPU: Bool,
        device: String,
        deviceReason: String,
        threads: Int
    ) {
        self.architecture = architecture
        self.dimensions = dimensions
        self.maxTokens = maxTokens
        self.onGPU = onGPU
        self.device = device
        self.deviceReason = deviceReason
        self.threads = threads
    }
}

/// How a classifier is trained.
public struct TrainOptions: Sendable, Codable, Hashable {
    /// Which examples are held out together. The same seed, examples and encoder give the same classifier.
    public var seed: UInt64

    /// The same classifier each time, unless told otherwise.
    public init(seed: UInt64 = 0) {
        self.seed = seed
    }
}

extension EncoderOptions {
    fileprivate func native() throws -> EncoderOpenOptions {
        EncoderOpenOptions(
            device: device.native,
            threads: try threads.map { try positive($0, "threads") },
            in8Bits: precision == .eightBits
        )
    }
}

extension EncoderInfo {
    fileprivate init(_ native: EncoderFacts) {
        self.init(
            architecture: native.architecture,
            dimensions: Int(native.dimensions),
            maxTokens: Int(native.maxTokens),
            onGPU: native.onGpu,
            device: native.device,
            deviceReason: native.deviceReason,
            threads: Int(native.threads)
        )
    }
}
