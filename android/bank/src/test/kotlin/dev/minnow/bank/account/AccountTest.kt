package dev.minnow.bank.account

import dev.minnow.bank.TestData
import java.time.LocalDate
import java.util.Currency
import java.util.Locale
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlinx.coroutines.test.runTest

class AccountTest {
    private val pounds = Currency.getInstance("GBP")

    @Test
    fun `the balance is the opening amount and every booking`() = runTest {
        JdbcAccountRepository().use { account ->
            assertEquals(Balance("Everyday account", "4471", Money(525_122, pounds)), account.balance())
        }
    }

    @Test
    fun `an account without bookings has its opening amount and none to show`() = runTest {
        val seed = "INSERT INTO account VALUES (7, 'New', '0001', 'JPY', 500);"
        JdbcAccountRepository(listOf(TestData.asset("schema.sql"), seed)).use { account ->
            assertEquals(Money(500, Currency.getInstance("JPY")), account.balance().amount)
            assertEquals(emptyList(), account.lastBookings(5))
        }
    }

    @Test
    fun `bookings come newest first, as many as asked for`() = runTest {
        JdbcAccountRepository().use { account ->
            val newest = account.lastBookings(2)
            assertEquals(Booking(LocalDate.of(2026, 11, 23), "Corner Street Grocer", Money(-2_966, pounds)), newest.first())
            assertEquals(2, newest.size)
            val all = account.lastBookings(100)
            assertEquals(32, all.size)
            assertEquals(all.map { it.day }.sortedDescending(), all.map { it.day })
        }
    }

    @Test
    fun `a database that can't be read is the repository's own error`() = runTest {
        val closed = JdbcAccountRepository()
        closed.close()
        assertFailsWith<AccountsUnavailable> { closed.balance() }
    }

    @Test
    fun `scripts are cut where a line ends with a semicolon, and nowhere else`() {
        assertEquals(listOf("A 'x;y'", "B\n (1)", "C"), AccountSql.statements("A 'x;y';\r\nB\n (1); \n\nC;"))
        assertEquals(5, AccountSql.SCRIPTS.map(TestData::asset).flatMap(AccountSql::statements).size)
    }

    @Test
    fun `money is written in its own currency, as the reader's language writes it`() {
        assertEquals("£5,251.22", Money(525_122, pounds).format(Locale.UK))
        assertEquals("-£0.05", Money(-5, pounds).format(Locale.UK))
        assertEquals("£5,251.22", Money(525_122, pounds).format(Locale.SIMPLIFIED_CHINESE))
        assertEquals("¥1,200.50", Money(120_050, Currency.getInstance("CNY")).format(Locale.SIMPLIFIED_CHINESE))
        assertEquals("JP¥500", Money(500, Currency.getInstance("JPY")).format(Locale.UK))
    }
}
