package dev.minnow

import dev.minnow.ffi.EncoderOpenOptions
import dev.minnow.ffi.NativeClassifier
import dev.minnow.ffi.NativeEncoder
import dev.minnow.ffi.ProgressListener
import dev.minnow.ffi.openEncoder
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.flow.Flow

/**
 * A small encoder on this device: it turns texts into vectors that lie close where meanings do, and trains classifiers on them, in seconds.
 *
 * ```kotlin
 * TextEncoder.open(store.file(ModelStore.DEFAULT_ENCODER)).use { encoder ->
 *     val classifier = encoder.trainClassifier(examples)
 *     classifier.save(File(filesDir, "tickets.head"))
 *     println(classifier.classify("my card hasn't come yet"))
 * }
 * ```
 *
 * Every function suspends and may be called from any thread, the main thread included: the work is done on threads of Minnow's own.
 * Cancelling the coroutine stops the encoder before its next batch, a tenth of a second at most. Calls may overlap and take turns.
 *
 * An encoder holds its weights in memory until [close]. Open it once and keep it.
 *
 * It is an interface so that an app's own tests can do without a model. New versions add functions to it.
 */
public interface TextEncoder : AutoCloseable {
    /** What was opened, and on what it runs. */
    public val model: EncoderInfo

    /**
     * The embeddings of texts, each of length 1 and [EncoderInfo.dimensions] numbers: the sum of the products of two is the cosine of the
     * angle between them, 1 where they mean the same. Of a long text the first [EncoderInfo.maxTokens] tokens are read.
     *
     * @throws MinnowException.InvalidInput for a text over 16 MiB.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun embed(texts: List<String>): List<FloatArray>

    /** As [embed], with the share that is done while it runs. The flow is cold: each collection is a call of its own. */
    public fun embedWithProgress(texts: List<String>): Flow<TaskUpdate<List<FloatArray>>>

    /**
     * Trains a classifier on examples, of which every label has at least one. Ten examples for each of 77 labels take about ten seconds on
     * two cores of a server. Equal texts count as often as they occur; where they have several labels, the confidence is shared out among
     * these.
     *
     * @throws MinnowException.InvalidInput for fewer than two labels, more than 10,000, an empty text or label, over a million examples.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun trainClassifier(examples: List<LabelledText>, options: TrainOptions = TrainOptions()): Classifier

    /** As [trainClassifier], with the share that is done while it runs. The flow is cold: each collection is a call of its own. */
    public fun trainClassifierWithProgress(
        examples: List<LabelledText>,
        options: TrainOptions = TrainOptions(),
    ): Flow<TaskUpdate<Classifier>>

    /**
     * A classifier that knows its labels by their names alone: a text has the label whose name means about the same. Much less right than
     * a trained one, and its confidence is a guess; [Classifier.learn] makes it better one example at a time.
     *
     * @throws MinnowException.InvalidInput for fewer than two labels, more than 10,000, or one that is no word.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun classifierFromLabels(labels: List<String>): Classifier

    /**
     * Reads a classifier that was saved. It is for the encoder that it was trained with.
     *
     * @throws MinnowException.ModelFile for a file that is no classifier, is damaged, or was trained with another encoder.
     * @throws MinnowException.Unsupported for one of a later version.
     * @throws MinnowException.Storage where the file can't be read.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun loadClassifier(file: File): Classifier

    /**
     * Gives memory back; under [MemoryPressure.CRITICAL] the weights go. The next call reads them again, so nothing else changes.
     *
     * On Android, [observeMemory] calls this when the system asks for memory.
     */
    public suspend fun trim(pressure: MemoryPressure)

    /**
     * Stops what runs and gives the memory back, that of its classifiers and their annotators too. Returns at once, so the main thread may
     * call it; calls that were running end with [MinnowException.Closed]. A second close does nothing.
     */
    override fun close()

    public companion object {
        /**
         * Opens an encoder: a .gguf file, or a folder with config.json, model.safetensors and tokenizer.json.
         *
         * @throws MinnowException.Storage where the file can't be read.
         * @throws MinnowException.ModelFile where it is damaged or no model file.
         * @throws MinnowException.Unsupported for a model that is no encoder or of a family that isn't implemented, and where the app was
         *   installed without Minnow's native library for this device.
         * @throws MinnowException.Device where [DevicePreference.GPU] was asked for and there is none.
         */
        public suspend fun open(model: File, options: EncoderOptions = EncoderOptions()): TextEncoder {
            val free = { unused: NativeEncoder -> unused.shutDownAndClose() }
            return OpenedEncoder(callingFor(free) { openEncoder(model.path.wellFormed(), options.toNative()) })
        }
    }
}

/** How an encoder is opened. */
public data class EncoderOptions(
    /** Which processor to use. */
    public val device: DevicePreference = DevicePreference.AUTO,
    /** CPU threads, 1 to 1024; `null`: one for each core. */
    public val threads: Int? = null,
    /** How exact its numbers are. */
    public val precision: EncoderPrecision = EncoderPrecision.EIGHT_BITS,
)

/** How exact an encoder's numbers are. */
public enum class EncoderPrecision {
    /**
     * Weights of more than 8 bits are rounded to 8 when they are read: a quarter of the memory and a fraction of the time. Embeddings of the
     * default encoder move by 0.0025 (as a cosine distance) at most, and classifiers are as often right.
     */
    EIGHT_BITS,

    /** Weights stay as they are stored. */
    AS_STORED,
}

/** An opened encoder. */
public data class EncoderInfo(
    /** The model family, in the words of the model file. */
    public val architecture: String,
    /** Numbers of an embedding. */
    public val dimensions: Int,
    /** Tokens of a text that are read; what comes after them is not. */
    public val maxTokens: Int,
    /** Whether it runs on a GPU. */
    public val onGpu: Boolean,
    /** The processor as its driver names it. */
    public val device: String,
    /** Why that processor was chosen. */
    public val deviceReason: String,
    /** CPU threads in use. */
    public val threads: Int,
)

/** How a classifier is trained. */
public data class TrainOptions(
    /** Which examples are held out together. The same seed, examples and encoder give the same classifier. */
    public val seed: Long = 0,
)

/** The encoder whose model is open in the native library. */
internal class OpenedEncoder(private val native: NativeEncoder) : TextEncoder {
    private val opened = AtomicBoolean(true)

    override val model: EncoderInfo = native.facts().let {
        val (dimensions, maxTokens) = it.dimensions.toInt() to it.maxTokens.toInt()
        EncoderInfo(it.architecture, dimensions, maxTokens, it.onGpu, it.device, it.deviceReason, it.threads.toInt())
    }

    override suspend fun embed(texts: List<String>) = embed(texts, null)

    override fun embedWithProgress(texts: List<String>) = updates { embed(texts, it) }

    private suspend fun embed(texts: List<String>, listener: ProgressListener?): List<FloatArray> = calling {
        val numbers = ByteBuffer.wrap(native.embed(texts.map { it.wellFormed() }, listener))
            .order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
        List(texts.size) { FloatArray(model.dimensions).also { numbers.get(it) } }
    }

    override suspend fun trainClassifier(examples: List<LabelledText>, options: TrainOptions) = train(examples, options, null)

    override fun trainClassifierWithProgress(examples: List<LabelledText>, options: TrainOptions) =
        updates { train(examples, options, it) }

    private suspend fun train(examples: List<LabelledText>, options: TrainOptions, listener: ProgressListener?): Classifier =
        classifier { native.trainClassifier(examples.map { it.toNative() }, options.seed.toULong(), listener) }

    override suspend fun classifierFromLabels(labels: List<String>): Classifier =
        classifier { native.classifierFromLabels(labels.map { it.wellFormed() }) }

    override suspend fun loadClassifier(file: File): Classifier =
        classifier { native.loadClassifier(file.path.wellFormed()) }

    private suspend fun classifier(make: suspend () -> NativeClassifier): Classifier =
        OpenedClassifier(callingFor({ it.shutDownAndClose() }, make))

    override suspend fun trim(pressure: MemoryPressure) {
        calling { native.trim(pressure.toNative()) }
    }

    override fun close() {
        if (opened.compareAndSet(true, false)) native.shutDownAndClose()
    }
}

private fun EncoderOptions.toNative() =
    EncoderOpenOptions(device.toNative(), threads?.positive("threads"), precision == EncoderPrecision.EIGHT_BITS)

/** The native object outlives the calls that still hold it; a shutdown ends those. */
internal fun NativeEncoder.shutDownAndClose() {
    shutDown()
    close()
}
