package dev.minnow.bank.talk

import dev.minnow.bank.Problem
import dev.minnow.bank.account.Balance
import dev.minnow.bank.account.Booking
import java.time.LocalTime

/** What the chat shows. */
data class BankState(
    /** In the order they were said. */
    val messages: List<Message> = emptyList(),
    /** An answer is on its way: it can be cancelled, and nothing else can be said until it ends. */
    val isAnswering: Boolean = false,
    /** A visit that goes to the calendar app now; [BankPresenter.calendarOpened] or [BankPresenter.calendarMissing] takes it. */
    val forCalendar: Visit? = null,
)

/** A line of the chat. */
sealed interface Message {
    /** Never changes, for lists that reuse their rows. */
    val id: Long
}

/** What the customer wrote. */
data class UserMessage(
    override val id: Long,
    /** Their words. */
    val text: String,
    /** What the app took it for; `null` while it is being read, and for a letter. */
    val recognised: Recognised? = null,
) : Message

/** What the bank says to it. */
data class BankMessage(
    override val id: Long,
    /** The answer as far as it is known. */
    val reply: Reply,
    /** The customer may say that they meant something else. */
    val canBeRejected: Boolean = false,
) : Message

/**
 * An answer as a value, not as a text: the words come from the app's string resources where it is shown, the numbers and dates from the
 * account and the calendar. Only [Chat] and [Summary] hold words of their own.
 */
sealed interface Reply {
    /** Nothing is known yet. */
    data object Pending : Reply

    /** Cancelled before there was anything to show. */
    data object Stopped : Reply

    /** What is in the account. */
    data class BalanceIs(val balance: Balance) : Reply

    /** The last bookings. */
    data class LastBookings(val bookings: List<Booking>) : Reply

    /** Times at which the customer could come; [chosen] went to the calendar. */
    data class Offers(val visits: List<Visit>, val chosen: Visit? = null, val calendarIsMissing: Boolean = false) : Reply

    /** When would the customer like to come? The branch opens and closes at these times of a working day. */
    data class AskForTime(val why: Why, val opens: LocalTime, val closes: LocalTime) : Reply {
        /** Why the app has to ask. */
        enum class Why {
            /** No time to come was said. */
            NO_TIME,

            /** The branch is closed then. */
            CLOSED,

            /** A date was said that is on no calendar. */
            NO_SUCH_DATE,
        }
    }

    /** The sentences of a letter that matter most. */
    data class Summary(val sentences: List<String>) : Reply

    /** What the model says; unlike all other answers it may be wrong. */
    data class Chat(val text: String, val end: End) : Reply {
        /** How far it is. */
        enum class End {
            /** It goes on. */
            RUNNING,

            /** It is complete. */
            COMPLETE,

            /** It was cut off at its longest. */
            CUT_OFF,

            /** The customer stopped it. */
            STOPPED,
        }
    }

    /** There is no answer, or no more than [partial] of it. */
    data class Failed(val problem: Problem, val partial: String = "") : Reply
}
