internal import MinnowFFI

/// How a text is classified.
public struct ClassifyOptions: Sendable, Codable, Hashable {
    /// Below this confidence, 0 to 1, the model says that it doesn't know; 0 always names the best label. `nil`: a little over a guess
    /// among the labels.
    public var minConfidence: Float?

    /// The usual threshold, unless told otherwise.
    public init(minConfidence: Float? = nil) {
        self.minConfidence = minConfidence
    }
}

/// Which label a text has, as far as the model knows.
public struct Classification: Sendable, Codable, Hashable {
    /// The label that the text has; `nil`: the model doesn't know, no label reached ``ClassifyOptions/minConfidence``.
    public var label: String?
    /// Probability that the likeliest label is right, as the model sees it; not calibrated on data yet.
    public var confidence: Float
    /// Every label, the likeliest first.
    public var scores: [LabelScore]
    /// Who answered.
    public var servedBy: AnswerSource

    /// A classification, for an app's own tests.
    public init(label: String?, confidence: Float, scores: [LabelScore], servedBy: AnswerSource) {
        self.label = label
        self.confidence = confidence
        self.scores = scores
        self.servedBy = servedBy
    }
}

/// A label and its probability among the labels given.
public struct LabelScore: Sendable, Codable, Hashable {
    /// The label.
    public var label: String
    /// Its probability, 0 to 1.
    public var probability: Float

    /// A score, for an app's own tests.
    public init(label: String, probability: Float) {
        self.label = label
        self.probability = probability
    }
}

extension Classification {
    init(_ native: MinnowFFI.Classification) {
        self.init(
            label: native.label,
            confidence: native.confidence,
            scores: native.scores.map { LabelScore(label: $0.label, probability: $0.probability) },
            servedBy: AnswerSource(native.servedBy)
        )
    }
}
