package dev.minnow

import dev.minnow.ffi.NativeAnnotator
import dev.minnow.ffi.NativeClassifier
import dev.minnow.ffi.ProgressListener
import java.io.File
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.flow.Flow

/**
 * Says which of its labels a text has, how sure that is, and when it doesn't know. Made by a [TextEncoder], from examples in seconds; a
 * text takes a few milliseconds.
 *
 * It uses the encoder that made it: keep that open. It is an interface so that an app's own tests can do without a model.
 */
public interface Classifier : AutoCloseable {
    /**
     * What it says about itself, as far as it has learned.
     *
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun info(): ClassifierInfo

    /**
     * Says which label a text has.
     *
     * @throws MinnowException.InvalidInput for an empty text, one over 16 MiB, or an option out of its range.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun classify(text: String, options: ClassifyOptions = ClassifyOptions()): Classification

    /** As [classify] for many texts, in their order and faster than one after the other. */
    public suspend fun classify(texts: List<String>, options: ClassifyOptions = ClassifyOptions()): List<Classification>

    /** As [classify], with the share that is done while it runs. The flow is cold: each collection is a call of its own. */
    public fun classifyWithProgress(
        texts: List<String>,
        options: ClassifyOptions = ClassifyOptions(),
    ): Flow<TaskUpdate<List<Classification>>>

    /**
     * Learns further examples, of known labels or new ones, such as a user's corrections: in well under a second, and each of them is answered
     * with its label afterwards. What was learned before is kept. After many corrections, train anew.
     *
     * Nothing of it is on disk before the next [save].
     *
     * @throws MinnowException.InvalidInput for an empty text or label.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun learn(examples: List<LabelledText>)

    /**
     * Writes the classifier to a file of a few hundred kilobytes, for [TextEncoder.loadClassifier]. It holds no text of the examples. An
     * earlier file stays whole until the new one is.
     *
     * @throws MinnowException.Storage where the file can't be written.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun save(file: File)

    /**
     * An annotator of bank transactions whose categories are the labels of this classifier, as it is now.
     *
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun annotator(): Annotator

    /**
     * Stops what runs and gives the classifier's memory back, that of its annotators too; the encoder stays open. Returns at once. Calls that
     * were running end with [MinnowException.Closed]. A second close does nothing.
     */
    override fun close()
}

/** A text and its label. */
public data class LabelledText(
    /** The text. */
    public val text: String,
    /** Its label. Words that say what they mean (`card arrival`, `card_arrival`) count as an example too. */
    public val label: String,
)

/** What a [Classifier] says about itself. */
public data class ClassifierInfo(
    /** The labels, in the order in which they were first met. */
    public val labels: List<String>,
    /** Examples that it was trained on and has learned. */
    public val examples: Long,
    /** Share of right answers to examples that were held out in training; 0 without examples. */
    public val crossValidatedAccuracy: Float,
    /** Mean distance between confidence and accuracy, over examples that were held out. */
    public val expectedCalibrationError: Float,
)

/** The classifier that is open in the native library. */
internal class OpenedClassifier(private val native: NativeClassifier) : Classifier {
    private val opened = AtomicBoolean(true)

    override suspend fun info(): ClassifierInfo = calling {
        native.facts().let { ClassifierInfo(it.labels, it.examples.toLong(), it.crossValidatedAccuracy, it.expectedCalibrationError) }
    }

    override suspend fun classify(text: String, options: ClassifyOptions): Classification =
        classify(listOf(text), options).single()

    override suspend fun classify(texts: List<String>, options: ClassifyOptions) = classify(texts, options, null)

    override fun classifyWithProgress(texts: List<String>, options: ClassifyOptions) =
        updates { classify(texts, options, it) }

    private suspend fun classify(texts: List<String>, options: ClassifyOptions, listener: ProgressListener?): List<Classification> =
        calling { native.classify(texts.map { it.wellFormed() }, options.toNative(), listener).map { it.toPublic() } }

    override suspend fun learn(examples: List<LabelledText>) {
        calling { native.learn(examples.map { it.toNative() }) }
    }

    override suspend fun save(file: File) {
        calling { native.save(file.path.wellFormed()) }
    }

    override suspend fun annotator(): Annotator {
        val free = { unused: NativeAnnotator -> unused.shutDownAndClose() }
        return OpenedAnnotator(callingFor(free) { native.annotator() })
    }

    override fun close() {
        if (opened.compareAndSet(true, false)) native.shutDownAndClose()
    }
}

internal fun LabelledText.toNative() = dev.minnow.ffi.LabelledText(text.wellFormed(), label.wellFormed())

/** The native object outlives the calls that still hold it; a shutdown ends those. */
internal fun NativeClassifier.shutDownAndClose() {
    shutDown()
    close()
}
