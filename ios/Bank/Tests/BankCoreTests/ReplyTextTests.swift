import Foundation
import XCTest

@testable import BankCore

/// The words for what was decided, in both languages.
final class ReplyTextTests: XCTestCase {
    private let money = Money(minor: 525_122, currency: Locale.Currency("GBP"))
    private let visit = Visit(start: now, end: now + 1800, zone: london)

    func testEverythingThatCanHappenHasWordsInBothLanguages() {
        let later = Visit(start: now + 3600, end: now + 5400, zone: london)
        let booking = Booking(day: Day(year: 2026, month: 11, day: 3), party: "老王面馆", amount: money)
        let replies: [Reply] =
            [
                .pending,
                .stopped,
                .balance(Balance(account: "Everyday account", numberEnding: "4471", amount: money)),
                .lastBookings([]),
                .lastBookings([booking]),
                .offers(Offers([visit])),
                .offers(Offers([visit, later])),
                .offers(Offers([visit], chosen: visit)),
                .offers(Offers([visit], calendarIsMissing: true)),
                .summary([]),
                .summary(["One.", "Two."]),
            ]
            + WhyAsk.allCases.map { .askForTime($0, opens: TimeOfDay(9), closes: TimeOfDay(17)) }
            + ChatEnd.allCases.map { .chat("Good day.", $0) }
            + Problem.allCases.map { .failed($0, partial: "") }
        let setup: [SetupState] = [
            .checking, .missing(bytes: 98_000_000), .downloading(bytes: 1, ofBytes: 98_000_000), .opening, .failed(.noDownload),
        ]
        for words in [ReplyText(british), ReplyText(chinese)] {
            let said = replies.map { words.of($0) + (words.note(on: $0) ?? "") } + setup.map(words.of)
            for text in said {
                XCTAssertFalse(text.isEmpty)
                XCTAssertFalse(text.contains("%"), text)
                XCTAssertFalse(text.contains("_"), text)
            }
            for intent in BankIntent.allCases + [nil] {
                XCTAssertFalse(words.of(Recognised(intent: intent, confidence: 0.5, byWords: false)).contains("_"))
            }
        }
    }

    func testAnswersReadAsSentences() {
        let words = ReplyText(british)
        let balance = Reply.balance(Balance(account: "Everyday account", numberEnding: "4471", amount: money))
        XCTAssertEqual(words.of(balance), "Your Everyday account (ending 4471) holds £5,251.22.")
        XCTAssertEqual(words.of(.summary(["One."])), "In short:\n• One.")
        let broken = Reply.failed(.closed, partial: "Once upon")
        XCTAssertEqual(words.of(broken), "Once upon\n\nThe assistant was closed. Please open the app again.")
        XCTAssertEqual(words.of(Recognised(intent: .balance, confidence: 0.33, byWords: false)), "Account balance · 33%")
        XCTAssertEqual(
            words.of(Recognised(intent: .balance, confidence: 0.33, byWords: true)),
            "Account balance · by your words (model: 33%)")
        XCTAssertEqual(words.of(Recognised(intent: nil, confidence: 0.12, byWords: false)), "No clear topic · 12%")
        XCTAssertEqual(words.of(.downloading(bytes: 49_000_000, ofBytes: 98_000_000)), "49 MB of 98 MB")
    }

    func testAnswersReadAsSentencesInChinese() {
        let words = ReplyText(chinese)
        let balance = Reply.balance(Balance(account: "Everyday account", numberEnding: "4471", amount: money))
        XCTAssertEqual(words.of(balance), "您的账户 Everyday account（尾号 4471）余额为 £5,251.22。")
        XCTAssert(words.of(.offers(Offers([visit]))).hasPrefix("2026年11月24日"), words.of(visit))
    }

    func testTimesAreThoseOfTheVisitsZone() throws {
        let shanghai = try XCTUnwrap(TimeZone(identifier: "Asia/Shanghai"))
        let there = Visit(start: visit.start, end: visit.end, zone: shanghai)
        XCTAssert(ReplyText(british).of(there).hasSuffix("17:30"), ReplyText(british).of(there))
    }

    func testTheCalendarGetsTheVisitInTheBanksWords() {
        let entry = CalendarEntry(visit, Strings(british))
        XCTAssertEqual(entry.title, "Appointment at Minnow Bank")
        XCTAssertEqual(entry.place, "Minnow Bank, 14 Quay Street, Bristol")
        XCTAssertEqual([entry.start, entry.end], [visit.start, visit.end])
        XCTAssertEqual(entry.zone, london)
    }

    func testADownloadHasAShareOnceItsSizeIsKnown() {
        XCTAssertNil(SetupState.downloading(bytes: 0, ofBytes: 0).share)
        XCTAssertEqual(SetupState.downloading(bytes: 1, ofBytes: 4).share, 0.25)
        XCTAssertNil(SetupState.opening.share)
        XCTAssertTrue(SetupState.opening.isBusy)
        XCTAssertFalse(SetupState.missing(bytes: 1).isBusy)
    }
}
