package dev.minnow.bank.talk

import dev.minnow.AnswerOptions
import dev.minnow.Assistant
import dev.minnow.Chat
import dev.minnow.ChatEvent
import dev.minnow.ChatOptions
import dev.minnow.Classification
import dev.minnow.ClassifyOptions
import dev.minnow.Schedule
import dev.minnow.ScheduleOptions
import dev.minnow.Summary
import java.time.ZonedDateTime
import java.util.Locale
import kotlinx.coroutines.flow.Flow

/** What the bank needs of a model. Every call throws [dev.minnow.MinnowException] and can be cancelled. */
interface BankAssistant {
    /** Which of [labels] a message has, if one reaches [minConfidence]. */
    suspend fun classify(message: String, labels: List<String>, minConfidence: Float): Classification

    /** The times to come that a message speaks of. */
    suspend fun schedule(message: String, now: ZonedDateTime, locale: Locale): Schedule

    /** The sentences of a letter that matter most. */
    suspend fun summarize(letter: String): Summary

    /** A conversation under an instruction. */
    suspend fun converse(instruction: String): Conversation
}

/** An open conversation with the model. */
interface Conversation : AutoCloseable {
    /** Says [text]; the answer comes piece by piece. */
    fun stream(text: String): Flow<ChatEvent>
}

/**
 * Minnow as the bank's assistant.
 *
 * @param answerTokens most tokens of an answer in conversation: a few sentences, since a model this small soon repeats itself.
 */
class MinnowAssistant(private val assistant: Assistant, private val answerTokens: Int = 160) : BankAssistant {
    override suspend fun classify(message: String, labels: List<String>, minConfidence: Float): Classification =
        assistant.classify(message, labels, ClassifyOptions(minConfidence))

    override suspend fun schedule(message: String, now: ZonedDateTime, locale: Locale): Schedule =
        assistant.schedule(message, ScheduleOptions(now = now, locale = locale))

    override suspend fun summarize(letter: String): Summary = assistant.summarize(letter)

    override suspend fun converse(instruction: String): Conversation =
        MinnowConversation(assistant.chat(ChatOptions(instruction)))

    private inner class MinnowConversation(private val chat: Chat) : Conversation {
        override fun stream(text: String): Flow<ChatEvent> = chat.stream(text, AnswerOptions(maxTokens = answerTokens))

        override fun close() = chat.close()
    }
}
