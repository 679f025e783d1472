package dev.minnow

/** How a text is summarised. */
public data class SummarizeOptions(
    /** Most sentences of the summary, 1 to 100. Three are as much as a notification shows. */
    public val sentences: Int = 3,
    /** Most words of the summary; a sentence that would pass it is left out. */
    public val maxWords: Int? = null,
)

/** A text in short. */
public data class Summary(
    /** The chosen sentences in the source's order, one a line. */
    public val text: String,
    /** The chosen sentences and where they stand in the source. */
    public val sentences: List<SummarySentence>,
    /** Share of the model's preference over all sentences that the chosen ones hold, 0 to 1; not calibrated on data yet. */
    public val confidence: Float,
    /** Who answered: rules where the text was short enough to be its own summary. */
    public val servedBy: AnswerSource,
)

/** A sentence of a [Summary]. */
public data class SummarySentence(
    /** The sentence, as it stands in the source but for line breaks. */
    public val text: String,
    /** Where the source says it. */
    public val source: TextSpan,
    /** The model's preference for it, as a share of all sentences'. */
    public val confidence: Float,
)

internal fun SummarizeOptions.toNative(): dev.minnow.ffi.SummarizeOptions =
    dev.minnow.ffi.SummarizeOptions(sentences.positive("sentences"), maxWords?.let { it.positive("maxWords") })

internal fun dev.minnow.ffi.Summary.toPublic(): Summary =
    Summary(
        text = text,
        sentences = sentences.map { SummarySentence(it.text, it.source.toPublic(), it.confidence) },
        confidence = confidence,
        servedBy = servedBy.toPublic(),
    )
