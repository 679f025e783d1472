package dev.minnow.bank.talk

import dev.minnow.EventMoment
import dev.minnow.EventTime
import dev.minnow.EventTimeOrigins
import dev.minnow.Origin
import dev.minnow.ScheduledEvent
import dev.minnow.TextSpan
import java.time.ZoneId
import java.time.ZonedDateTime
import kotlin.test.Test
import kotlin.test.assertEquals

/** A Tuesday. */
val NOW: ZonedDateTime = ZonedDateTime.of(2026, 11, 24, 9, 30, 0, 0, ZoneId.of("Europe/London"))

/** A time of day, so many days from now. */
fun at(days: Long, hour: Int): EventTime = time(moment(days, hour))

/** An event with these readings of its time. */
fun event(vararg readings: EventTime) =
    ScheduledEvent("can I come", readings.first(), readings.drop(1), TextSpan(0, 1), 1f / readings.size)

private fun moment(days: Long, hour: Int) = EventMoment.Time(NOW.plusDays(days).withHour(hour).withMinute(0))

private fun day(days: Long) = EventMoment.Day(NOW.toLocalDate().plusDays(days))

private fun time(start: EventMoment, end: EventMoment? = null, isWindow: Boolean = false) =
    EventTime(start, end, isWindow, null, EventTimeOrigins(Origin.TEXT, Origin.TEXT, Origin.TEXT, null, null), "")

class BranchTest {
    private fun starts(vararg events: ScheduledEvent): List<String> =
        Branch().offers(events.toList(), NOW).map { it.start.toLocalDateTime().toString() }

    @Test
    fun `the reading at which the branch is open is the one that is meant`() {
        assertEquals(listOf("2026-11-25T10:00"), starts(event(at(1, 10), at(1, 22))))
    }

    @Test
    fun `readings that are both open are both offered, the likelier first`() {
        assertEquals(listOf("2026-12-03T14:00", "2026-11-25T14:00"), starts(event(at(9, 14), at(1, 14))))
    }

    @Test
    fun `a visit ends before the branch closes, and may end with it`() {
        val closing = NOW.plusDays(1).withHour(16).withMinute(30)
        assertEquals(1, Branch().offers(listOf(event(time(EventMoment.Time(closing)))), NOW).size)
        assertEquals(0, Branch().offers(listOf(event(time(EventMoment.Time(closing.plusMinutes(1))))), NOW).size)
    }

    @Test
    fun `an end that was said is the visit's`() {
        val visit = Branch().offers(listOf(event(time(moment(1, 10), moment(1, 12)))), NOW).single()
        assertEquals(NOW.plusDays(1).withHour(12).withMinute(0), visit.end)
    }

    @Test
    fun `of a day without a time, hours are offered`() {
        val hours = listOf("2026-11-27T10:00", "2026-11-27T12:00", "2026-11-27T14:00", "2026-11-27T16:00")
        assertEquals(hours, starts(event(time(day(3)))))
        assertEquals(hours, starts(event(time(day(3), day(4)))))
    }

    @Test
    fun `of today only what is to come is offered`() {
        assertEquals(listOf("2026-11-24T10:00"), starts(event(time(moment(0, 8), moment(0, 11), isWindow = true))).take(1))
        assertEquals(emptyList(), starts(event(at(0, 9))))
    }

    @Test
    fun `of a week its working days are offered`() {
        val week = time(day(6), day(13), isWindow = true)
        assertEquals(listOf("2026-11-30T10:00", "2026-12-01T10:00", "2026-12-02T10:00", "2026-12-03T10:00"), starts(event(week)))
    }

    @Test
    fun `of a morning the open hours are offered`() {
        val morning = time(moment(1, 8), moment(1, 12), isWindow = true)
        assertEquals(listOf("2026-11-25T09:00", "2026-11-25T10:00", "2026-11-25T11:00"), starts(event(morning)))
    }

    @Test
    fun `on a Sunday, at night and without an event there is nothing to offer`() {
        assertEquals(emptyList(), starts(event(at(5, 11))))
        assertEquals(emptyList(), starts(event(at(1, 23))))
        assertEquals(emptyList(), starts())
    }

    @Test
    fun `an endless window ends`() {
        assertEquals(4, starts(event(time(day(1), day(4000), isWindow = true))).size)
        assertEquals(4, starts(event(time(moment(1, 0), moment(4000, 0), isWindow = true))).size)
    }
}
