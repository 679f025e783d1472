package dev.minnow.bank

import android.content.Intent
import android.provider.CalendarContract
import dev.minnow.bank.talk.Visit

/**
 * Opens the calendar app with a visit filled in, for the customer to save: no permission is needed, and nothing is written without them.
 *
 * The title is the bank's own. What Minnow takes out of the message ("can I come in") names a mail's event well, not the bank's.
 */
fun calendarIntent(visit: Visit, title: String, place: String): Intent =
    Intent(Intent.ACTION_INSERT, CalendarContract.Events.CONTENT_URI)
        .putExtra(CalendarContract.EXTRA_EVENT_BEGIN_TIME, visit.start.toInstant().toEpochMilli())
        .putExtra(CalendarContract.EXTRA_EVENT_END_TIME, visit.end.toInstant().toEpochMilli())
        .putExtra(CalendarContract.Events.EVENT_TIMEZONE, visit.start.zone.id)
        .putExtra(CalendarContract.Events.TITLE, title)
        .putExtra(CalendarContract.Events.EVENT_LOCATION, place)
