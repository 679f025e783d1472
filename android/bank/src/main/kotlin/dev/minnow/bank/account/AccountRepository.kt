package dev.minnow.bank.account

import java.math.BigDecimal
import java.text.NumberFormat
import java.time.LocalDate
import java.util.Currency
import java.util.Locale

/** The customer's account. Only reads: this bank moves no money. */
interface AccountRepository {
    /**
     * What is in the account.
     *
     * @throws AccountsUnavailable where the data can't be read.
     */
    suspend fun balance(): Balance

    /**
     * The last [count] bookings, the newest first.
     *
     * @throws AccountsUnavailable where the data can't be read.
     */
    suspend fun lastBookings(count: Int): List<Booking>
}

/** What is in an account. */
data class Balance(
    /** The account's name. */
    val account: String,
    /** The last digits of its number. */
    val numberEnding: String,
    /** The amount. */
    val amount: Money,
)

/** Money that came or went. */
data class Booking(
    /** The day it was booked on. */
    val day: LocalDate,
    /** From or to whom. */
    val party: String,
    /** Negative for money that left. */
    val amount: Money,
)

/** An amount in whole minor units (pence, cents, yuan's fen), so that nothing is ever rounded. */
data class Money(val minor: Long, val currency: Currency) {
    /** As people in [locale] write it. */
    fun format(locale: Locale): String {
        val digits = currency.defaultFractionDigits.coerceAtLeast(0)
        val format = NumberFormat.getCurrencyInstance(locale)
        format.currency = currency
        // the locale's own currency would decide otherwise: yen have no minor units, wherever they are read
        format.minimumFractionDigits = digits
        format.maximumFractionDigits = digits
        return format.format(BigDecimal.valueOf(minor, digits))
    }
}

/** The account's data can't be read. */
class AccountsUnavailable(cause: Throwable) : Exception("the account's data can't be read", cause)
