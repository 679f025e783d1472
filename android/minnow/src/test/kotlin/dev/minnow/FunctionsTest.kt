package dev.minnow

import java.io.File
import java.time.DayOfWeek
import java.time.LocalDate
import java.time.ZoneId
import java.time.ZoneOffset
import java.time.ZonedDateTime
import java.util.Locale
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.io.TempDir

/** Every function, with the real model. */
class FunctionsTest {
    private companion object {
        const val MB = 1_000_000
    }

    private val now = ZonedDateTime.of(2026, 11, 24, 9, 30, 0, 0, ZoneId.of("Europe/London"))
    private val letter =
        """
        Dear Ms Ahmed, thank you for banking with us for twelve years. From 1 February the monthly fee of your account rises from 4 to 6
        pounds. You can avoid the fee by keeping 1,500 pounds in the account. The café in our Zürich branch 🐟 has new opening hours.
        If you do not agree with the change, you may close the account free of charge until 31 January. Yours sincerely, the bank.
        """.trimIndent()

    @Test
    fun `a model says what it is`() = testWithModel { assistant ->
        val model = assistant.model
        assertEquals("llama", model.architecture)
        assertTrue(model.canChat)
        assertTrue(!model.onGpu && model.device.startsWith("cpu"), model.device)
        assertEquals(2, model.threads)
        assertTrue(model.contextTokens >= 2048)
    }

    @Test
    fun `a device without a GPU gets the CPU and the reason`() = test {
        Assistant.open(TestModel.file).use { assistant ->
            // a software Vulkan driver is no GPU; this machine may have a real one
            if (!assistant.model.onGpu) assertTrue(assistant.model.deviceReason.isNotBlank())
            assertIs<Classification>(assistant.classify("hello", listOf("greeting", "complaint")))
        }
    }

    @Test
    fun `a summary is made of the source's sentences`() = testWithModel { assistant ->
        val summary = assistant.summarize(letter, SummarizeOptions(sentences = 2))
        assertEquals(2, summary.sentences.size)
        for (sentence in summary.sentences) {
            val source = letter.substring(sentence.source.start, sentence.source.end)
            assertEquals(source.split(Regex("\\s+")), sentence.text.split(Regex("\\s+")))
        }
        assertTrue(summary.confidence in 0f..1f)
        assertEquals(AnswerSource.ON_DEVICE, summary.servedBy)
    }

    @Test
    fun `a text gets one of the labels, or none`() = testWithModel { assistant ->
        val labels = listOf("lost or stolen card", "exchange rate", "change of address")
        val found = assistant.classify("Someone took my purse and my card was in it!", labels)
        assertEquals("lost or stolen card", assertIs<Classification.Labelled>(found).label)
        assertEquals(labels.toSet(), found.scores.map { it.label }.toSet())
        assertEquals(1f, found.scores.map { it.probability }.sum(), 1e-3f)
        val unsure = assistant.classify("Someone took my purse", labels, ClassifyOptions(minConfidence = 1f))
        assertIs<Classification.Unsure>(unsure)
    }

    @Test
    fun `a sentence becomes an event with Java's times`() = testWithModel { assistant ->
        val text = "🗓️ Let's meet Ana at the branch next Tuesday at 10:30, please."
        val schedule = assistant.schedule(text, ScheduleOptions(now, Locale.UK))
        val event = assertIs<Schedule.Events>(schedule).events.single()
        val start = assertIs<EventMoment.Time>(event.time.start)
        assertEquals(ZonedDateTime.of(2026, 12, 1, 10, 30, 0, 0, now.zone), start.time)
        assertEquals(Origin.TEXT, event.time.origins.time)
        assertEquals("next Tuesday at 10:30", text.substring(event.span.start, event.span.end))
        assertTrue("DTSTART;TZID=Europe/London:20261201T103000" in event.time.icalendar)
        assertTrue(event.title.isNotBlank())
    }

    @Test
    fun `habits decide what a text leaves open`() = testWithModel { assistant ->
        suspend fun day(options: ScheduleOptions): LocalDate {
            val schedule = assistant.schedule("The deposit is due on 3/5/2027.", options)
            return assertIs<Schedule.Events>(schedule).events.first().time.start.date
        }
        assertEquals(LocalDate.of(2027, 5, 3), day(ScheduleOptions(now, Locale.UK)))
        assertEquals(LocalDate.of(2027, 3, 5), day(ScheduleOptions(now, Locale.US)))
        val override = ScheduleOptions(now, Locale.US, DayOfWeek.MONDAY, DateOrder.DAY_FIRST)
        assertEquals(LocalDate.of(2027, 5, 3), day(override))
    }

    @Test
    fun `a zone may be an offset`() = testWithModel { assistant ->
        for (zone in listOf(ZoneOffset.ofHours(2), ZoneOffset.UTC, ZoneId.of("GMT+2"))) {
            val here = now.withZoneSameLocal(zone)
            val schedule = assistant.schedule("Call me tomorrow at 4 pm", ScheduleOptions(here, Locale.UK))
            val start = assertIs<EventMoment.Time>(assertIs<Schedule.Events>(schedule).events.single().time.start)
            assertEquals(here.plusDays(1).withHour(16).withMinute(0).toInstant(), start.time.toInstant(), "$zone")
        }
    }

    @Test
    fun `a text without a time has nothing to schedule`() = testWithModel { assistant ->
        assertIs<Schedule.NothingToSchedule>(assistant.schedule("Thanks, that was all.", ScheduleOptions(now)))
    }

    @Test
    fun `a conversation goes on, also after it was saved`() = testWithModel { assistant ->
        val options = AnswerOptions(maxTokens = 12)
        val (first, saved) = assistant.chat(ChatOptions(instruction = "Answer in one short sentence.")).use { chat ->
            val answer = chat.say("What is a savings account?", options)
            assertTrue(answer.text.isNotBlank() && answer.tokens in 1..12)
            answer to chat.messages()
        }
        assertEquals(listOf(Speaker.SYSTEM, Speaker.USER, Speaker.ASSISTANT), saved.map { it.speaker })
        assertEquals(first.text.trim(), saved.last().text)
        assistant.chat(ChatOptions(history = saved)).use { chat ->
            chat.say("And a current account?", options)
            assertEquals(5, chat.messages().size)
        }
    }

    @Test
    fun `a new instruction takes the saved one's place`() = testWithModel { assistant ->
        val saved = listOf(ChatMessage(Speaker.SYSTEM, "Be kind."), ChatMessage(Speaker.USER, "hi"), ChatMessage(Speaker.ASSISTANT, "Hello."))
        assistant.chat(ChatOptions("Be brief.", saved)).use { chat ->
            assertEquals(listOf("Be brief.", "hi", "Hello."), chat.messages().map { it.text })
        }
    }

    @Test
    fun `conversations under one instruction share what was kept of it`(@TempDir folder: File) = test {
        val instruction = "You answer questions about accounts, cards and payments, in one sentence, and never guess."
        val options = TestModel.options.copy(cacheFolder = folder)
        suspend fun answer() = Assistant.open(TestModel.file, options).use { assistant ->
            assistant.chat(ChatOptions(instruction = instruction)).use {
                it.say("Hello", AnswerOptions(maxTokens = 4)).text
            }
        }
        val first = answer()
        assertEquals(1, folder.list()?.size)
        assertEquals(first, answer(), "from what was kept")
        assertEquals(1, folder.list()?.size)
    }

    @Test
    fun `half an emoji is no error and moves no span`() = testWithModel { assistant ->
        val text = "Meet Ana \uD83D tomorrow at 10:30."
        val event = assertIs<Schedule.Events>(assistant.schedule(text, ScheduleOptions(now, Locale.UK))).events.single()
        assertEquals("tomorrow at 10:30", text.substring(event.span.start, event.span.end))
        assistant.classify("\uDE00", listOf("a\uD83D", "b"))
        assertEquals("a\uFFFDb\uD83D\uDE00c", "a\uD83Db\uD83D\uDE00c".wellFormed())
    }

    @Test
    fun `a chat keeps its model open`() = test {
        val chat = TestModel.open().chat(ChatOptions(contextTokens = 512))
        repeat(5) {
            System.gc()
            Thread.sleep(100)
        }
        chat.use { assertTrue(it.say("hi", AnswerOptions(maxTokens = 2)).tokens > 0) }
    }

    @Test
    fun `an answer has the shape of a schema`() = testWithModel { assistant ->
        val schema = """{"type":"object","properties":{"urgent":{"type":"boolean"}},"required":["urgent"],"additionalProperties":false}"""
        assistant.chat().use { chat ->
            val answer = chat.say("My card was stolen, block it now! Is this urgent?", AnswerOptions(jsonSchema = schema))
            assertEquals(AnswerEnd.COMPLETE, answer.end)
            assertTrue(Regex("""\s*\{\s*"urgent"\s*:\s*(true|false)\s*}\s*""").matches(answer.text), answer.text)
        }
    }

    @Test
    fun `the same seed gives the same answer`() = testWithModel { assistant ->
        suspend fun answer(seed: Long) = assistant.chat().use {
            it.say("Tell me about the sea.", AnswerOptions(maxTokens = 16, sampling = RandomSampling(seed, temperature = 1.5f))).text
        }
        assertEquals(answer(7), answer(7))
        assertTrue((1L..4L).map { answer(it) }.toSet().size > 1)
    }

    @Test
    fun `progress rises to the result`() = testWithModel { assistant ->
        val updates = assistant.summarizeWithProgress(letter, SummarizeOptions(sentences = 1)).toList()
        val shares = updates.filterIsInstance<TaskUpdate.Progress>().map { it.share }
        assertEquals(shares.sorted(), shares)
        assertEquals(1f, shares.last())
        assertEquals(assistant.summarize(letter, SummarizeOptions(sentences = 1)), assertIs<TaskUpdate.Done<Summary>>(updates.last()).result)
        val labels = listOf("complaint", "praise")
        val classified = assistant.classifyWithProgress("What a lovely branch", labels).toList()
        assertIs<TaskUpdate.Done<Classification>>(classified.last())
    }

    @Test
    fun `memory that was given back is taken again when it is needed`() = testWithModel { assistant ->
        val labels = listOf("complaint", "praise")
        assistant.chat().use { chat ->
            chat.say("Hello", AnswerOptions(maxTokens = 4))
            val before = assistant.classify("What a lovely branch", labels)
            val full = residentBytes()
            assistant.trim(MemoryPressure.MODERATE)
            val withoutCaches = residentBytes()
            assistant.trim(MemoryPressure.CRITICAL)
            val withoutWeights = residentBytes()
            println("resident MB: %d, caches given back %d, weights too %d".format(full / MB, withoutCaches / MB, withoutWeights / MB))
            assertTrue(withoutWeights < full - 80 * MB, "the weights alone are 98 MB")
            assertEquals(before, assistant.classify("What a lovely branch", labels))
            chat.say("And you?", AnswerOptions(maxTokens = 4))
            assertEquals(4, chat.messages().size)
        }
    }
}
