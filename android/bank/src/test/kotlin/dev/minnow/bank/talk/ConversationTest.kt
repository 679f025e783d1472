package dev.minnow.bank.talk

import dev.minnow.Assistant
import dev.minnow.AssistantOptions
import dev.minnow.DevicePreference
import dev.minnow.bank.ReplyText
import dev.minnow.bank.ResourceStrings
import dev.minnow.bank.TestData
import dev.minnow.bank.account.JdbcAccountRepository
import java.time.Clock
import java.time.LocalDateTime
import java.time.ZoneId
import java.util.Locale
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.json.JSONArray
import org.json.JSONObject
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.TestFactory

/** Every conversation of `tests/data/bank/conversations.json`, by the real engine. */
class ConversationTest {
    @TestFactory
    fun `a scripted conversation goes as its script says`(): List<DynamicTest> {
        val zone = ZoneId.of(script.getString("zone"))
        val now = LocalDateTime.parse(script.getString("now")).atZone(zone)
        return script.getJSONArray("conversations").objects().map { conversation ->
            val replay = { replay(conversation, Clock.fixed(now.toInstant(), zone)) }
            DynamicTest.dynamicTest(conversation.getString("name")) { replay() }
        }
    }

    private fun replay(conversation: JSONObject, clock: Clock) = runBlocking {
        val locale = Locale.forLanguageTag(conversation.getString("locale"))
        val accounts = JdbcAccountRepository()
        BankPresenter(MinnowAssistant(assistant, ANSWER_TOKENS), accounts, clock, { locale }, coroutineContext).use { presenter ->
            val words = ReplyText(ResourceStrings.of(locale), locale)
            for (turn in conversation.getJSONArray("turns").objects()) {
                act(turn, presenter)
                val state = withTimeout(TURN_MS) { presenter.state.first { !it.isAnswering } }
                check(turn, state, words)
                presenter.calendarOpened()
            }
        }
        accounts.close()
    }

    private fun act(turn: JSONObject, presenter: BankPresenter) {
        val last = presenter.state.value.messages.lastOrNull() as BankMessage?
        when {
            turn.has("user") -> presenter.send(turn.getString("user"))
            turn.has("file") -> presenter.send(TestData.text(turn.getString("file")))
            turn.has("choose") -> presenter.choose(last!!.id, (last.reply as Reply.Offers).visits[turn.getInt("choose")])
            turn.has("reject") -> presenter.reject(last!!.id)
            else -> error("a turn without an act: $turn")
        }
    }

    private fun check(turn: JSONObject, state: BankState, words: ReplyText) {
        val message = state.messages[state.messages.size - 2] as UserMessage
        val reply = (state.messages.last() as BankMessage).reply
        assertEquals(turn.getString("answer"), kind(reply), "$turn: $message, $reply")
        if (turn.has("intent")) assertEquals(turn.getString("intent"), message.recognised?.intent?.label, "$turn: $message")
        if (turn.has("offers")) {
            val starts = (reply as Reply.Offers).visits.map { it.start.toLocalDateTime().toString() }
            assertEquals(turn.getJSONArray("offers").strings(), starts, "$turn")
        }
        if (turn.has("start")) {
            val visit = assertNotNull(state.forCalendar, "$turn")
            assertEquals(turn.getString("start"), visit.start.toLocalDateTime().toString(), "$turn")
            assertEquals(turn.getString("end"), visit.end.toLocalDateTime().toString(), "$turn")
        }
        val said = words.of(reply)
        turn.optJSONArray("says")?.strings().orEmpty().forEach { assertTrue(it in said, "$turn: $said") }
        when (reply) {
            is Reply.Chat -> assertTrue(said.isNotBlank(), "$turn")
            is Reply.Summary -> assertAllFrom(message.text, reply.sentences)
            else -> Unit
        }
    }

    private fun assertAllFrom(text: String, sentences: List<String>) {
        val flat = text.replace(Regex("\\s+"), " ")
        assertTrue(sentences.size in 1..3, "$sentences")
        sentences.forEach { assertTrue(it.replace(Regex("\\s+"), " ") in flat, it) }
    }

    private fun kind(reply: Reply): String = when (reply) {
        is Reply.BalanceIs -> "balance"
        is Reply.LastBookings -> "transactions"
        is Reply.Offers -> if (reply.chosen == null) "offers" else "calendar"
        is Reply.AskForTime -> "ask_" + reply.why.name.lowercase()
        is Reply.Summary -> "summary"
        is Reply.Chat -> "chat"
        Reply.Pending, Reply.Stopped, is Reply.Failed -> "none"
    }

    private fun JSONArray.objects() = (0 until length()).map(::getJSONObject)

    private fun JSONArray.strings() = (0 until length()).map(::getString)

    companion object {
        private const val ANSWER_TOKENS = 12

        /** Against hanging only: machines that are busy take their time. */
        private const val TURN_MS = 300_000L
        private val script = JSONObject(TestData.text("conversations.json"))
        private lateinit var assistant: Assistant

        @JvmStatic
        @BeforeAll
        fun open() = runBlocking { assistant = Assistant.open(TestData.model, AssistantOptions(DevicePreference.CPU)) }

        @JvmStatic
        @AfterAll
        fun close() = assistant.close()
    }
}
