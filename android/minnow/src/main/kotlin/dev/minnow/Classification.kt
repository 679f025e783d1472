package dev.minnow

/** How a text is classified. */
public data class ClassifyOptions(
    /**
     * Below this confidence, 0 to 1, the answer is [Classification.Unsure]; 0 always names the best label. `null`: a [Classifier] always
     * names the likeliest label, and [Assistant.classify] asks for a little more than a guess among the labels.
     */
    public val minConfidence: Float? = null,
    /**
     * Of a [Classifier]: the share of named labels that shall be right, 0 to 1. Answers that are less sure than that are
     * [Classification.Unsure]; where there were too few examples to tell, all are.
     */
    public val accuracy: Float? = null,
    /**
     * Of a [Classifier]: the share of texts of known labels, 0 to 1, that may be [Classification.OutOfScope] so that texts of none are
     * found. `null`: 0.0125; 0 refuses nothing. With fewer examples than that share is one of (79 for 0.0125) it can't be told, and nothing is
     * refused.
     */
    public val refused: Float? = null,
    /** Of a [Classifier]: whether to say which words carried the answer, which takes as long as a classification for each word. */
    public val evidence: Boolean = false,
)

/** Which label a text has, as far as the model knows. */
public sealed interface Classification {
    /**
     * Probability that the likeliest label is right: of a trained [Classifier], calibrated on examples that were held out; of
     * [Assistant.classify], as the model sees it.
     */
    public val confidence: Float

    /** Every label, the likeliest first. */
    public val scores: List<LabelScore>

    /** Who answered. */
    public val servedBy: AnswerSource

    /** The words that spoke most for the likeliest label, the strongest first, where [ClassifyOptions.evidence] asked for them. */
    public val evidence: List<Evidence>

    /** The text has this label. */
    public data class Labelled(
        /** The label. */
        public val label: String,
        override val confidence: Float,
        override val scores: List<LabelScore>,
        override val servedBy: AnswerSource,
        override val evidence: List<Evidence> = emptyList(),
    ) : Classification

    /** The model doesn't know: no label is as likely as [ClassifyOptions] ask. Those in [scores] are what to offer. */
    public data class Unsure(
        override val confidence: Float,
        override val scores: List<LabelScore>,
        override val servedBy: AnswerSource,
        override val evidence: List<Evidence> = emptyList(),
    ) : Classification

    /** The text is about something else: it is like no example of any label. Only a [Classifier] tells. */
    public data class OutOfScope(
        override val confidence: Float,
        override val scores: List<LabelScore>,
        override val servedBy: AnswerSource,
        override val evidence: List<Evidence> = emptyList(),
    ) : Classification
}

/** A label and its probability among the labels given. */
public data class LabelScore(
    /** The label. */
    public val label: String,
    /** Its probability, 0 to 1. */
    public val probability: Float,
)

/** A word that spoke for an answer. */
public data class Evidence(
    /** The word. */
    public val word: String,
    /** Where it stands in the text. */
    public val span: TextSpan,
    /** How much less likely the label is without it: the difference of the logarithms of its odds. */
    public val weight: Float,
)

internal fun ClassifyOptions.toNative(): dev.minnow.ffi.ClassifyOptions =
    dev.minnow.ffi.ClassifyOptions(minConfidence, accuracy, refused, evidence)

internal fun dev.minnow.ffi.Classification.toPublic(): Classification {
    val scores = scores.map { LabelScore(it.label, it.probability) }
    val evidence = evidence.map { Evidence(it.word, it.span.toPublic(), it.weight) }
    val servedBy = servedBy.toPublic()
    return when (val label = label) {
        null -> when (abstention) {
            dev.minnow.ffi.Abstention.OUT_OF_SCOPE -> Classification.OutOfScope(confidence, scores, servedBy, evidence)
            else -> Classification.Unsure(confidence, scores, servedBy, evidence)
        }
        else -> Classification.Labelled(label, confidence, scores, servedBy, evidence)
    }
}
