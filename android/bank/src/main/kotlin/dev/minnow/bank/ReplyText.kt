package dev.minnow.bank

import dev.minnow.bank.account.Booking
import dev.minnow.bank.talk.BankIntent
import dev.minnow.bank.talk.Recognised
import dev.minnow.bank.talk.Reply
import dev.minnow.bank.talk.Visit
import java.text.NumberFormat
import java.time.format.DateTimeFormatter
import java.time.format.FormatStyle
import java.util.Locale

/** The app's string resources, in the customer's language. */
fun interface Strings {
    /** The string with this id, its places filled. */
    fun get(id: Int, vararg values: Any): String
}

/** Words for what the presenter decided. Numbers and dates are written as in [locale]. */
class ReplyText(private val strings: Strings, private val locale: Locale) {
    private val day = DateTimeFormatter.ofLocalizedDate(FormatStyle.FULL).withLocale(locale)
    private val shortDay = DateTimeFormatter.ofLocalizedDate(FormatStyle.MEDIUM).withLocale(locale)
    private val time = DateTimeFormatter.ofLocalizedTime(FormatStyle.SHORT).withLocale(locale)

    /** What the bank says. */
    fun of(reply: Reply): String = when (reply) {
        Reply.Pending -> strings.get(R.string.reply_pending)
        Reply.Stopped -> strings.get(R.string.reply_stopped)
        is Reply.BalanceIs -> reply.balance.run {
            strings.get(R.string.reply_balance, account, numberEnding, amount.format(locale))
        }
        is Reply.LastBookings -> when {
            reply.bookings.isEmpty() -> strings.get(R.string.reply_no_bookings)
            else -> strings.get(R.string.reply_bookings) + reply.bookings.joinToString("") { "\n" + line(it) }
        }
        is Reply.Offers -> when {
            reply.chosen != null -> strings.get(R.string.reply_chosen, of(reply.chosen))
            reply.calendarIsMissing -> strings.get(R.string.reply_no_calendar)
            reply.visits.size == 1 -> strings.get(R.string.reply_one_offer, of(reply.visits.first()))
            else -> strings.get(R.string.reply_offers)
        }
        is Reply.AskForTime -> strings.get(
            when (reply.why) {
                Reply.AskForTime.Why.NO_TIME -> R.string.reply_ask_for_time
                Reply.AskForTime.Why.CLOSED -> R.string.reply_closed
                Reply.AskForTime.Why.NO_SUCH_DATE -> R.string.reply_no_such_date
            },
            time.format(reply.opens),
            time.format(reply.closes),
        )
        is Reply.Summary -> when {
            reply.sentences.isEmpty() -> strings.get(R.string.reply_no_summary)
            else -> strings.get(R.string.reply_summary) + reply.sentences.joinToString("") { "\n• $it" }
        }
        is Reply.Chat -> reply.text
        is Reply.Failed -> listOf(reply.partial, of(reply.problem)).filter(String::isNotEmpty).joinToString("\n\n")
    }

    /** What stands in small letters below an answer; `null`: nothing. */
    fun noteOn(reply: Reply): String? = when (reply) {
        is Reply.Chat -> strings.get(
            when (reply.end) {
                Reply.Chat.End.RUNNING -> R.string.note_running
                Reply.Chat.End.COMPLETE -> R.string.note_model
                Reply.Chat.End.CUT_OFF -> R.string.note_cut_off
                Reply.Chat.End.STOPPED -> R.string.note_stopped
            },
        )
        is Reply.Summary -> strings.get(R.string.note_summary)
        else -> null
    }

    /** What stands below the customer's message. */
    fun of(recognised: Recognised): String {
        val share = NumberFormat.getPercentInstance(locale).format(recognised.confidence)
        val intent = recognised.intent ?: return strings.get(R.string.intent_unknown, share)
        val pattern = if (recognised.byWords) R.string.intent_by_words else R.string.intent_by_model
        return strings.get(pattern, strings.get(nameOf(intent)), share)
    }

    /** When a visit is. */
    fun of(visit: Visit): String = strings.get(R.string.visit, day.format(visit.start), time.format(visit.start))

    /** What went wrong and what to do. */
    fun of(problem: Problem): String = strings.get(
        when (problem) {
            Problem.CLOSED -> R.string.problem_closed
            Problem.TOO_LONG -> R.string.problem_too_long
            Problem.MEMORY -> R.string.problem_memory
            Problem.MODEL_DAMAGED -> R.string.problem_model_damaged
            Problem.NO_DOWNLOAD -> R.string.problem_no_download
            Problem.STORAGE -> R.string.problem_storage
            Problem.UNSUPPORTED -> R.string.problem_unsupported
            Problem.ACCOUNT -> R.string.problem_account
            Problem.INTERNAL -> R.string.problem_internal
        },
    )

    private fun line(booking: Booking): String =
        strings.get(R.string.booking, shortDay.format(booking.day), booking.party, booking.amount.format(locale))

    private fun nameOf(intent: BankIntent): Int = when (intent) {
        BankIntent.BALANCE -> R.string.intent_balance
        BankIntent.TRANSACTIONS -> R.string.intent_transactions
        BankIntent.APPOINTMENT -> R.string.intent_appointment
        BankIntent.CARD_NOT_WORKING -> R.string.intent_card_not_working
        BankIntent.CARD_LOST -> R.string.intent_card_lost
        BankIntent.CARD_DELIVERY -> R.string.intent_card_delivery
        BankIntent.TRANSFER -> R.string.intent_transfer
        BankIntent.CASH_MACHINE -> R.string.intent_cash_machine
        BankIntent.EXCHANGE_RATE -> R.string.intent_exchange_rate
        BankIntent.FEES -> R.string.intent_fees
        BankIntent.PIN -> R.string.intent_pin
        BankIntent.LOAN -> R.string.intent_loan
    }
}
