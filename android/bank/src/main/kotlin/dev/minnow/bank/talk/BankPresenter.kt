package dev.minnow.bank.talk

import dev.minnow.AnswerEnd
import dev.minnow.ChatEvent
import dev.minnow.MinnowException
import dev.minnow.Schedule
import dev.minnow.bank.Problem
import dev.minnow.bank.account.AccountRepository
import dev.minnow.bank.account.AccountsUnavailable
import dev.minnow.bank.problem
import java.time.Clock
import java.time.ZonedDateTime
import java.util.Locale
import kotlin.coroutines.CoroutineContext
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Job
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.asStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/**
 * The chat: takes what the customer does, answers, and holds what is shown.
 *
 * A long text is summarised. Of a message the intent is recognised; one that the app serves is answered from the account or the calendar,
 * never by the model, and everything else by the model in conversation. One answer runs at a time.
 *
 * Every function returns at once. Call them, and collect [state], on the one thread that [context] runs on.
 *
 * @param clock the present moment and the customer's zone.
 * @param locale the customer's locale at the moment.
 */
class BankPresenter(
    private val assistant: BankAssistant,
    private val accounts: AccountRepository,
    private val clock: Clock,
    private val locale: () -> Locale,
    context: CoroutineContext,
    private val branch: Branch = Branch(),
) : AutoCloseable {
    private val scope = CoroutineScope(context + SupervisorJob(context[Job]))
    private val current = MutableStateFlow(BankState())
    private var running: Job? = null
    private var conversation: Conversation? = null
    private var lastId = 0L

    /** What is shown. */
    val state: StateFlow<BankState> = current.asStateFlow()

    /** Says [text] to the bank. Does nothing for a blank text, and while an answer is on its way. */
    fun send(text: String) = say(text) { message, replyId ->
        if (isLetter(message.text)) summary(message, replyId) else answer(message, replyId)
    }

    /** Has [text] summarised, however long it is. Does nothing for a blank text, and while an answer is on its way. */
    fun summarize(text: String) = say(text, ::summary)

    /** Stops the answer that is on its way; what is there of it stays. */
    fun cancel() {
        running?.cancel()
    }

    /** "Not what I meant": has the model answer the message instead. */
    fun reject(replyId: Long) {
        val messages = current.value.messages
        val place = messages.indexOfFirst { it is BankMessage && it.id == replyId && it.canBeRejected }
        val message = messages.getOrNull(place - 1) as? UserMessage ?: return
        if (current.value.isAnswering) return
        change<UserMessage>(message.id) { it.copy(recognised = null) }
        show(replyId, Reply.Pending)
        answering(replyId) { chat(message.text, replyId) }
    }

    /** Takes one of the visits that were offered; it goes to the calendar app. */
    fun choose(replyId: Long, visit: Visit) {
        val offers = reply(replyId) as? Reply.Offers ?: return
        if (visit !in offers.visits) return
        show(replyId, offers.copy(chosen = visit, calendarIsMissing = false))
        current.update { it.copy(forCalendar = visit) }
    }

    /** The calendar app shows [BankState.forCalendar]. */
    fun calendarOpened() = current.update { it.copy(forCalendar = null) }

    /** There is no calendar app: the offers are open again. */
    fun calendarMissing() {
        val visit = current.value.forCalendar ?: return
        current.update { state ->
            val messages = state.messages.map { message ->
                val offers = (message as? BankMessage)?.reply as? Reply.Offers
                if (message is BankMessage && offers?.chosen == visit) {
                    message.copy(reply = offers.copy(chosen = null, calendarIsMissing = true))
                } else {
                    message
                }
            }
            state.copy(messages = messages, forCalendar = null)
        }
    }

    /** Stops everything and ends the conversation. The assistant stays open: it isn't the presenter's. */
    override fun close() {
        scope.cancel()
        conversation?.close()
        conversation = null
    }

    private fun say(text: String, work: suspend (message: UserMessage, replyId: Long) -> Unit) {
        if (text.isBlank() || current.value.isAnswering) return
        val message = UserMessage(++lastId, text.trim())
        val reply = BankMessage(++lastId, Reply.Pending)
        current.update { it.copy(messages = it.messages + message + reply) }
        answering(reply.id) { work(message, reply.id) }
    }

    private fun answering(replyId: Long, work: suspend () -> Unit) {
        current.update { it.copy(isAnswering = true) }
        // undispatched, so that a job that is cancelled at once has entered `try` and leaves it in order
        running = scope.launch(start = CoroutineStart.UNDISPATCHED) {
            try {
                work()
            } catch (error: CancellationException) {
                val sofar = reply(replyId)
                show(replyId, if (sofar is Reply.Chat) sofar.copy(end = Reply.Chat.End.STOPPED) else Reply.Stopped)
                throw error
            } catch (error: MinnowException) {
                fail(replyId, error.problem())
            } catch (_: AccountsUnavailable) {
                fail(replyId, Problem.ACCOUNT)
            } finally {
                current.update { it.copy(isAnswering = false) }
            }
        }
    }

    private suspend fun summary(letter: UserMessage, replyId: Long) {
        show(replyId, Reply.Summary(assistant.summarize(letter.text).sentences.map { it.text }))
    }

    private suspend fun answer(message: UserMessage, replyId: Long) {
        val text = message.text
        val isAboutTime = askedForTime(before = message.id)
        val time = if (isAboutTime || BankWords.mayBeVisit(text)) time(text) else Time.None
        val words = BankWords.intent(text, speaksOfTime = time != Time.None)
        val model = assistant.classify(text, BankIntent.LABELS, TO_NAME)
        val recognised = when {
            // the answer to "when would you like to come?"
            isAboutTime && words == null && time != Time.None -> recognise(BankIntent.APPOINTMENT, model)
            else -> recognise(words, model)
        }
        change<UserMessage>(message.id) { it.copy(recognised = recognised) }
        when (recognised.intent) {
            BankIntent.BALANCE -> serve(replyId, Reply.BalanceIs(accounts.balance()))
            BankIntent.TRANSACTIONS -> serve(replyId, Reply.LastBookings(accounts.lastBookings(SHOWN_BOOKINGS)))
            BankIntent.APPOINTMENT -> serve(replyId, appointment(time))
            else -> chat(text, replyId)
        }
    }

    /** Whether the bank's last word before a message was the question when the customer would like to come. */
    private fun askedForTime(before: Long): Boolean {
        val last = current.value.messages.lastOrNull { it is BankMessage && it.id < before } as? BankMessage
        return last?.reply is Reply.AskForTime
    }

    /** What a message says about a time to come. */
    private sealed interface Time {
        data object None : Time

        data object Impossible : Time

        data class Some(val events: Schedule.Events) : Time
    }

    private suspend fun time(text: String): Time = try {
        when (val schedule = assistant.schedule(text, now(), locale())) {
            is Schedule.Events -> Time.Some(schedule)
            is Schedule.NothingToSchedule -> Time.None
        }
    } catch (_: MinnowException.ImpossibleDate) {
        // 30 February: the customer gets to hear it
        Time.Impossible
    }

    private fun appointment(time: Time): Reply = when (time) {
        Time.None -> ask(Reply.AskForTime.Why.NO_TIME)
        Time.Impossible -> ask(Reply.AskForTime.Why.NO_SUCH_DATE)
        is Time.Some -> {
            val offers = branch.offers(time.events.events, now())
            if (offers.isEmpty()) ask(Reply.AskForTime.Why.CLOSED) else Reply.Offers(offers)
        }
    }

    private fun ask(why: Reply.AskForTime.Why) = Reply.AskForTime(why, branch.opens, branch.closes)

    private suspend fun chat(text: String, replyId: Long) {
        val open = conversation ?: assistant.converse(INSTRUCTION).also { conversation = it }
        val said = StringBuilder()
        open.stream(text).collect { event ->
            when (event) {
                is ChatEvent.Text -> {
                    said.append(event.piece)
                    show(replyId, Reply.Chat(said.toString().trimStart(), Reply.Chat.End.RUNNING))
                }
                is ChatEvent.Done -> {
                    val isComplete = event.answer.end == AnswerEnd.COMPLETE
                    val end = if (isComplete) Reply.Chat.End.COMPLETE else Reply.Chat.End.CUT_OFF
                    show(replyId, Reply.Chat(event.answer.text.trim(), end))
                }
            }
        }
    }

    private fun fail(replyId: Long, problem: Problem) {
        val partial = (reply(replyId) as? Reply.Chat)?.text.orEmpty()
        show(replyId, Reply.Failed(problem, partial))
    }

    private fun serve(replyId: Long, reply: Reply) =
        change<BankMessage>(replyId) { it.copy(reply = reply, canBeRejected = true) }

    private fun show(replyId: Long, reply: Reply) =
        change<BankMessage>(replyId) { it.copy(reply = reply, canBeRejected = it.canBeRejected && reply is Reply.Offers) }

    private fun reply(replyId: Long): Reply? =
        (current.value.messages.find { it.id == replyId } as? BankMessage)?.reply

    private inline fun <reified M : Message> change(id: Long, change: (M) -> M) = current.update { state ->
        state.copy(messages = state.messages.map { if (it is M && it.id == id) change(it) as Message else it })
    }

    private fun now(): ZonedDateTime = ZonedDateTime.now(clock)

    private companion object {
        const val SHOWN_BOOKINGS = 5

        /** What a model this small keeps to: short, and away from what only the bank's data can say. */
        const val INSTRUCTION =
            "You are the assistant in a bank's app. Answer the customer in one to three short, friendly sentences, in the customer's " +
                "language. You do not know the customer's account and can not move money. Never give amounts, phone numbers or links."
    }
}
