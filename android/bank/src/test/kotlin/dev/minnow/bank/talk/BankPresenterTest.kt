package dev.minnow.bank.talk

import dev.minnow.Answer
import dev.minnow.AnswerEnd
import dev.minnow.AnswerSource
import dev.minnow.ChatEvent
import dev.minnow.Schedule
import dev.minnow.bank.Problem
import dev.minnow.bank.account.AccountRepository
import dev.minnow.bank.account.AccountsUnavailable
import dev.minnow.bank.account.Balance
import dev.minnow.bank.account.Booking
import dev.minnow.bank.account.Money
import java.io.IOException
import java.time.Clock
import java.time.Duration
import java.time.ZoneId
import java.util.Currency
import java.util.Locale
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.test.TestScope
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest

/** What the presenter does around the model: order, cancelling, corrections, errors. */
@OptIn(ExperimentalCoroutinesApi::class)
class BankPresenterTest {
    private val assistant = FakeAssistant()
    private var accounts: AccountRepository = Accounts { BALANCE }
    private val zone = ZoneId.of("Europe/London")
    private val clock = Clock.fixed(NOW.toInstant(), zone)

    @Test
    fun `sending shows the message at once and returns`() = presenting { presenter ->
        presenter.send("  hello ")
        assertTrue(presenter.state.value.isAnswering)
        assertEquals("hello", (presenter.state.value.messages[0] as UserMessage).text)
        assertEquals(Reply.Pending, presenter.reply)
    }

    @Test
    fun `pieces of an answer are shown as they come, whitespace in front dropped`() = presenting { presenter ->
        presenter.send("hello")
        runCurrent()
        assistant.answer.send(ChatEvent.Text(" Good"))
        runCurrent()
        assertEquals(Reply.Chat("Good", Reply.Chat.End.RUNNING), presenter.reply)
        assistant.answer.send(ChatEvent.Text(" day"))
        runCurrent()
        assertEquals(Reply.Chat("Good day", Reply.Chat.End.RUNNING), presenter.reply)
        finish(" Good day.")
        assertEquals(Reply.Chat("Good day.", Reply.Chat.End.COMPLETE), presenter.reply)
        assertFalse(presenter.state.value.isAnswering)
    }

    @Test
    fun `one answer runs at a time, and blank messages have none`() = presenting { presenter ->
        presenter.send(" \n")
        assertEquals(BankState(), presenter.state.value)
        presenter.send("one")
        presenter.send("two")
        presenter.summarize("three")
        runCurrent()
        assertEquals(listOf("one"), assistant.said)
        assertEquals(2, presenter.state.value.messages.size)
    }

    @Test
    fun `cancelling before anything came says so`() = presenting { presenter ->
        presenter.send("hello")
        presenter.cancel()
        runCurrent()
        assertEquals(Reply.Stopped, presenter.reply)
        assertFalse(presenter.state.value.isAnswering)
    }

    @Test
    fun `cancelling keeps the words that came`() = presenting { presenter ->
        presenter.send("hello")
        runCurrent()
        assistant.answer.send(ChatEvent.Text("Good"))
        runCurrent()
        presenter.cancel()
        runCurrent()
        assertEquals(Reply.Chat("Good", Reply.Chat.End.STOPPED), presenter.reply)
    }

    @Test
    fun `a balance comes from the account, and the model isn't asked to speak`() = presenting { presenter ->
        assistant.classification = labelled(BankIntent.BALANCE, 0.9f)
        presenter.send("What's my balance?")
        runCurrent()
        assertEquals(Reply.BalanceIs(BALANCE), presenter.reply)
        assertEquals(Recognised(BankIntent.BALANCE, 0.9f, byWords = true), presenter.recognised)
        assertEquals(emptyList(), assistant.said)
    }

    @Test
    fun `what was served can be rejected once, and is then talked about`() = presenting { presenter ->
        assistant.classification = labelled(BankIntent.BALANCE, 0.9f)
        presenter.send("What's my balance?")
        runCurrent()
        val id = presenter.state.value.messages.last().id
        assertTrue((presenter.state.value.messages.last() as BankMessage).canBeRejected)
        presenter.reject(id)
        runCurrent()
        assertEquals(listOf("What's my balance?"), assistant.said)
        assertNull(presenter.recognised)
        finish("I see.")
        assertEquals(Reply.Chat("I see.", Reply.Chat.End.COMPLETE), presenter.reply)
        presenter.reject(id)
        assertFalse(presenter.state.value.isAnswering)
    }

    @Test
    fun `an account that can't be read is a readable answer`() = presenting { presenter ->
        accounts = Accounts { throw AccountsUnavailable(IOException("disk")) }
        presenter(accounts).use { broken ->
            broken.send("What's my balance?")
            runCurrent()
            assertEquals(Reply.Failed(Problem.ACCOUNT), broken.reply)
            assertFalse(broken.state.value.isAnswering)
        }
        assertEquals(BankState(), presenter.state.value)
    }

    @Test
    fun `a slow account can be cancelled`() = presenting { presenter ->
        presenter(Accounts { awaitCancellation() }).use { slow ->
            slow.send("What's my balance?")
            runCurrent()
            assertTrue(slow.state.value.isAnswering)
            slow.cancel()
            runCurrent()
            assertEquals(Reply.Stopped, slow.reply)
        }
        assertEquals(BankState(), presenter.state.value)
    }

    @Test
    fun `a chosen visit goes to the calendar once`() = presenting { presenter ->
        val visit = offered(presenter)
        presenter.choose(presenter.state.value.messages.last().id, visit)
        assertEquals(visit, presenter.state.value.forCalendar)
        assertEquals(visit, (presenter.reply as Reply.Offers).chosen)
        presenter.calendarOpened()
        assertNull(presenter.state.value.forCalendar)
    }

    @Test
    fun `without a calendar app the offers are open again`() = presenting { presenter ->
        val visit = offered(presenter)
        presenter.choose(presenter.state.value.messages.last().id, visit)
        presenter.calendarMissing()
        assertEquals(Reply.Offers(listOf(visit), calendarIsMissing = true), presenter.reply)
        assertNull(presenter.state.value.forCalendar)
    }

    @Test
    fun `a visit that wasn't offered is not taken`() = presenting { presenter ->
        val visit = offered(presenter)
        presenter.choose(presenter.state.value.messages.last().id, visit.copy(end = visit.end.plusHours(1)))
        assertNull(presenter.state.value.forCalendar)
    }

    @Test
    fun `a time in a message that asks for nothing is no appointment`() = presenting { presenter ->
        assistant.schedule = Schedule.Events(listOf(event(at(1, 10))), AnswerSource.RULES)
        presenter.send("Remind me of the rent tomorrow at 10")
        runCurrent()
        assertEquals(listOf("Remind me of the rent tomorrow at 10"), assistant.said)
    }

    @Test
    fun `closing ends the conversation and what runs`() = presenting { presenter ->
        presenter.send("hello")
        runCurrent()
        assertEquals(1, assistant.open)
        presenter.close()
        runCurrent()
        assertEquals(0, assistant.open)
        assertFalse(presenter.state.value.isAnswering)
    }

    private fun TestScope.offered(presenter: BankPresenter): Visit {
        assistant.schedule = Schedule.Events(listOf(event(at(1, 10))), AnswerSource.RULES)
        presenter.send("Can I come in tomorrow at 10?")
        runCurrent()
        return assertIs<Reply.Offers>(presenter.reply).visits.single()
    }

    private suspend fun TestScope.finish(text: String) {
        assistant.answer.send(ChatEvent.Done(Answer(text, AnswerEnd.COMPLETE, 3, null, Duration.ZERO)))
        assistant.answer.close()
        runCurrent()
    }

    private fun TestScope.presenter(accounts: AccountRepository) =
        BankPresenter(assistant, accounts, clock, { Locale.UK }, coroutineContext)

    private fun presenting(test: suspend TestScope.(BankPresenter) -> Unit) = runTest {
        presenter(accounts).use { test(it) }
    }

    private val BankPresenter.reply: Reply get() = (state.value.messages.last() as BankMessage).reply

    private val BankPresenter.recognised: Recognised? get() = (state.value.messages[0] as UserMessage).recognised

    private class Accounts(private val read: suspend () -> Balance) : AccountRepository {
        override suspend fun balance(): Balance = read()

        override suspend fun lastBookings(count: Int): List<Booking> = emptyList()
    }

    private companion object {
        val BALANCE = Balance("Everyday account", "4471", Money(100, Currency.getInstance("GBP")))
    }
}
