package dev.minnow

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.toList

/** Many calls at once, and a close in the middle of them. */
class ConcurrencyTest {
    private val labels = listOf("greeting", "complaint")

    @Test
    fun `a hundred calls at once get the answers of one after the other`() = testWithModel { assistant ->
        val texts = listOf("Hello there", "This is a scandal", "Good morning to you", "I want my money back")
        val expected = texts.associateWith { assistant.classify(it, labels) }
        val calls = (0 until 100).map { async { texts[it % texts.size].let { text -> text to assistant.classify(text, labels) } } }
        for ((text, found) in calls.awaitAll()) assertEquals(expected[text], found)
    }

    @Test
    fun `functions and chats run side by side`() = testWithModel { assistant ->
        val expected = assistant.chat().use { it.say("Name a colour.", AnswerOptions(maxTokens = 8)).text }
        val answers = (0 until 4).map {
            async { assistant.chat().use { chat -> chat.stream("Name a colour.", AnswerOptions(maxTokens = 8)).toList() } }
        }
        val classes = (0 until 8).map { async { assistant.classify("Hello there", labels) } }
        assertEquals(1, classes.awaitAll().toSet().size)
        for (events in answers.awaitAll()) assertEquals(expected, (events.last() as ChatEvent.Done).answer.text)
    }

    @Test
    fun `a close while calls run ends them as closed`() = test {
        val assistant = TestModel.open()
        val chat = assistant.chat()
        val calls = (0 until 8).map { index ->
            async {
                assertFailsWith<MinnowException.Closed> {
                    if (index % 2 == 0) {
                        assistant.summarize("The clerk counted the money again and wrote a note. ".repeat(200))
                    } else {
                        chat.say("Write a very long story.", AnswerOptions(maxTokens = 1000))
                    }
                }
            }
        }
        delay(500.milliseconds)
        assistant.close()
        calls.awaitAll()
        assertFailsWith<MinnowException.Closed> { assistant.classify("hello", labels) }
        assertFailsWith<MinnowException.Closed> { chat.say("hello") }
        assertFailsWith<MinnowException.Closed> { chat.messages() }
        assistant.close()
        chat.close()
    }

    @Test
    fun `a chat that is closed ends its own answer only`() = testWithModel { assistant ->
        val chat = assistant.chat()
        val call = async {
            assertFailsWith<MinnowException.Closed> { chat.say("Write a very long story.", AnswerOptions(maxTokens = 1000)) }
        }
        delay(500.milliseconds)
        chat.close()
        call.await()
        assistant.classify("hello", labels)
    }
}
