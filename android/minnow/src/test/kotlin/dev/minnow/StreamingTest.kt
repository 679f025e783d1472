package dev.minnow

import java.time.Duration
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlin.time.measureTime
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.async
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch

/** Answers piece by piece, and their cancel. */
class StreamingTest {
    private val long = AnswerOptions(maxTokens = 1000)
    private val question = "Write a very long story about a bank clerk, with many details."

    @Test
    fun `pieces add up to the answer`() = testWithModel { assistant ->
        assistant.chat().use { chat ->
            val events = chat.stream("Name three fruits.", AnswerOptions(maxTokens = 24)).toList()
            val answer = assertIs<ChatEvent.Done>(events.last()).answer
            val pieces = events.dropLast(1).map { assertIs<ChatEvent.Text>(it).piece }
            assertTrue(pieces.size > 3, "it comes in more than one piece")
            assertEquals(answer.text, pieces.joinToString(""))
        }
    }

    @Test
    fun `a slow reader loses nothing`() = testWithModel { assistant ->
        assistant.chat().use { chat ->
            val pieces = StringBuilder()
            var whole = ""
            chat.stream("Name three fruits.", AnswerOptions(maxTokens = 16)).onEach { delay(20.milliseconds) }.collect {
                when (it) {
                    is ChatEvent.Text -> pieces.append(it.piece)
                    is ChatEvent.Done -> whole = it.answer.text
                }
            }
            assertEquals(whole, pieces.toString())
        }
    }

    @Test
    fun `cancelling the coroutine stops the model within a token`() = testWithModel { assistant ->
        assistant.chat().use { chat ->
            val call = launch { chat.stream(question, long).collect() }
            delay(1.seconds)
            call.cancel()
            call.join()
            // the chat is free again only when the model has stopped
            val stopped = measureTime { chat.messages() }
            assertTrue(stopped < 2.seconds, "it took $stopped")
            val partial = chat.messages().last()
            assertEquals(Speaker.ASSISTANT, partial.speaker, "what was said stays said")
            val later = chat.messages().last()
            assertEquals(partial, later, "nothing is added afterwards")
            chat.say("Thanks", AnswerOptions(maxTokens = 2))
        }
    }

    @Test
    fun `the time limit counts the reading of the text too`() = testWithModel { assistant ->
        assistant.chat().use { chat ->
            val letter = "Please tell me what this account costs each month and why. ".repeat(80)
            var answer: Answer
            val took = measureTime { answer = chat.say(letter, AnswerOptions(timeLimit = Duration.ofMillis(50))) }
            assertEquals(AnswerEnd.LENGTH to 0, answer.end to answer.tokens, "it takes longer to read")
            assertNull(answer.timeToFirstToken)
            assertTrue(took < 5.seconds, "it took $took")
            val next = chat.say("Thanks", AnswerOptions(maxTokens = 2))
            val first = checkNotNull(next.timeToFirstToken)
            assertTrue(first <= next.totalTime && first > Duration.ofMillis(1), "$first of ${next.totalTime}")
        }
    }

    @Test
    fun `taking only the beginning stops the model`() = testWithModel { assistant ->
        assistant.chat().use { chat ->
            val pieces = chat.stream(question, long).take(3).toList()
            assertEquals(3, pieces.size)
            assertTrue(chat.messages().last().text.length < 400)
        }
    }

    @Test
    fun `a cancelled call that still waits never runs`() = testWithModel { assistant ->
        assistant.chat().use { chat ->
            val running = launch { chat.stream(question, long).collect() }
            delay(300.milliseconds)
            val waiting = async { chat.say("Second") }
            delay(50.milliseconds)
            waiting.cancel()
            assertFailsWith<CancellationException> { waiting.await() }
            running.cancel()
            running.join()
            assertTrue(chat.messages().none { it.text == "Second" })
        }
    }

    @Test
    fun `cancelling a long function frees the assistant`() = testWithModel { assistant ->
        val text = "The clerk counted the money again and wrote a note about it. ".repeat(300)
        val call = launch { assistant.summarize(text) }
        delay(500.milliseconds)
        call.cancel()
        call.join()
        val next = measureTime { assistant.classify("hello", listOf("greeting", "complaint")) }
        assertTrue(next < 5.seconds, "it took $next")
    }

    @Test
    fun `the first piece comes long before the end`() = testWithModel { assistant ->
        assistant.chat().use { chat ->
            val first = measureTime { chat.stream(question, long).first() }
            assertTrue(first < 10.seconds, "it took $first")
        }
    }
}
