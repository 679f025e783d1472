internal import MinnowFFI

/// How a text is summarised.
public struct SummarizeOptions: Sendable, Codable, Hashable {
    /// Most sentences of the summary, 1 to 100. Three are as much as a notification shows.
    public var sentences: Int
    /// Most words of the summary; a sentence that would pass it is left out.
    public var maxWords: Int?

    /// Three sentences, of any length, unless told otherwise.
    public init(sentences: Int = 3, maxWords: Int? = nil) {
        self.sentences = sentences
        self.maxWords = maxWords
    }
}

/// A text in short.
public struct Summary: Sendable, Codable, Hashable {
    /// The chosen sentences in the source's order, one a line.
    public var text: String
    /// The chosen sentences and where they stand in the source.
    public var sentences: [SummarySentence]
    /// Share of the model's preference over all sentences that the chosen ones hold, 0 to 1; not calibrated on data yet.
    public var confidence: Float
    /// Who answered: rules where the text was short enough to be its own summary.
    public var servedBy: AnswerSource

    /// A summary, for an app's own tests.
    public init(text: String, sentences: [SummarySentence], confidence: Float, servedBy: AnswerSource) {
        self.text = text
        self.sentences = sentences
        self.confidence = confidence
        self.servedBy = servedBy
    }
}

/// A sentence of a ``Summary``.
public struct SummarySentence: Sendable, Codable, Hashable {
    /// The sentence, as it stands in the source but for line breaks.
    public var text: String
    /// Where the source says it.
    public var source: TextSpan
    /// The model's preference for it, as a share of all sentences'.
    public var confidence: Float

    /// A sentence, for an app's own tests.
    public init(text: String, source: TextSpan, confidence: Float) {
        self.text = text
        self.source = source
        self.confidence = confidence
    }
}

extension SummarizeOptions {
    func native() throws -> MinnowFFI.SummarizeOptions {
        try .init(sentences: positive(sentences, "sentences"), maxWords: maxWords.map { try positive($0, "maxWords") })
    }
}

extension Summary {
    init(_ native: MinnowFFI.Summary) {
        self.init(
            text: native.text,
            sentences: native.sentences.map {
                SummarySentence(text: $0.text, source: TextSpan($0.source), confidence: $0.confidence)
            },
            confidence: native.confidence,
            servedBy: AnswerSource(native.servedBy)
        )
    }
}
