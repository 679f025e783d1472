package dev.minnow

import dev.minnow.ffi.NativeAssistant
import dev.minnow.ffi.NativeChat
import dev.minnow.ffi.ProgressListener
import dev.minnow.ffi.openAssistant
import java.io.File
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.flow.Flow
import dev.minnow.ffi.ChatOptions as NativeChatOptions
import dev.minnow.ffi.MemoryPressure as NativeMemoryPressure
import dev.minnow.ffi.OpenOptions as NativeOpenOptions

/**
 * A small language model on this device, and the functions that it serves.
 *
 * ```kotlin
 * Assistant.open(File(filesDir, "model.gguf")).use { assistant ->
 *     val summary = assistant.summarize(letter)
 *     println(summary.text)
 * }
 * ```
 *
 * Every function suspends and may be called from any thread, the main thread included: the work is done on threads of Minnow's own.
 * Cancelling the coroutine stops the model before its next token. Calls may overlap; a few run at once and take turns, token by
 * token, the others wait.
 *
 * An assistant holds the model's weights in memory until [close]. Open it once and keep it, in a `ViewModel` or for the whole app.
 *
 * It is an interface so that an app's own tests can do without a model. New versions add functions to it.
 */
public interface Assistant : AutoCloseable {
    /** What was opened, and on what it runs. */
    public val model: ModelInfo

    /**
     * Summarises a text with its own sentences, so that nothing in the summary is invented.
     *
     * A text without a sentence gives an empty summary.
     *
     * @throws MinnowException.InvalidInput for limits of zero, or a text over 1 MiB.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun summarize(text: String, options: SummarizeOptions = SummarizeOptions()): Summary

    /** As [summarize], with the share that is done while it runs. The flow is cold: each collection is a call of its own. */
    public fun summarizeWithProgress(
        text: String,
        options: SummarizeOptions = SummarizeOptions(),
    ): Flow<TaskUpdate<Summary>>

    /**
     * Says which of [labels] a text has, or that the model doesn't know.
     *
     * Labels are words that say what they mean: `card arrival`, `card_arrival` or `cardArrival`, not `intent_17`. A [Classifier] is more often right
     * and a hundred times as fast, even where it knows no more than the labels ([TextEncoder.classifierFromLabels]); trained on examples its
     * confidence can be relied on, too.
     *
     * @throws MinnowException.InvalidInput for an empty text, fewer than 2 or more than 1000 labels, empty or repeated ones.
     * @throws MinnowException.Unsupported for options that only a [Classifier] has.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun classify(
        text: String,
        labels: List<String>,
        options: ClassifyOptions = ClassifyOptions(),
    ): Classification

    /** As [classify], with the share that is done while it runs. The flow is cold: each collection is a call of its own. */
    public fun classifyWithProgress(
        text: String,
        labels: List<String>,
        options: ClassifyOptions = ClassifyOptions(),
    ): Flow<TaskUpdate<Classification>>

    /**
     * Finds the events that a text asks for. Dates are resolved by rules, never invented by the model.
     *
     * @throws MinnowException.ImpossibleDate for a date that is on no calendar (30 February), where the text has no other.
     * @throws MinnowException.InvalidInput for a text over 1 MiB.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun schedule(text: String, options: ScheduleOptions = ScheduleOptions()): Schedule

    /**
     * Starts a conversation, or goes on with a saved one.
     *
     * @throws MinnowException.Unsupported for a model that was not trained for chat: see [ModelInfo.canChat].
     * @throws MinnowException.Memory where the context doesn't fit.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun chat(options: ChatOptions = ChatOptions()): Chat

    /**
     * An encoder made of this model's own hidden states, for languages and texts that no encoder was trained for. It takes longer for a text than
     * an encoder does, and what is trained on it is less often right. It shares the model's memory, and is closed with the assistant.
     *
     * @throws MinnowException.Unsupported for a model without a tokenizer.
     * @throws MinnowException.Closed after [close].
     */
    public suspend fun textEncoder(): TextEncoder

    /**
     * Gives memory back. What is running goes on; the next call makes or reads again what it needs, so nothing else changes.
     *
     * On Android, [observeMemory] calls this when the system asks for memory.
     */
    public suspend fun trim(pressure: MemoryPressure)

    /**
     * Stops what runs and gives the model's memory back. Returns at once, so the main thread may call it; calls that were running end
     * with [MinnowException.Closed]. A second close does nothing.
     */
    override fun close()

    public companion object {
        /**
         * Opens a model: a .gguf file, or a folder with config.json and model.safetensors.
         *
         * @throws MinnowException.Storage where the file can't be read.
         * @throws MinnowException.ModelFile where it is damaged or no model file.
         * @throws MinnowException.Unsupported for a model family or number format that isn't implemented, and where the app was
         *   installed without Minnow's native library for this device.
         * @throws MinnowException.Device where [DevicePreference.GPU] was asked for and there is none.
         */
        public suspend fun open(model: File, options: AssistantOptions = AssistantOptions()): Assistant {
            val free = { unused: NativeAssistant -> unused.shutDownAndClose() }
            return OpenedAssistant(callingFor(free) { openAssistant(model.path.wellFormed(), options.toNative()) })
        }
    }
}

/** The assistant whose model is open in the native library. */
private class OpenedAssistant(private val native: NativeAssistant) : Assistant {
    private val opened = AtomicBoolean(true)

    override val model: ModelInfo = native.facts().toPublic()

    override suspend fun summarize(text: String, options: SummarizeOptions) = summarize(text, options, null)

    override fun summarizeWithProgress(text: String, options: SummarizeOptions) = updates { summarize(text, options, it) }

    private suspend fun summarize(text: String, options: SummarizeOptions, listener: ProgressListener?): Summary =
        calling { native.summarize(text.wellFormed(), options.toNative(), listener).toPublic() }

    override suspend fun classify(text: String, labels: List<String>, options: ClassifyOptions) =
        classify(text, labels, options, null)

    override fun classifyWithProgress(text: String, labels: List<String>, options: ClassifyOptions) =
        updates { classify(text, labels, options, it) }

    private suspend fun classify(
        text: String,
        labels: List<String>,
        options: ClassifyOptions,
        listener: ProgressListener?,
    ): Classification = calling {
        native.classify(text.wellFormed(), labels.map { it.wellFormed() }, options.toNative(), listener).toPublic()
    }

    override suspend fun schedule(text: String, options: ScheduleOptions): Schedule =
        calling { native.schedule(text.wellFormed(), options.toNative()).toPublic() }

    override suspend fun chat(options: ChatOptions): Chat {
        val chat = callingFor(free = { unused: NativeChat -> unused.shutDownAndClose() }) { native.chat(options.toNative()) }
        return OpenedChat(chat, this)
    }

    override suspend fun textEncoder(): TextEncoder =
        OpenedEncoder(callingFor({ it.shutDownAndClose() }) { native.textEncoder() })

    override suspend fun trim(pressure: MemoryPressure) {
        calling { native.trim(pressure.toNative()) }
    }

    override fun close() {
        if (opened.compareAndSet(true, false)) native.shutDownAndClose()
    }
}

/** How a model is opened. */
public data class AssistantOptions(
    /** Which processor to use. */
    public val device: DevicePreference = DevicePreference.AUTO,
    /** CPU threads, 1 to 1024; `null`: one for each core. Two to four are often fastest on phones, and kinder to the battery. */
    public val threads: Int? = null,
    /**
     * A folder of the app's own, `context.cacheDir` for one, where the model keeps what it knows after the instructions of
     * conversations: a later conversation under the same instruction answers at once, after a restart of the app too. At most 128 MB;
     * the system may empty it. `null`: nothing is kept. What a person says is never written there.
     */
    public val cacheFolder: File? = null,
)

/** Which processor a model runs on. */
public enum class DevicePreference {
    /** A GPU where there is one that computes right and faster than the CPU; both are tried when the model is opened. */
    AUTO,

    /** The GPU; an error where there is none. */
    GPU,

    /** The CPU. */
    CPU,
}

/** An opened model. */
public data class ModelInfo(
    /** The model family, in the words of the model file. */
    public val architecture: String,
    /** The longest context that the model was trained for, in tokens. */
    public val contextTokens: Int,
    /** Whether it can hold a conversation. */
    public val canChat: Boolean,
    /** Whether it runs on a GPU. */
    public val onGpu: Boolean,
    /** The processor as its driver names it. */
    public val device: String,
    /** Why that processor was chosen. */
    public val deviceReason: String,
    /** CPU threads in use. */
    public val threads: Int,
)

/** How badly the system wants memory back. */
public enum class MemoryPressure {
    /** Caches of idle conversations go; making them again takes about as long as reading the conversation did. */
    MODERATE,

    /** The weights go too; the next call reads them again, in well under a second for a model of 100 MB. */
    CRITICAL,
}

/** Who gave an answer. */
public enum class AnswerSource {
    /** The model on this device. */
    ON_DEVICE,

    /** Rules on this device, where no model was needed. */
    RULES,
}

/** A stretch of the text that a call was given: `text.substring(start, end)`. */
public data class TextSpan(
    /** The first character. */
    public val start: Int,
    /** After the last character. */
    public val end: Int,
)

/** The native object outlives the calls that still hold it; a shutdown ends those. */
private fun NativeAssistant.shutDownAndClose() {
    shutDown()
    close()
}

private fun AssistantOptions.toNative() =
    NativeOpenOptions(
        device = device.toNative(),
        threads = threads?.let { it.positive("threads") },
        cacheFolder = cacheFolder?.path,
    )

internal fun DevicePreference.toNative(): dev.minnow.ffi.DeviceChoice = when (this) {
    DevicePreference.AUTO -> dev.minnow.ffi.DeviceChoice.AUTO
    DevicePreference.GPU -> dev.minnow.ffi.DeviceChoice.GPU
    DevicePreference.CPU -> dev.minnow.ffi.DeviceChoice.CPU
}

internal fun MemoryPressure.toNative(): NativeMemoryPressure = when (this) {
    MemoryPressure.MODERATE -> NativeMemoryPressure.MODERATE
    MemoryPressure.CRITICAL -> NativeMemoryPressure.CRITICAL
}

private fun dev.minnow.ffi.ModelFacts.toPublic() =
    ModelInfo(architecture, contextTokens.toInt(), canChat, onGpu, device, deviceReason, threads.toInt())

private fun ChatOptions.toNative(): NativeChatOptions {
    // a saved conversation begins with its instruction
    val said = if (instruction == null) history else history.dropWhile { it.speaker == Speaker.SYSTEM }
    return NativeChatOptions(
        instruction?.wellFormed(),
        said.map { it.toNative() },
        contextTokens?.let { it.positive("contextTokens") },
    )
}

internal fun dev.minnow.ffi.AnswerSource.toPublic(): AnswerSource = when (this) {
    dev.minnow.ffi.AnswerSource.ON_DEVICE -> AnswerSource.ON_DEVICE
    dev.minnow.ffi.AnswerSource.RULES -> AnswerSource.RULES
}

internal fun dev.minnow.ffi.TextSpan.toPublic(): TextSpan = TextSpan(start.toInt(), end.toInt())
