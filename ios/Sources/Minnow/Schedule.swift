import Foundation
internal import MinnowFFI

/// How a text is scheduled.
public struct ScheduleOptions: Sendable, Codable, Hashable {
    /// The present moment: "tomorrow" and "next week" are counted from it.
    public var now: Date
    /// The user's time zone.
    public var zone: TimeZone
    /// Whose habits decide what is open: whether `3/5` is in March or in May, and on which day weeks start.
    public var locale: Locale
    /// The first day of a week; `nil`: as in ``locale``, which for the device's own is the user's setting.
    public var weekStart: Locale.Weekday?
    /// How `3/5` is read; `nil`: as in ``locale``.
    public var dateOrder: DateOrder?
    /// How long a timed event lasts in ``EventTime/icalendar`` when the text doesn't say.
    public var defaultDuration: Duration

    /// This moment, and the habits of this device's user, unless told otherwise.
    public init(
        now: Date = Date(),
        zone: TimeZone = .current,
        locale: Locale = .current,
        weekStart: Locale.Weekday? = nil,
        dateOrder: DateOrder? = nil,
        defaultDuration: Duration = .seconds(3600)
    ) {
        self.now = now
        self.zone = zone
        self.locale = locale
        self.weekStart = weekStart
        self.dateOrder = dateOrder
        self.defaultDuration = defaultDuration
    }
}

/// The order of two numbers that make a date.
public enum DateOrder: Sendable, Codable, Hashable {
    /// `3/5` is the fifth of March.
    case monthFirst
    /// `3/5` is the third of May.
    case dayFirst
}

/// What a text asks to be put into a calendar.
public struct Schedule: Sendable, Codable, Hashable {
    /// The events that the text asks for, in its own order; none: there is nothing to schedule in it.
    public var events: [ScheduledEvent]
    /// Who answered: rules alone where there was nothing to name.
    public var servedBy: AnswerSource

    /// A schedule, for an app's own tests.
    public init(events: [ScheduledEvent], servedBy: AnswerSource) {
        self.events = events
        self.servedBy = servedBy
    }
}

/// An event that a text asks for.
public struct ScheduledEvent: Sendable, Codable, Hashable {
    /// What it is, in the text's own words.
    public var title: String
    /// When it is.
    public var time: EventTime
    /// Other readings of the time, the likelier first: where there are any, let the user choose before one is taken.
    public var alternatives: [EventTime]
    /// The stretch of the text that carries the time.
    public var span: TextSpan
    /// 1 for an exact time with one reading, shared out over the readings where there are more; not calibrated on data yet.
    public var confidence: Float

    /// An event, for an app's own tests.
    public init(title: String, time: EventTime, alternatives: [EventTime], span: TextSpan, confidence: Float) {
        self.title = title
        self.time = time
        self.alternatives = alternatives
        self.span = span
        self.confidence = confidence
    }
}

/// When an event is.
public struct EventTime: Sendable, Codable, Hashable {
    /// When it starts; of a window, the earliest it may start.
    public var start: EventMoment
    /// When it ends, itself excluded, where the text says it: an all-day event on the 3rd and 4th ends on the 5th.
    public var end: EventMoment?
    /// It lies somewhere between ``start`` and ``end`` (`next week`, `tomorrow morning`): ask before it is put into a calendar.
    public var isWindow: Bool
    /// How it recurs: the value of an RFC 5545 `RRULE`, such as `FREQ=WEEKLY;BYDAY=TU`.
    public var recurrence: String?
    /// Where each part of it comes from.
    public var origins: EventTimeOrigins
    /// The event with this time as an iCalendar text (RFC 5545), for any calendar app.
    public var icalendar: String

    /// A time, for an app's own tests.
    public init(
        start: EventMoment,
        end: EventMoment?,
        isWindow: Bool,
        recurrence: String?,
        origins: EventTimeOrigins,
        icalendar: String
    ) {
        self.start = start
        self.end = end
        self.isWindow = isWindow
        self.recurrence = recurrence
        self.origins = origins
        self.icalendar = icalendar
    }

    /// It is on whole days.
    public var isAllDay: Bool {
        if case .day = start { true } else { false }
    }
}

/// A point on the calendar.
public enum EventMoment: Sendable, Codable, Hashable {
    /// A whole day, in no zone: year, month and day of the Gregorian calendar. ``date(in:)`` is when it begins.
    case day(DateComponents)
    /// A time of day in the user's zone.
    case time(Date, zone: TimeZone)

    /// The moment itself; of a whole day, when it begins in `zone`. For calendars that know nothing but `Date`. `nil` for components of
    /// an app's own that name no day.
    public func date(in zone: TimeZone) -> Date? {
        switch self {
        case .time(let time, _):
            return time
        case .day(let day):
            var calendar = Calendar(identifier: .gregorian)
            calendar.timeZone = zone
            guard day.year != nil, day.month != nil, day.day != nil else { return nil }
            // where midnight is skipped, an hour later
            return calendar.date(from: DateComponents(year: day.year, month: day.month, day: day.day))
        }
    }

    /// The day that it is on: year, month and day of the Gregorian calendar.
    public var day: DateComponents {
        switch self {
        case .day(let day):
            return day
        case .time(let time, let zone):
            var calendar = Calendar(identifier: .gregorian)
            calendar.timeZone = zone
            let parts = calendar.dateComponents([.year, .month, .day], from: time)
            return DateComponents(
                calendar: Calendar(identifier: .gregorian), year: parts.year, month: parts.month, day: parts.day)
        }
    }
}

/// Where the parts of an ``EventTime`` come from: nothing in it is invented.
public struct EventTimeOrigins: Sendable, Codable, Hashable {
    /// The year.
    public var year: Origin
    /// The month.
    public var month: Origin
    /// The day of the month.
    public var day: Origin
    /// The time of day; `nil` for whole days.
    public var time: Origin?
    /// The end; `nil` where there is none.
    public var end: Origin?

    /// Origins, for an app's own tests.
    public init(year: Origin, month: Origin, day: Origin, time: Origin?, end: Origin?) {
        self.year = year
        self.month = month
        self.day = day
        self.time = time
        self.end = end
    }
}

/// Where a part of a date comes from.
public enum Origin: Sendable, Codable, Hashable {
    /// The text says it, or says how far it is from now.
    case text
    /// The present moment fills it.
    case now
    /// The text leaves it open and a preference decides.
    case preference
}

extension ScheduleOptions {
    func native() throws -> MinnowFFI.ScheduleOptions {
        guard let seconds = Int64(exactly: now.timeIntervalSince1970.rounded(.down)) else {
            throw MinnowError.invalidInput(argument: "now", message: "no moment that a calendar has (now)")
        }
        return MinnowFFI.ScheduleOptions(
            nowEpochSeconds: seconds,
            zone: zone.nativeName(at: now),
            locale: locale.identifier(.bcp47),
            weekStart: (weekStart ?? locale.firstDayOfWeek).mondayFirst,
            dateOrder: dateOrder.map { $0 == .monthFirst ? .monthFirst : .dayFirst },
            defaultDurationSeconds: defaultDuration.components.seconds
        )
    }
}

extension TimeZone {
    /// The IANA name, or the offset of a zone that is one: Foundation calls those `GMT+0200`, a name that only it has.
    fileprivate func nativeName(at date: Date) -> String {
        guard identifier.hasPrefix("GMT") else { return identifier }
        let seconds = secondsFromGMT(for: date)
        let (hours, minutes) = (abs(seconds) / 3600, abs(seconds) / 60 % 60)
        let digits = [hours, minutes].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return (seconds < 0 ? "-" : "+") + digits.joined(separator: ":")
    }
}

extension Locale.Weekday {
    /// 1 for Monday to 7 for Sunday.
    fileprivate var mondayFirst: UInt8 {
        switch self {
        case .monday: 1
        case .tuesday: 2
        case .wednesday: 3
        case .thursday: 4
        case .friday: 5
        case .saturday: 6
        case .sunday: 7
        @unknown default: 1
        }
    }
}

extension Schedule {
    init(_ native: MinnowFFI.Schedule, zone: TimeZone) {
        let events = native.events.map { event in
            ScheduledEvent(
                title: event.title,
                time: EventTime(event.when, zone: zone),
                alternatives: event.alternatives.map { EventTime($0, zone: zone) },
                span: TextSpan(event.span),
                confidence: event.confidence
            )
        }
        self.init(events: events, servedBy: AnswerSource(native.servedBy))
    }
}

extension EventTime {
    fileprivate init(_ native: MinnowFFI.When, zone: TimeZone) {
        let provenance = native.provenance
        self.init(
            start: EventMoment(native.start, zone: zone),
            end: native.end.map { EventMoment($0, zone: zone) },
            isWindow: native.isWindow,
            recurrence: native.rrule,
            origins: EventTimeOrigins(
                year: Origin(provenance.year),
                month: Origin(provenance.month),
                day: Origin(provenance.day),
                time: provenance.time.map(Origin.init),
                end: provenance.end.map(Origin.init)
            ),
            icalendar: native.icalendar
        )
    }
}

extension EventMoment {
    fileprivate init(_ native: MinnowFFI.Moment, zone: TimeZone) {
        self =
            switch native {
            case .day(let year, let month, let day):
                .day(
                    DateComponents(
                        calendar: Calendar(identifier: .gregorian), year: Int(year), month: Int(month), day: Int(day)))
            case .instant(let seconds, _):
                // the zone's name that comes with it is the one that the user's zone was handed over by
                .time(Date(timeIntervalSince1970: TimeInterval(seconds)), zone: zone)
            }
    }
}

extension Origin {
    fileprivate init(_ native: MinnowFFI.Origin) {
        self =
            switch native {
            case .text: .text
            case .now: .now
            case .preference: .preference
            }
    }
}
