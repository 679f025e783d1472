package dev.minnow.bank.account

import java.time.LocalDate
import java.util.Currency

/**
 * The SQL of the account and the reading of its rows, for every SQLite that there is: the phone's, and the desktop's in tests.
 *
 * The tables stand in `schema.sql`. Arguments are bound as texts, as Android binds them.
 */
object AccountSql {
    /** The files that make the database, in order; assets of the app. */
    val SCRIPTS = listOf("schema.sql", "seed.sql")

    /** The account and its balance: name, number's ending, currency, minor units. */
    const val BALANCE = """
        SELECT name, number_ending, currency,
               opening_minor + COALESCE((SELECT SUM(amount_minor) FROM booking WHERE account_id = account.id), 0)
        FROM account ORDER BY id LIMIT 1"""

    /** The newest bookings of that account, as many as the argument says: day, party, minor units, currency. */
    const val LAST_BOOKINGS = """
        SELECT booked_on, party, amount_minor, currency
        FROM booking JOIN account ON account.id = booking.account_id
        WHERE account.id = (SELECT MIN(id) FROM account)
        ORDER BY booked_on DESC, booking.id DESC LIMIT ?"""

    /** A row of [BALANCE]. */
    fun balance(row: Row): Balance = Balance(row.text(0), row.text(1), Money(row.number(3), Currency.getInstance(row.text(2))))

    /** A row of [LAST_BOOKINGS]. */
    fun booking(row: Row): Booking =
        Booking(LocalDate.parse(row.text(0)), row.text(1), Money(row.number(2), Currency.getInstance(row.text(3))))

    /** The statements of a script. Each ends with a semicolon at the end of a line, and no other line ends with one. */
    fun statements(script: String): List<String> = script.split(END).map(String::trim).filter(String::isNotEmpty)

    private val END = Regex(";[ \t]*(\r?\n|$)")
}

/** A row of a result; columns count from 0. */
interface Row {
    /** A column's text. */
    fun text(column: Int): String

    /** A column's whole number. */
    fun number(column: Int): Long
}
