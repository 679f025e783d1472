package dev.minnow.bank.talk

import dev.minnow.AnswerSource
import dev.minnow.ChatEvent
import dev.minnow.Classification
import dev.minnow.LabelScore
import dev.minnow.Schedule
import dev.minnow.Summary
import java.time.ZonedDateTime
import java.util.Locale
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.receiveAsFlow

/** An assistant that says what a test wants. */
class FakeAssistant : BankAssistant {
    /** What every message is classified as. */
    var classification: Classification = unsure()

    /** What every message asks for. */
    var schedule: Schedule = Schedule.NothingToSchedule(AnswerSource.RULES)

    /** The next answer in conversation, piece by piece. */
    var answer = Channel<ChatEvent>(Channel.UNLIMITED)

    /** What was said in conversation. */
    val said = mutableListOf<String>()

    /** Conversations that are open. */
    var open = 0

    override suspend fun classify(message: String, labels: List<String>, minConfidence: Float): Classification = classification

    override suspend fun schedule(message: String, now: ZonedDateTime, locale: Locale): Schedule = schedule

    override suspend fun summarize(letter: String): Summary = Summary("", emptyList(), 0f, AnswerSource.RULES)

    override suspend fun converse(instruction: String): Conversation {
        open++
        return object : Conversation {
            override fun stream(text: String): Flow<ChatEvent> {
                said += text
                return answer.receiveAsFlow()
            }

            override fun close() {
                open--
            }
        }
    }
}

/** The model thinks that a message has this intent. */
fun labelled(intent: BankIntent, confidence: Float) = Classification.Labelled(
    intent.label,
    confidence,
    listOf(LabelScore(intent.label, confidence)),
    AnswerSource.ON_DEVICE,
)

/** The model doesn't know. */
fun unsure() = Classification.Unsure(0.12f, emptyList(), AnswerSource.ON_DEVICE)
