package dev.minnow.bank.talk

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFalse
import kotlin.test.assertNull
import kotlin.test.assertTrue

class RecogniseTest {
    @Test
    fun `words decide against a model that is unsure or wrong`() {
        assertEquals(Recognised(BankIntent.BALANCE, 0f, byWords = true), recognise(BankIntent.BALANCE, unsure()))
        val wrong = labelled(BankIntent.EXCHANGE_RATE, 0.36f)
        assertEquals(Recognised(BankIntent.TRANSACTIONS, 0f, byWords = true), recognise(BankIntent.TRANSACTIONS, wrong))
    }

    @Test
    fun `a model that is nearly sure overrules words`() {
        val sure = labelled(BankIntent.LOAN, 0.93f)
        assertEquals(Recognised(BankIntent.LOAN, 0.93f, byWords = false), recognise(BankIntent.BALANCE, sure))
    }

    @Test
    fun `where both agree, the model's confidence is shown`() {
        val same = labelled(BankIntent.BALANCE, 0.33f)
        assertEquals(Recognised(BankIntent.BALANCE, 0.33f, byWords = true), recognise(BankIntent.BALANCE, same))
    }

    @Test
    fun `the model alone serves only what is more likely than not`() {
        assertNull(recognise(null, labelled(BankIntent.BALANCE, 0.49f)).intent)
        assertEquals(BankIntent.BALANCE, recognise(null, labelled(BankIntent.BALANCE, 0.5f)).intent)
        assertEquals(BankIntent.PIN, recognise(null, labelled(BankIntent.PIN, 0.31f)).intent)
        assertEquals(Recognised(null, 0.12f, byWords = false), recognise(null, unsure()))
    }

    @Test
    fun `words for the balance, in two languages`() {
        val messages = listOf("What's my balance?", "balance", "how much money do I have left", "我的余额是多少", "我还有多少钱")
        for (message in messages) {
            assertEquals(BankIntent.BALANCE, BankWords.intent(message, speaksOfTime = false), message)
        }
    }

    @Test
    fun `words for the transactions, in two languages`() {
        val messages = listOf(
            "show my last transactions",
            "What are my most recent purchases?",
            "my transaction history",
            "最近的交易",
            "查一下消费记录",
        )
        for (message in messages) {
            assertEquals(BankIntent.TRANSACTIONS, BankWords.intent(message, speaksOfTime = false), message)
        }
    }

    @Test
    fun `trouble with a balance or a transaction is no request for it`() {
        val messages = listOf(
            "My balance hasn't changed after my cheque deposit",
            "There is a transaction I don't recognise on my last statement",
            "How much do I have to pay for a balance transfer?",
            "How much do I have left to pay on my bills",
            "为什么我的余额没有更新",
        )
        for (message in messages) assertNull(BankWords.intent(message, speaksOfTime = false), message)
    }

    @Test
    fun `coming in is an appointment only with a time, an appointment is one without`() {
        assertNull(BankWords.intent("Where is the nearest branch?", speaksOfTime = false))
        assertEquals(BankIntent.APPOINTMENT, BankWords.intent("Can I come in next Tuesday at 10?", speaksOfTime = true))
        assertEquals(BankIntent.APPOINTMENT, BankWords.intent("I'd like an appointment", speaksOfTime = false))
        assertEquals(BankIntent.APPOINTMENT, BankWords.intent("我想预约", speaksOfTime = false))
        assertFalse(BankWords.mayBeVisit("My card has not come in the mail yet"))
        assertFalse(BankWords.mayBeVisit("Remind me to pay the rent on Friday"))
    }

    @Test
    fun `a long text is a letter, in letters or in ideographs`() {
        assertTrue(isLetter("word ".repeat(90)))
        assertFalse(isLetter("word ".repeat(89)))
        assertTrue(isLetter("字".repeat(150)))
        assertFalse(isLetter("字".repeat(149)))
    }

    @Test
    fun `labels are distinct and lead back to their intents`() {
        assertEquals(BankIntent.entries, BankIntent.LABELS.map(BankIntent::of))
    }
}
