import Foundation
import Minnow
import XCTest

@testable import BankCore

/// What the branch's hours make of the times in a message.
final class BranchTests: XCTestCase {
    private func starts(_ events: ScheduledEvent...) -> [String] {
        Branch().offers(events, now: now, zone: london).map { local($0.start) }
    }

    func testTheReadingAtWhichTheBranchIsOpenIsTheOneThatIsMeant() {
        XCTAssertEqual(starts(event(time(at("2026-11-25T10:00")), time(at("2026-11-25T22:00")))), ["2026-11-25T10:00"])
    }

    func testReadingsThatAreBothOpenAreBothOfferedTheLikelierFirst() {
        let both = event(time(at("2026-12-03T14:00")), time(at("2026-11-25T14:00")))
        XCTAssertEqual(starts(both), ["2026-12-03T14:00", "2026-11-25T14:00"])
        XCTAssertEqual(starts(both, both).count, 2, "each is offered once")
    }

    func testAVisitEndsBeforeTheBranchClosesAndMayEndWithIt() {
        XCTAssertEqual(starts(event(time(at("2026-11-25T16:30")))), ["2026-11-25T16:30"])
        XCTAssertEqual(starts(event(time(at("2026-11-25T16:31")))), [])
    }

    func testAnEndThatWasSaidIsTheVisits() {
        let said = event(time(at("2026-11-25T10:00"), at("2026-11-25T12:00")))
        let visits = Branch().offers([said], now: now, zone: london)
        XCTAssertEqual(visits.map { local($0.end) }, ["2026-11-25T12:00"])
    }

    func testOfADayWithoutATimeHoursAreOffered() {
        let hours = ["2026-11-27T10:00", "2026-11-27T12:00", "2026-11-27T14:00", "2026-11-27T16:00"]
        XCTAssertEqual(starts(event(time(day(2026, 11, 27)))), hours)
        XCTAssertEqual(starts(event(time(day(2026, 11, 27), day(2026, 11, 28)))), hours)
    }

    func testOfTodayOnlyWhatIsToComeIsOffered() {
        let morning = event(time(at("2026-11-24T08:00"), at("2026-11-24T11:00"), isWindow: true))
        XCTAssertEqual(starts(morning), ["2026-11-24T10:00"])
        XCTAssertEqual(starts(event(time(at("2026-11-24T09:00")))), [])
    }

    func testOfAWeekItsWorkingDaysAreOffered() {
        let week = event(time(day(2026, 11, 28), day(2026, 12, 7), isWindow: true))
        XCTAssertEqual(starts(week), ["2026-11-30T10:00", "2026-12-01T10:00", "2026-12-02T10:00", "2026-12-03T10:00"])
    }

    func testOfAMorningTheOpenHoursAreOffered() {
        let morning = event(time(at("2026-11-25T08:00"), at("2026-11-25T12:00"), isWindow: true))
        XCTAssertEqual(starts(morning), ["2026-11-25T09:00", "2026-11-25T10:00", "2026-11-25T11:00"])
    }

    func testOnASundayAtNightAndWithoutAnEventThereIsNothingToOffer() {
        XCTAssertEqual(starts(event(time(at("2026-11-29T11:00")))), [])
        XCTAssertEqual(starts(event(time(at("2026-11-25T23:00")))), [])
        XCTAssertEqual(starts(), [])
    }

    func testAnEndlessWindowEnds() {
        XCTAssertEqual(starts(event(time(day(2026, 11, 25), day(2037, 11, 25), isWindow: true))).count, 4)
        XCTAssertEqual(starts(event(time(at("2026-11-25T00:00"), at("2037-11-25T00:00"), isWindow: true))).count, 4)
    }

    func testTheHoursAreThoseOfTheCustomersZone() throws {
        let shanghai = try XCTUnwrap(TimeZone(identifier: "Asia/Shanghai"))
        let visits = Branch().offers([event(time(day(2026, 11, 27)))], now: now, zone: shanghai)
        XCTAssertEqual(visits.map { local($0.start, shanghai) }.first, "2026-11-27T10:00")
        XCTAssertEqual(visits.first?.zone, shanghai)
    }

    func testADayOnWhichClocksChangeHasItsHours() {
        // the clocks of London go back on Sunday 25 October 2026
        let week = event(time(day(2026, 10, 24), day(2026, 10, 28), isWindow: true))
        let visits = Branch().offers([week], now: moment("2026-10-20T09:00"), zone: london)
        XCTAssertEqual(visits.map { local($0.start) }, ["2026-10-26T10:00", "2026-10-27T10:00"])
    }
}
