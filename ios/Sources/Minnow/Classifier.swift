import Foundation
internal import MinnowFFI

/// Says which of its labels a text has, how sure that is, and when it doesn't know. Made by a ``TextEncoder``, from examples in seconds; a text
/// takes a few milliseconds.
///
/// It uses the encoder that made it and keeps that open.
public final class Classifier: Sendable {
    private let native: NativeClassifier

    init(_ native: NativeClassifier) {
        self.native = native
    }

    /// What it says about itself, as far as it has learned.
    ///
    /// - Throws: ``MinnowError/closed`` after ``close()``.
    public func info() async throws -> ClassifierInfo {
        try await calling { ClassifierInfo(try self.native.facts()) }
    }

    /// Says which label a text has.
    ///
    /// - Throws: ``MinnowError/invalidInput(argument:message:)`` for an empty text, one over 16 MiB, or an option out of its range;
    ///   ``MinnowError/closed`` after ``close()``.
    public func classify(_ text: String, options: ClassifyOptions = ClassifyOptions()) async throws -> Classification {
        guard let found = try await classify([text], options: options).first else {
            throw MinnowError.internal("a text without an answer")
        }
        return found
    }

    /// As ``classify(_:options:)-(String,_)`` for many texts, in their order and faster than one after the other.
    public func classify(_ texts: [String], options: ClassifyOptions = ClassifyOptions()) async throws -> [Classification] {
        try await classify(texts, options: options, listener: nil)
    }

    /// The same with the share that is done while it runs. The call starts at once; the stream is for one reader, and letting go of it stops
    /// the call.
    public func classifyWithProgress(
        _ texts: [String],
        options: ClassifyOptions = ClassifyOptions()
    ) -> AsyncThrowingStream<TaskUpdate<[Classification]>, any Error> {
        updates { try await self.classify(texts, options: options, listener: $0) }
    }

    private func classify(
        _ texts: [String],
        options: ClassifyOptions,
        listener: Shares?
    ) async throws -> [Classification] {
        try await calling {
            try await self.native.classify(texts: texts, options: options.native, progress: listener).map(Classification.init)
        }
    }

    /// Learns further examples, of known labels or new ones, such as a user's corrections: in well under a second, and each of them is
    /// answered with its label afterwards. What was learned before is kept. After many corrections, train anew.
    ///
    /// Nothing of it is on disk before the next ``save(to:)``.
    ///
    /// - Throws: ``MinnowError/invalidInput(argument:message:)`` for an empty text or label; ``MinnowError/closed`` after ``close()``.
    public func learn(_ examples: [LabelledText]) async throws {
        try await calling { try await self.native.learn(examples: examples.map(\.native)) }
    }

    /// Writes the classifier to a file of a few hundred kilobytes, for ``TextEncoder/loadClassifier(_:)``. It holds no text of the examples.
    /// An earlier file stays whole until the new one is.
    ///
    /// - Throws: ``MinnowError/storage(_:)`` where the file can't be written, ``MinnowError/invalidInput(argument:message:)`` for an
    ///   address that is no file's; ``MinnowError/closed`` after ``close()``.
    public func save(to file: URL) async throws {
        let path = try filePath(file, "file")
        try await calling { try await self.native.save(path: path) }
    }

    /// An annotator of bank transactions whose categories are the labels of this classifier, as it is now.
    ///
    /// - Throws: ``MinnowError/closed`` after ``close()``.
    public func annotator() async throws -> Annotator {
        Annotator(try await calling { try self.native.annotator() })
    }

    /// Stops what runs and gives the classifier's memory back, that of its annotators too; the encoder stays open. Returns at once. Calls that
    /// were running end with ``MinnowError/closed``. A second close does nothing.
    public func close() {
        native.shutDown()
    }
}

/// A text and its label.
public struct LabelledText: Sendable, Codable, Hashable {
    /// The text.
    public var text: String
    /// Its label. Words that say what they mean (`card arrival`, `card_arrival`) count as an example too.
    public var label: String

    /// A text and its label.
    public init(_ text: String, label: String) {
        self.text = text
        self.label = label
    }
}

/// What a ``Classifier`` says about itself.
public struct ClassifierInfo: Sendable, Codable, Hashable {
    /// The labels, in the order in which they were first met.
    public var labels: [String]
    /// Examples that it was trained on and has learned.
    public var examples: Int
    /// Share of right answers to examples that were held out in training; 0 without examples.
    public var crossValidatedAccuracy: Float
    /// Mean distance between confidence and accuracy, over examples that were held out.
    public var expectedCalibrationError: Float

    /// A description, for an app's own tests.
    public init(labels: [String], examples: Int, crossValidatedAccuracy: Float, expectedCalibrationError: Float) {
        self.labels = labels
        self.examples = examples
        self.crossValidatedAccuracy = crossValidatedAccuracy
        self.expectedCalibrationError = expectedCalibrationError
    }
}

extension LabelledText {
    var native: MinnowFFI.LabelledText { .init(text: text, label: label) }
}

extension ClassifierInfo {
    fileprivate init(_ native: ClassifierFacts) {
        self.init(
            labels: native.labels,
            examples: Int(clamping: native.examples),
            crossValidatedAccuracy: native.crossValidatedAccuracy,
            expectedCalibrationError: native.expectedCalibrationError
        )
    }
}
