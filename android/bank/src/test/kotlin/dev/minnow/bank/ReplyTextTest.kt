package dev.minnow.bank

import dev.minnow.bank.account.Balance
import dev.minnow.bank.account.Booking
import dev.minnow.bank.account.Money
import dev.minnow.bank.talk.BankIntent
import dev.minnow.bank.talk.NOW
import dev.minnow.bank.talk.Recognised
import dev.minnow.bank.talk.Reply
import dev.minnow.bank.talk.Visit
import java.time.LocalDate
import java.time.LocalTime
import java.util.Currency
import java.util.Locale
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertTrue

class ReplyTextTest {
    private val english = ResourceStrings("values")
    private val chinese = ResourceStrings("values-zh")
    private val pounds = Currency.getInstance("GBP")
    private val visit = Visit(NOW, NOW.plusMinutes(30))

    @Test
    fun `both languages have every string, with the same places`() {
        val place = Regex("%[0-9]\\\$s")
        assertEquals(english.patterns.keys, chinese.patterns.keys)
        assertEquals(ResourceStrings.NAMES.values.toSet(), english.patterns.keys)
        for ((name, pattern) in english.patterns) {
            val places = place.findAll(pattern).map { it.value }.toSet()
            assertEquals(places, place.findAll(chinese.patterns.getValue(name)).map { it.value }.toSet(), name)
        }
    }

    @Test
    fun `everything that can happen has words in both languages`() {
        val money = Money(-1_240, pounds)
        val replies = listOf(
            Reply.Pending,
            Reply.Stopped,
            Reply.BalanceIs(Balance("Everyday account", "4471", money)),
            Reply.LastBookings(emptyList()),
            Reply.LastBookings(listOf(Booking(LocalDate.of(2026, 11, 3), "老王面馆", money))),
            Reply.Offers(listOf(visit)),
            Reply.Offers(listOf(visit, visit.copy(start = NOW.plusHours(1)))),
            Reply.Offers(listOf(visit), chosen = visit),
            Reply.Offers(listOf(visit), calendarIsMissing = true),
            Reply.Summary(emptyList()),
            Reply.Summary(listOf("One.", "Two.")),
        ) + Reply.AskForTime.Why.entries.map { Reply.AskForTime(it, LocalTime.of(9, 0), LocalTime.of(17, 0)) } +
            Reply.Chat.End.entries.map { Reply.Chat("Good day.", it) } + Problem.entries.map { Reply.Failed(it) }
        for (words in listOf(ReplyText(english, Locale.UK), ReplyText(chinese, Locale.SIMPLIFIED_CHINESE))) {
            for (reply in replies) {
                val said = words.of(reply) + words.noteOn(reply).orEmpty()
                assertTrue(said.isNotBlank(), "$reply")
                assertFalse("%" in said, said)
            }
            for (intent in BankIntent.entries + null) assertTrue(words.of(Recognised(intent, 0.5f, byWords = false)).isNotBlank())
        }
    }

    @Test
    fun `answers read as sentences`() {
        val words = ReplyText(english, Locale.UK)
        val balance = Reply.BalanceIs(Balance("Everyday account", "4471", Money(525_122, pounds)))
        assertEquals("Your Everyday account (ending 4471) holds £5,251.22.", words.of(balance))
        assertEquals("In short:\n• One.", words.of(Reply.Summary(listOf("One."))))
        val broken = Reply.Failed(Problem.CLOSED, "Once upon")
        assertEquals("Once upon\n\nThe assistant was closed. Please open the app again.", words.of(broken))
        assertEquals("Account balance · 33%", words.of(Recognised(BankIntent.BALANCE, 0.33f, byWords = false)))
        assertEquals("Account balance · by your words (model: 33%)", words.of(Recognised(BankIntent.BALANCE, 0.33f, byWords = true)))
        assertEquals("No clear topic · 12%", words.of(Recognised(null, 0.12f, byWords = false)))
    }

    @Test
    fun `answers read as sentences in Chinese`() {
        val words = ReplyText(chinese, Locale.SIMPLIFIED_CHINESE)
        val balance = Reply.BalanceIs(Balance("Everyday account", "4471", Money(525_122, pounds)))
        assertEquals("您的账户 Everyday account（尾号 4471）余额为 £5,251.22。", words.of(balance))
        assertTrue(words.of(Reply.Offers(listOf(visit))).startsWith("2026年11月24日"))
    }
}
