import Foundation
import Minnow

/// A time at the branch.
public struct Visit: Sendable, Hashable, Identifiable {
    /// When it begins.
    public var start: Date
    /// When it ends.
    public var end: Date
    /// The customer's zone, in which both are shown.
    public var zone: TimeZone

    /// A time at the branch.
    public init(start: Date, end: Date, zone: TimeZone) {
        self.start = start
        self.end = end
        self.zone = zone
    }

    /// No visit is offered twice.
    public var id: Visit { self }
}

/// A time of day, to the minute.
public struct TimeOfDay: Sendable, Hashable, Comparable {
    /// The hour, 0 to 23.
    public var hour: Int
    /// The minute, 0 to 59.
    public var minute: Int

    /// A time of day.
    public init(_ hour: Int, _ minute: Int = 0) {
        self.hour = hour
        self.minute = minute
    }

    public static func < (one: TimeOfDay, other: TimeOfDay) -> Bool {
        (one.hour, one.minute) < (other.hour, other.minute)
    }
}

/// The branch's hours from Monday to Friday, and what they make of a time that a customer names.
///
/// "Tuesday at 10" has two readings, but a bank is open at only one of them; "Friday" and "tomorrow morning" have none yet, and the hours
/// turn them into some. What is still open after that, such as which day `3/12` is, the customer chooses.
public struct Branch: Sendable {
    /// As many buttons as fit beside a question.
    private static let mostOffers = 4

    /// From when on customers may come.
    public var opens: TimeOfDay
    /// When the last one has to leave.
    public var closes: TimeOfDay
    /// How long a visit takes where nobody says it.
    public var visit: Duration

    /// Nine to five, half an hour a visit, unless told otherwise.
    public init(opens: TimeOfDay = TimeOfDay(9), closes: TimeOfDay = TimeOfDay(17), visit: Duration = .seconds(1800)) {
        self.opens = opens
        self.closes = closes
        self.visit = visit
    }

    /// The visits that the times in a message could mean, the likelier first, four at most; none: the branch is closed then.
    public func offers(_ events: [ScheduledEvent], now: Date, zone: TimeZone) -> [Visit] {
        let readings = Readings(visit: TimeInterval(visit.components.seconds), zone: zone)
        var offers: [Visit] = []
        for time in events.flatMap({ [$0.time] + $0.alternatives }) {
            for visit in readings.of(time) where visit.start > now && isOpen(for: visit, readings.calendar) {
                if !offers.contains(visit) { offers.append(visit) }
                if offers.count == Self.mostOffers { return offers }
            }
        }
        return offers
    }

    private func isOpen(for visit: Visit, _ calendar: Calendar) -> Bool {
        // Monday to Friday; the calendar's own weekend would be that of the customer's region
        (2...6).contains(calendar.component(.weekday, from: visit.start))
            && calendar.isDate(visit.end, inSameDayAs: visit.start)
            && TimeOfDay(visit.start, calendar) >= opens
            && TimeOfDay(visit.end, calendar) <= closes
    }
}

extension TimeOfDay {
    fileprivate init(_ date: Date, _ calendar: Calendar) {
        self.init(calendar.component(.hour, from: date), calendar.component(.minute, from: date))
    }
}

/// What a time may mean at a branch.
private struct Readings {
    /// What is offered on a day for which no time was said.
    private static let dayHours = [10, 12, 14, 16]

    /// Whoever says "next year" is asked again.
    private static let mostDays = 31
    private static let mostHours = 48

    let visit: TimeInterval
    let calendar: Calendar

    init(visit: TimeInterval, zone: TimeZone) {
        self.visit = visit
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        self.calendar = calendar
    }

    func of(_ time: EventTime) -> [Visit] {
        switch (time.start, time.end) {
        case (.day(let first), let end):
            days(first, end?.day)
        case (.time(let start, _), .time(let end, _)?) where time.isWindow:
            hours(start, end)
        case (.time(let start, _), .time(let end, _)?):
            [Visit(start: start, end: end, zone: calendar.timeZone)]
        case (.time(let start, _), _):
            time.isWindow ? [] : [usual(start)]
        }
    }

    /// The hours of a day, or the days of a longer time; `end` itself is excluded.
    private func days(_ first: DateComponents, _ end: DateComponents?) -> [Visit] {
        guard let midnight = date(first, hour: 0) else { return [] }
        let until = end.flatMap { date($0, hour: 0) } ?? midnight
        let count = calendar.dateComponents([.day], from: midnight, to: until).day ?? 0
        guard count > 1 else { return Self.dayHours.compactMap { date(first, hour: $0) }.map(usual) }
        return (0..<min(count, Self.mostDays))
            .compactMap { calendar.date(byAdding: .day, value: $0, to: midnight) }
            .compactMap { calendar.date(bySettingHour: Self.dayHours[0], minute: 0, second: 0, of: $0) }
            .map(usual)
    }

    /// Every full hour of a window.
    private func hours(_ start: Date, _ end: Date) -> [Visit] {
        (0..<Self.mostHours)
            .map { usual(start + TimeInterval($0 * 3600)) }
            .filter { $0.end <= end }
    }

    private func usual(_ start: Date) -> Visit {
        Visit(start: start, end: start + visit, zone: calendar.timeZone)
    }

    /// The components have a zone of their own, or none: what counts here is the customer's.
    private func date(_ day: DateComponents, hour: Int) -> Date? {
        calendar.date(from: DateComponents(year: day.year, month: day.month, day: day.day, hour: hour))
    }
}
