internal import MinnowFFI

/// How a text is classified.
public struct ClassifyOptions: Sendable, Codable, Hashable {
    /// Below this confidence, 0 to 1, no label is named; 0 always names the best one. `nil`: a ``Classifier`` always names the likeliest
    /// label, and ``Assistant/classify(_:labels:options:)`` asks for a little more than a guess among the labels.
    public var minConfidence: Float?
    /// Of a ``Classifier``: the share of named labels that shall be right, 0 to 1. Answers that are less sure than that name none; where
    /// there were too few examples to tell, none does.
    public var accuracy: Float?
    /// Of a ``Classifier``: the share of texts of known labels, 0 to 1, that may be taken for ``Abstention/outOfScope`` so that texts of
    /// none are found. `nil`: 0.0125; 0 refuses nothing. With fewer examples than that share is one of (79 for 0.0125) it can't be told, and
    /// nothing is refused.
    public var refused: Float?
    /// Of a ``Classifier``: whether to say which words carried the answer, which takes as long as a classification for each word.
    public var evidence: Bool

    /// The usual thresholds and no evidence, unless told otherwise.
    public init(minConfidence: Float? = nil, accuracy: Float? = nil, refused: Float? = nil, evidence: Bool = false) {
        self.minConfidence = minConfidence
        self.accuracy = accuracy
        self.refused = refused
        self.evidence = evidence
    }
}

/// Which label a text has, as far as the model knows.
public struct Classification: Sendable, Codable, Hashable {
    /// The label that the text has; `nil`: ``abstention`` says why.
    public var label: String?
    /// Why no label is named.
    public var abstention: Abstention?
    /// Probability that the likeliest label is right: of a trained ``Classifier``, calibrated on examples that were held out; of
    /// ``Assistant/classify(_:labels:options:)``, as the model sees it.
    public var confidence: Float
    /// Every label, the likeliest first.
    public var scores: [LabelScore]
    /// The words that spoke most for the likeliest label, the strongest first, where ``ClassifyOptions/evidence`` asked for them.
    public var evidence: [Evidence]
    /// Who answered.
    public var servedBy: AnswerSource

    /// A classification, for an app's own tests.
    public init(
        label: String?,
        abstention: Abstention? = nil,
        confidence: Float,
        scores: [LabelScore],
        evidence: [Evidence] = [],
        servedBy: AnswerSource
    ) {
        self.label = label
        self.abstention = abstention
        self.confidence = confidence
        self.scores = scores
        self.evidence = evidence
        self.servedBy = servedBy
    }
}

/// Why no label is named.
public enum Abstention: Sendable, Codable, Hashable {
    /// No label is as likely as ``ClassifyOptions`` ask. Those in ``Classification/scores`` are what to offer.
    case unsure
    /// The text is about something else: it is like no example of any label. Only a ``Classifier`` tells.
    case outOfScope
}

/// A label and its probability.
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

/// A word that spoke for an answer.
public struct Evidence: Sendable, Codable, Hashable {
    /// The word.
    public var word: String
    /// Where it stands in the text.
    public var span: TextSpan
    /// How much less likely the label is without it: the difference of the logarithms of its odds.
    public var weight: Float

    /// A piece of evidence, for an app's own tests.
    public init(word: String, span: TextSpan, weight: Float) {
        self.word = word
        self.span = span
        self.weight = weight
    }
}

extension ClassifyOptions {
    var native: MinnowFFI.ClassifyOptions {
        .init(minConfidence: minConfidence, accuracy: accuracy, refused: refused, evidence: evidence)
    }
}

extension Classification {
    init(_ native: MinnowFFI.Classification) {
        self.init(
            label: native.label,
            abstention: native.abstention.map(Abstention.init),
            confidence: native.confidence,
            scores: native.scores.map { LabelScore(label: $0.label, probability: $0.probability) },
            evidence: native.evidence.map { Evidence(word: $0.word, span: TextSpan($0.span), weight: $0.weight) },
            servedBy: AnswerSource(native.servedBy)
        )
    }
}

extension Abstention {
    fileprivate init(_ native: MinnowFFI.Abstention) {
        self =
            switch native {
            case .unsure: .unsure
            case .outOfScope: .outOfScope
            }
    }
}
