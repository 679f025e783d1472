package dev.minnow.bank.talk

import dev.minnow.Assistant
import dev.minnow.AssistantOptions
import dev.minnow.DevicePreference
import dev.minnow.bank.Problem
import dev.minnow.bank.TestData
import dev.minnow.bank.account.JdbcAccountRepository
import java.time.Clock
import java.util.Locale
import kotlin.test.AfterTest
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.takeWhile
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.BeforeAll

/** What only a real engine shows: an answer on its way, and one that is closed. */
class EngineTest {
    private val accounts = JdbcAccountRepository()

    @AfterTest
    fun closeAccounts() = accounts.close()

    @Test
    fun `an answer grows piece by piece`() = talking { presenter ->
        presenter.send(QUESTION)
        assertTrue(presenter.state.value.isAnswering, "sending returns before there is an answer")
        val texts = presenter.state.takeWhile { it.isAnswering }.toList().mapNotNull { (it.reply as? Reply.Chat)?.text }
        assertTrue(texts.size >= 3, "$texts")
        texts.zipWithNext { shorter, longer -> assertTrue(longer.startsWith(shorter), "$shorter, $longer") }
        val whole = assertIs<Reply.Chat>(presenter.state.value.reply)
        assertTrue(whole.text.startsWith(texts.last().trim()))
    }

    @Test
    fun `cancelling keeps what was said, and the next message is answered`() = talking { presenter ->
        presenter.send(QUESTION)
        val partial = presenter.state.first { (it.reply as? Reply.Chat)?.text.orEmpty().length > 20 }.reply as Reply.Chat
        presenter.cancel()
        val stopped = assertIs<Reply.Chat>(presenter.state.first { !it.isAnswering }.reply)
        assertEquals(Reply.Chat.End.STOPPED, stopped.end)
        assertTrue(stopped.text.startsWith(partial.text))

        presenter.send("What's my balance?")
        assertIs<Reply.BalanceIs>(presenter.state.first { !it.isAnswering }.reply)
    }

    @Test
    fun `a closed assistant is something to read, not a crash`() = runBlocking {
        val closed = open()
        BankPresenter(MinnowAssistant(closed), accounts, Clock.systemUTC(), { Locale.UK }, coroutineContext).use { presenter ->
            closed.close()
            presenter.send(QUESTION)
            assertEquals(Reply.Failed(Problem.CLOSED), presenter.state.first { !it.isAnswering }.reply)
        }
    }

    @Test
    fun `an assistant that is closed while it answers leaves what it said`() = runBlocking {
        val closing = open()
        BankPresenter(MinnowAssistant(closing), accounts, Clock.systemUTC(), { Locale.UK }, coroutineContext).use { presenter ->
            presenter.send(QUESTION)
            presenter.state.first { it.reply is Reply.Chat }
            closing.close()
            val failed = assertIs<Reply.Failed>(presenter.state.first { !it.isAnswering }.reply)
            assertEquals(Problem.CLOSED, failed.problem)
            assertTrue(failed.partial.isNotEmpty())
        }
    }

    @Test
    fun `a chat that is closed while it answers ends`() = talking { presenter ->
        presenter.send(QUESTION)
        presenter.state.first { it.reply is Reply.Chat }
        presenter.close()
        assertFalse(presenter.state.first { !it.isAnswering }.isAnswering)
    }

    private fun talking(test: suspend CoroutineScope.(BankPresenter) -> Unit) = runBlocking {
        withTimeout(TEST_MS) {
            val brief = MinnowAssistant(assistant, ANSWER_TOKENS)
            BankPresenter(brief, accounts, Clock.systemUTC(), { Locale.UK }, coroutineContext).use { test(it) }
        }
    }

    private val BankState.reply: Reply get() = (messages.last() as BankMessage).reply

    companion object {
        private const val QUESTION = "Tell me about saving money for a holiday"
        private const val ANSWER_TOKENS = 64

        /** Against hanging only: machines that are busy take their time. */
        private const val TEST_MS = 300_000L
        private lateinit var assistant: Assistant

        private suspend fun open() = Assistant.open(TestData.model, AssistantOptions(DevicePreference.CPU))

        @JvmStatic
        @BeforeAll
        fun openOnce() = runBlocking { assistant = open() }

        @JvmStatic
        @AfterAll
        fun close() = assistant.close()
    }
}
