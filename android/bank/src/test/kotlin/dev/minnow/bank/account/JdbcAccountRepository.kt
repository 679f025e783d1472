package dev.minnow.bank.account

import dev.minnow.bank.TestData
import java.sql.Connection
import java.sql.DriverManager
import java.sql.ResultSet
import java.sql.SQLException

/** The account in a database in memory, by the app's own SQL. */
class JdbcAccountRepository(scripts: List<String> = AccountSql.SCRIPTS.map(TestData::asset)) : AccountRepository, AutoCloseable {
    private val connection: Connection = DriverManager.getConnection("jdbc:sqlite::memory:")

    init {
        connection.createStatement().use { scripts.flatMap(AccountSql::statements).forEach(it::execute) }
    }

    override suspend fun balance(): Balance = read(AccountSql.BALANCE, emptyList(), AccountSql::balance).first()

    override suspend fun lastBookings(count: Int): List<Booking> =
        read(AccountSql.LAST_BOOKINGS, listOf(count.toString()), AccountSql::booking)

    override fun close() = connection.close()

    private fun <T> read(sql: String, arguments: List<String>, value: (Row) -> T): List<T> = try {
        connection.prepareStatement(sql).use { statement ->
            arguments.forEachIndexed { index, argument -> statement.setString(index + 1, argument) }
            val rows = statement.executeQuery()
            val row = ResultRow(rows)
            generateSequence { if (rows.next()) value(row) else null }.toList()
        }
    } catch (error: SQLException) {
        throw AccountsUnavailable(error)
    }

    /** JDBC counts columns from 1. */
    private class ResultRow(private val rows: ResultSet) : Row {
        override fun text(column: Int): String = rows.getString(column + 1)

        override fun number(column: Int): Long = rows.getLong(column + 1)
    }
}
