package dev.minnow

import dev.minnow.ffi.NativeChat
import dev.minnow.ffi.TextListener
import java.time.Duration
import java.util.concurrent.atomic.AtomicBoolean
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.buffer
import kotlinx.coroutines.flow.channelFlow
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock

/**
 * A conversation with a model, from [Assistant.chat].
 *
 * The model remembers what was said, so each turn only reads what is new. Turns are taken one after the other: a second waits for the
 * first. Where the conversation outgrows the context, its oldest turns are forgotten, the instruction never.
 *
 * It is an interface so that an app's own tests can do without a model. New versions add functions to it.
 */
public interface Chat : AutoCloseable {
    /**
     * Says [text] and gives the answer once it is complete. A cancelled answer stays in the conversation as far as it came;
     * where nothing came, the turn is taken back.
     *
     * @throws MinnowException.InvalidInput for an empty text or options out of range.
     * @throws MinnowException.ContextFull for a text that doesn't fit even alone.
     * @throws MinnowException.Unsupported for a schema with a keyword that can't be enforced.
     * @throws MinnowException.Closed after [close] of this chat or its assistant.
     */
    public suspend fun say(text: String, options: AnswerOptions = AnswerOptions()): Answer

    /**
     * Says [text] and gives the answer piece by piece, whole characters only. The flow is cold: each collection is a turn. Ending the
     * collection early stops the model.
     *
     * Fails as [say] does.
     */
    public fun stream(text: String, options: AnswerOptions = AnswerOptions()): Flow<ChatEvent>

    /**
     * What the model remembers of what was said, the instruction included: save it, and pass it as [ChatOptions.history] later. Turns that
     * were forgotten, because the context was full, are gone: an app that shows them all keeps its own transcript. Waits for a running
     * answer.
     *
     * @throws MinnowException.Closed after [close] of this chat or its assistant.
     */
    public suspend fun messages(): List<ChatMessage>

    /**
     * Ends the answer that is on its way and gives the conversation's memory back. Returns at once; a running call ends with
     * [MinnowException.Closed]. A second close does nothing.
     */
    override fun close()
}

/** A chat of the native library. */
internal class OpenedChat(
    private val native: NativeChat,
    /** Kept so that a chat alone keeps its model open: an assistant that nobody holds is closed by the garbage collector. */
    @Suppress("unused") private val owner: Assistant,
) : Chat {
    private val turn = Mutex()
    private val opened = AtomicBoolean(true)

    override suspend fun say(text: String, options: AnswerOptions): Answer = say(text, options, null)

    override fun stream(text: String, options: AnswerOptions): Flow<ChatEvent> =
        channelFlow {
            val listener = object : TextListener {
                override fun onText(piece: String) {
                    trySend(ChatEvent.Text(piece))
                }
            }
            send(ChatEvent.Done(say(text, options, listener)))
        }
            // a slow reader loses nothing, and doesn't hold the model up: an answer is a few kilobytes
            .buffer(Channel.UNLIMITED)
            .flowOn(CallDispatcher)

    private suspend fun say(text: String, options: AnswerOptions, listener: TextListener?): Answer =
        turn.withLock { calling { native.say(text.wellFormed(), options.toNative(), listener).toPublic() } }

    override suspend fun messages(): List<ChatMessage> = turn.withLock { calling { native.messages().map { it.toPublic() } } }

    override fun close() {
        if (opened.compareAndSet(true, false)) native.shutDownAndClose()
    }
}

/** How a conversation is opened. */
public data class ChatOptions(
    /** What the model is and how it should answer. */
    public val instruction: String? = null,
    /** What was said before: [Chat.messages] of a conversation that goes on. Its instruction stays, unless [instruction] takes its place. */
    public val history: List<ChatMessage> = emptyList(),
    /** Tokens that the conversation may hold; more costs memory. `null`: as many as the model was trained for, at most 2048. */
    public val contextTokens: Int? = null,
)

/** One turn of a conversation. */
public data class ChatMessage(
    /** Who speaks. */
    public val speaker: Speaker,
    /** What they say. */
    public val text: String,
)

/** Who speaks in a conversation. */
public enum class Speaker {
    /** The app: what the model is and how it should answer. */
    SYSTEM,

    /** The person. */
    USER,

    /** The model. */
    ASSISTANT,

    /** The result of a tool. */
    TOOL,
}

/** How an answer is generated. */
public data class AnswerOptions(
    /** Most tokens of an answer; 256 are about 200 English words. */
    public val maxTokens: Int = 256,
    /** How tokens are drawn; `null`: the likeliest each time, so that the same question gets the same answer. */
    public val sampling: RandomSampling? = null,
    /** Most time for an answer, the reading of the text included; it then ends with [AnswerEnd.LENGTH], as far as it came. */
    public val timeLimit: Duration? = null,
    /** A JSON Schema; an answer that ends with [AnswerEnd.COMPLETE] is JSON that validates against it. */
    public val jsonSchema: String? = null,
)

/** Tokens drawn by chance, for varied wording. */
public data class RandomSampling(
    /** The same seed gives the same choices. */
    public val seed: Long,
    /** Above 0. Below 1 the likely tokens gain, above 1 the unlikely ones. */
    public val temperature: Float = 0.7f,
    /** Above 0, at most 1: the share of the probability that the kept tokens reach together. */
    public val topP: Float = 0.9f,
)

/** An answer. */
public data class Answer(
    /** What the model said. */
    public val text: String,
    /** Why it ended. */
    public val end: AnswerEnd,
    /** Its length in tokens. */
    public val tokens: Int,
    /** From the call to the first token; `null` where the time limit came first. Waiting for a turn doesn't count. */
    public val timeToFirstToken: Duration?,
    /** From the call to the end. Waiting for a turn doesn't count. */
    public val totalTime: Duration,
)

/** Why an answer ended. */
public enum class AnswerEnd {
    /** The model said that it is done, or the asked-for JSON is complete. */
    COMPLETE,

    /** The most tokens, the most time or the end of the context was reached. */
    LENGTH,
}

/** News of an answer on its way. */
public sealed interface ChatEvent {
    /** The next piece of the answer. */
    public data class Text(public val piece: String) : ChatEvent

    /** The whole answer; nothing comes after it. */
    public data class Done(public val answer: Answer) : ChatEvent
}

/** The native object outlives the calls that still hold it; a shutdown ends those. */
internal fun NativeChat.shutDownAndClose() {
    shutDown()
    close()
}

private fun AnswerOptions.toNative() =
    dev.minnow.ffi.AnswerOptions(
        maxTokens = maxTokens.positive("maxTokens"),
        sampling = sampling?.let { dev.minnow.ffi.RandomSampling(it.temperature, it.topP, it.seed.toULong()) },
        timeLimitMs = timeLimit?.toNativeMillis(),
        jsonSchema = jsonSchema?.wellFormed(),
    )

private fun Duration.toNativeMillis(): ULong {
    if (isNegative) throw MinnowException.InvalidInput("timeLimit", "$this, expected no less than 0 (timeLimit)")
    return (seconds.coerceAtMost(MOST_SECONDS) * 1000 + nano / 1_000_000).toULong()
}

/** A hundred years: who means "no limit" gets none. */
private const val MOST_SECONDS = 3_155_760_000L

private fun dev.minnow.ffi.Answer.toPublic() =
    Answer(
        text = text,
        end = when (end) {
            dev.minnow.ffi.AnswerEnd.COMPLETE -> AnswerEnd.COMPLETE
            dev.minnow.ffi.AnswerEnd.LENGTH -> AnswerEnd.LENGTH
        },
        tokens = tokens.toInt(),
        timeToFirstToken = firstTokenMs?.let { Duration.ofMillis(it.toLong()) },
        totalTime = Duration.ofMillis(totalMs.toLong()),
    )

internal fun ChatMessage.toNative(): dev.minnow.ffi.ChatMessage =
    dev.minnow.ffi.ChatMessage(
        when (speaker) {
            Speaker.SYSTEM -> dev.minnow.ffi.Speaker.SYSTEM
            Speaker.USER -> dev.minnow.ffi.Speaker.USER
            Speaker.ASSISTANT -> dev.minnow.ffi.Speaker.ASSISTANT
            Speaker.TOOL -> dev.minnow.ffi.Speaker.TOOL
        },
        text.wellFormed(),
    )

private fun dev.minnow.ffi.ChatMessage.toPublic() =
    ChatMessage(
        when (speaker) {
            dev.minnow.ffi.Speaker.SYSTEM -> Speaker.SYSTEM
            dev.minnow.ffi.Speaker.USER -> Speaker.USER
            dev.minnow.ffi.Speaker.ASSISTANT -> Speaker.ASSISTANT
            dev.minnow.ffi.Speaker.TOOL -> Speaker.TOOL
        },
        text,
    )
