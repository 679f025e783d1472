import Foundation

/// A visit as the calendar is given it, for the customer to save: nothing is written without them.
public struct CalendarEntry: Sendable, Hashable {
    /// What it is. The bank's own words: what Minnow takes out of the message ("can I come in") names a mail's event well, not the bank's.
    public var title: String
    /// Where it is.
    public var place: String
    /// When it begins.
    public var start: Date
    /// When it ends.
    public var end: Date
    /// The zone in which both were said.
    public var zone: TimeZone

    /// `visit` in the words of the customer's language.
    public init(_ visit: Visit, _ strings: Strings) {
        title = strings[.calendarTitle]
        place = strings[.calendarPlace]
        start = visit.start
        end = visit.end
        zone = visit.zone
    }
}
