package dev.minnow.bank.account

import android.content.Context
import android.database.Cursor
import android.database.sqlite.SQLiteDatabase
import android.database.sqlite.SQLiteException
import android.database.sqlite.SQLiteOpenHelper
import java.io.IOException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/** The account in a database on the phone, made from the app's assets at the first call. */
class SqliteAccountRepository(context: Context) : AccountRepository {
    private val database = Database(context.applicationContext)

    override suspend fun balance(): Balance = read(AccountSql.BALANCE, emptyArray(), AccountSql::balance).first()

    override suspend fun lastBookings(count: Int): List<Booking> =
        read(AccountSql.LAST_BOOKINGS, arrayOf(count.toString()), AccountSql::booking)

    private suspend fun <T> read(sql: String, arguments: Array<String>, value: (Row) -> T): List<T> =
        withContext(Dispatchers.IO) {
            try {
                database.readableDatabase.rawQuery(sql, arguments).use { cursor ->
                    val row = CursorRow(cursor)
                    generateSequence { if (cursor.moveToNext()) value(row) else null }.toList()
                }
            } catch (error: SQLiteException) {
                throw AccountsUnavailable(error)
            } catch (error: IOException) {
                throw AccountsUnavailable(error)
            }
        }

    private class CursorRow(private val cursor: Cursor) : Row {
        override fun text(column: Int): String = cursor.getString(column)

        override fun number(column: Int): Long = cursor.getLong(column)
    }

    private class Database(private val context: Context) : SQLiteOpenHelper(context, NAME, null, VERSION) {
        override fun onCreate(database: SQLiteDatabase) {
            for (script in AccountSql.SCRIPTS) {
                val text = context.assets.open(script).use { it.readBytes().decodeToString() }
                AccountSql.statements(text).forEach(database::execSQL)
            }
        }

        /** The sample's data is all there is, so a new schema begins anew. */
        override fun onUpgrade(database: SQLiteDatabase, oldVersion: Int, newVersion: Int) {
            database.execSQL("DROP TABLE IF EXISTS booking")
            database.execSQL("DROP TABLE IF EXISTS account")
            onCreate(database)
        }
    }

    private companion object {
        const val NAME = "bank.db"

        /** Raise it when the scripts change. */
        const val VERSION = 1
    }
}
