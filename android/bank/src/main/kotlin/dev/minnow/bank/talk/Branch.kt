package dev.minnow.bank.talk

import dev.minnow.EventMoment
import dev.minnow.EventTime
import dev.minnow.ScheduledEvent
import java.time.DayOfWeek
import java.time.Duration
import java.time.LocalDate
import java.time.LocalTime
import java.time.ZonedDateTime

/** A time at the branch. */
data class Visit(val start: ZonedDateTime, val end: ZonedDateTime)

/**
 * The branch's hours from Monday to Friday, and what they make of a time that a customer names.
 *
 * "Tuesday at 10" has two readings, but a bank is open at only one of them; "Friday" and "tomorrow morning" have none yet, and the hours
 * turn them into some. What is still open after that, such as which day `3/12` is, the customer chooses.
 */
data class Branch(
    /** From when on customers may come. */
    val opens: LocalTime = LocalTime.of(9, 0),
    /** When the last one has to leave. */
    val closes: LocalTime = LocalTime.of(17, 0),
    /** How long a visit takes where nobody says it. */
    val visit: Duration = Duration.ofMinutes(30),
) {
    /** The visits that the times in a message could mean, the likelier first, at most [MOST_OFFERS]; empty: the branch is closed then. */
    fun offers(events: List<ScheduledEvent>, now: ZonedDateTime): List<Visit> =
        events.asSequence()
            .flatMap { event -> sequenceOf(event.time) + event.alternatives }
            .flatMap { time -> readings(time, now) }
            .filter { it.start > now && isOpenFor(it) }
            .distinct()
            .take(MOST_OFFERS)
            .toList()

    private fun readings(time: EventTime, now: ZonedDateTime): Sequence<Visit> {
        val start = time.start
        val end = time.end
        return when {
            start is EventMoment.Day -> {
                // the end itself is excluded
                val last = (end?.date ?: start.date.plusDays(1)).minusDays(1)
                if (last <= start.date) hours(start.date, DAY_HOURS, now) else eachDay(start.date, last, now)
            }
            start is EventMoment.Time && !time.isWindow ->
                sequenceOf(Visit(start.time, (end as? EventMoment.Time)?.time ?: start.time.plus(visit)))
            start is EventMoment.Time && end is EventMoment.Time -> window(start.time, end.time)
            else -> emptySequence()
        }
    }

    /** Every full hour of a window. */
    private fun window(start: ZonedDateTime, end: ZonedDateTime): Sequence<Visit> =
        generateSequence(start) { it.plusHours(1) }
            .takeWhile { it.plus(visit) <= end }
            .take(MOST_HOURS)
            .map { Visit(it, it.plus(visit)) }

    private fun hours(day: LocalDate, hours: List<Int>, now: ZonedDateTime): Sequence<Visit> =
        hours.asSequence().map { hour -> day.atTime(hour, 0).atZone(now.zone) }.map { Visit(it, it.plus(visit)) }

    private fun eachDay(first: LocalDate, last: LocalDate, now: ZonedDateTime): Sequence<Visit> =
        generateSequence(first) { it.plusDays(1) }
            .takeWhile { it <= last }
            .take(MOST_DAYS)
            .flatMap { hours(it, DAY_HOURS.take(1), now) }

    private fun isOpenFor(visit: Visit): Boolean {
        val (start, end) = visit
        return start.dayOfWeek < DayOfWeek.SATURDAY && end.toLocalDate() == start.toLocalDate() &&
            start.toLocalTime() >= opens && end.toLocalTime() <= closes
    }

    private companion object {
        /** As many buttons as fit beside a question. */
        const val MOST_OFFERS = 4

        /** What is offered on a day for which no time was said. */
        val DAY_HOURS = listOf(10, 12, 14, 16)

        /** Whoever says "next year" is asked again. */
        const val MOST_DAYS = 31
        const val MOST_HOURS = 48
    }
}
