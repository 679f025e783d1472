package dev.minnow

import java.time.DayOfWeek
import java.time.Duration
import java.time.Instant
import java.time.LocalDate
import java.time.ZoneId
import java.time.ZoneOffset
import java.time.ZonedDateTime
import java.util.Locale

/** How a text is scheduled. */
public data class ScheduleOptions(
    /** The present moment in the user's zone: "tomorrow" and "next week" are counted from it. */
    public val now: ZonedDateTime = ZonedDateTime.now(),
    /** Whose habits decide what is open: whether `3/5` is in March or in May, and on which day weeks start. */
    public val locale: Locale = Locale.getDefault(),
    /** The first day of a week; `null`: as in [locale]. */
    public val weekStart: DayOfWeek? = null,
    /** How `3/5` is read; `null`: as in [locale]. */
    public val dateOrder: DateOrder? = null,
    /** How long a timed event lasts in [EventTime.icalendar] when the text doesn't say. */
    public val defaultDuration: Duration = Duration.ofHours(1),
)

/** The order of two numbers that make a date. */
public enum class DateOrder {
    /** `3/5` is the fifth of March. */
    MONTH_FIRST,

    /** `3/5` is the third of May. */
    DAY_FIRST,
}

/** What a text asks to be put into a calendar. */
public sealed interface Schedule {
    /** Who answered: rules alone where there was nothing to name. */
    public val servedBy: AnswerSource

    /** The text asks for these events, in its own order; at least one. */
    public data class Events(
        /** The events. */
        public val events: List<ScheduledEvent>,
        override val servedBy: AnswerSource,
    ) : Schedule

    /** There is nothing to schedule in the text. */
    public data class NothingToSchedule(override val servedBy: AnswerSource) : Schedule
}

/** An event that a text asks for. */
public data class ScheduledEvent(
    /** What it is, in the text's own words. */
    public val title: String,
    /** When it is. */
    public val time: EventTime,
    /** Other readings of the time, the likelier first: where there are any, let the user choose before one is taken. */
    public val alternatives: List<EventTime>,
    /** The stretch of the text that carries the time. */
    public val span: TextSpan,
    /** 1 for an exact time with one reading, shared out over the readings where there are more; not calibrated on data yet. */
    public val confidence: Float,
)

/** When an event is. */
public data class EventTime(
    /** When it starts; of a window, the earliest it may start. */
    public val start: EventMoment,
    /** When it ends, itself excluded, where the text says it: an all-day event on the 3rd and 4th ends on the 5th. */
    public val end: EventMoment?,
    /** It lies somewhere between [start] and [end] (`next week`, `tomorrow morning`): ask before it is put into a calendar. */
    public val isWindow: Boolean,
    /** How it recurs: the value of an RFC 5545 `RRULE`, such as `FREQ=WEEKLY;BYDAY=TU`. */
    public val recurrence: String?,
    /** Where each part of it comes from. */
    public val origins: EventTimeOrigins,
    /** The event with this time as an iCalendar text (RFC 5545), for any calendar app. */
    public val icalendar: String,
) {
    /** It is on whole days. */
    public val isAllDay: Boolean get() = start is EventMoment.Day
}

/** A point on the calendar. */
public sealed interface EventMoment {
    /** The day that it is on. */
    public val date: LocalDate

    /** A whole day, in no zone. */
    public data class Day(override val date: LocalDate) : EventMoment

    /** A time of day in the user's zone. */
    public data class Time(
        /** The time. */
        public val time: ZonedDateTime,
    ) : EventMoment {
        override val date: LocalDate get() = time.toLocalDate()
    }
}

/** Where the parts of an [EventTime] come from: nothing in it is invented. */
public data class EventTimeOrigins(
    /** The year. */
    public val year: Origin,
    /** The month. */
    public val month: Origin,
    /** The day of the month. */
    public val day: Origin,
    /** The time of day; `null` for whole days. */
    public val time: Origin?,
    /** The end; `null` where there is none. */
    public val end: Origin?,
)

/** Where a part of a date comes from. */
public enum class Origin {
    /** The text says it, or says how far it is from now. */
    TEXT,

    /** The present moment fills it. */
    NOW,

    /** The text leaves it open and a preference decides. */
    PREFERENCE,
}

internal fun ScheduleOptions.toNative(): dev.minnow.ffi.ScheduleOptions =
    dev.minnow.ffi.ScheduleOptions(
        nowEpochSeconds = now.toEpochSecond(),
        zone = now.zone.toNative(),
        locale = locale.toLanguageTag(),
        weekStart = weekStart?.value?.toUByte(),
        dateOrder = when (dateOrder) {
            DateOrder.MONTH_FIRST -> dev.minnow.ffi.DateOrder.MONTH_FIRST
            DateOrder.DAY_FIRST -> dev.minnow.ffi.DateOrder.DAY_FIRST
            null -> null
        },
        defaultDurationSeconds = defaultDuration.seconds,
    )

/** The IANA name, or the offset of a zone that is one (`GMT+2` included). */
private fun ZoneId.toNative(): String = normalized().let { if (it == ZoneOffset.UTC) "UTC" else it.id }

internal fun dev.minnow.ffi.Schedule.toPublic(): Schedule = when {
    events.isEmpty() -> Schedule.NothingToSchedule(servedBy.toPublic())
    else -> Schedule.Events(events.map { it.toPublic() }, servedBy.toPublic())
}

private fun dev.minnow.ffi.ScheduledEvent.toPublic() =
    ScheduledEvent(title, `when`.toPublic(), alternatives.map { it.toPublic() }, span.toPublic(), confidence)

private fun dev.minnow.ffi.When.toPublic() =
    EventTime(
        start = start.toPublic(),
        end = end?.toPublic(),
        isWindow = isWindow,
        recurrence = rrule,
        origins = provenance.run {
            EventTimeOrigins(year.toPublic(), month.toPublic(), day.toPublic(), time?.toPublic(), end?.toPublic())
        },
        icalendar = icalendar,
    )

private fun dev.minnow.ffi.Moment.toPublic(): EventMoment = when (this) {
    is dev.minnow.ffi.Moment.Day -> EventMoment.Day(LocalDate.of(year.toInt(), month.toInt(), day.toInt()))
    is dev.minnow.ffi.Moment.Instant -> EventMoment.Time(Instant.ofEpochSecond(epochSeconds).atZone(ZoneId.of(zone)))
}

private fun dev.minnow.ffi.Origin.toPublic() = when (this) {
    dev.minnow.ffi.Origin.TEXT -> Origin.TEXT
    dev.minnow.ffi.Origin.NOW -> Origin.NOW
    dev.minnow.ffi.Origin.PREFERENCE -> Origin.PREFERENCE
}
