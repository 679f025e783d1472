import Foundation
import Minnow

/// The present moment in most tests, a Tuesday, and where it is.
let london = TimeZone(identifier: "Europe/London")!
let now = moment("2026-11-24T09:30")
let british = Locale(identifier: "en-GB")
let chinese = Locale(identifier: "zh-CN")

/// A local time in ISO 8601, to the minute.
func moment(_ local: String, _ zone: TimeZone = london) -> Date {
    isoMinutes(zone).date(from: local)!
}

/// The local time of a moment.
func local(_ moment: Date, _ zone: TimeZone = london) -> String {
    isoMinutes(zone).string(from: moment)
}

private func isoMinutes(_ zone: TimeZone) -> DateFormatter {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = zone
    format.dateFormat = "yyyy-MM-dd'T'HH:mm"
    return format
}

/// An event with these readings of its time.
func event(_ readings: EventTime...) -> ScheduledEvent {
    ScheduledEvent(
        title: "can I come",
        time: readings[0],
        alternatives: Array(readings.dropFirst()),
        span: TextSpan(utf16: 0..<1),
        confidence: 1 / Float(readings.count)
    )
}

/// When an event is.
func time(_ start: EventMoment, _ end: EventMoment? = nil, isWindow: Bool = false) -> EventTime {
    let origins = EventTimeOrigins(year: .text, month: .text, day: .text, time: nil, end: nil)
    return EventTime(start: start, end: end, isWindow: isWindow, recurrence: nil, origins: origins, icalendar: "")
}

/// A time of day.
func at(_ local: String) -> EventMoment {
    .time(moment(local), zone: london)
}

/// A whole day.
func day(_ year: Int, _ month: Int, _ day: Int) -> EventMoment {
    .day(DateComponents(calendar: Calendar(identifier: .gregorian), year: year, month: month, day: day))
}
