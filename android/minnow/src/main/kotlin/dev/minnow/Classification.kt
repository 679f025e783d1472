package dev.minnow

/** How a text is classified. */
public data class ClassifyOptions(
    /**
     * Below this confidence, 0 to 1, the answer is [Classification.Unsure]; 0 always names the best label. `null`: a little over a
     * guess among the labels.
     */
    public val minConfidence: Float? = null,
)

/** Which label a text has, as far as the model knows. */
public sealed interface Classification {
    /** Probability that the likeliest label is right, as the model sees it; not calibrated on data yet. */
    public val confidence: Float

    /** Every label, the likeliest first. */
    public val scores: List<LabelScore>

    /** Who answered. */
    public val servedBy: AnswerSource

    /** The text has this label. */
    public data class Labelled(
        /** The label. */
        public val label: String,
        override val confidence: Float,
        override val scores: List<LabelScore>,
        override val servedBy: AnswerSource,
    ) : Classification

    /** The model doesn't know: no label reached [ClassifyOptions.minConfidence]. */
    public data class Unsure(
        override val confidence: Float,
        override val scores: List<LabelScore>,
        override val servedBy: AnswerSource,
    ) : Classification
}

/** A label and its probability among the labels given. */
public data class LabelScore(
    /** The label. */
    public val label: String,
    /** Its probability, 0 to 1. */
    public val probability: Float,
)

internal fun dev.minnow.ffi.Classification.toPublic(): Classification {
    val scores = scores.map { LabelScore(it.label, it.probability) }
    return when (val label = label) {
        null -> Classification.Unsure(confidence, scores, servedBy.toPublic())
        else -> Classification.Labelled(label, confidence, scores, servedBy.toPublic())
    }
}
