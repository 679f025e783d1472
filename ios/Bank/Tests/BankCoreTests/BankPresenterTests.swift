import Foundation
import Minnow
import XCTest

@testable import BankCore

/// What the presenter does around the model: order, cancelling, corrections, errors.
final class BankPresenterTests: XCTestCase {
    func testSendingShowsTheMessageAtOnceAndReturns() async throws {
        try await presenting { presenter, _ in
            presenter.send("  hello ")
            XCTAssertTrue(presenter.state.isAnswering)
            XCTAssertEqual(presenter.message?.text, "hello")
            XCTAssertEqual(presenter.reply, .pending)
        }
    }

    func testPiecesOfAnAnswerAreShownAsTheyComeWhitespaceInFrontDropped() async throws {
        try await presenting { presenter, assistant in
            presenter.send("hello")
            assistant.piece(" Good")
            try await until { presenter.reply == .chat("Good", .running) }
            assistant.piece(" day")
            try await until { presenter.reply == .chat("Good day", .running) }
            assistant.finish(" Good day.")
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .chat("Good day.", .complete))
        }
    }

    func testAnAnswerAtItsLongestSaysThatItIsCutOff() async throws {
        try await presenting { presenter, assistant in
            presenter.send("hello")
            assistant.finish("Good", .length)
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .chat("Good", .cutOff))
        }
    }

    func testOneAnswerRunsAtATimeAndBlankMessagesHaveNone() async throws {
        try await presenting { presenter, assistant in
            presenter.send(" \n")
            XCTAssertEqual(presenter.state, BankState())
            presenter.send("one")
            presenter.send("two")
            presenter.summarize("three")
            assistant.finish("Good day.")
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(assistant.said, ["one"])
            XCTAssertEqual(presenter.state.messages.count, 2)
        }
    }

    func testALetterIsSummarisedAndAnyTextWhereTheCustomerSaysSo() async throws {
        let letter = String(repeating: "Your rate will change. ", count: 30).trimmingCharacters(in: .whitespaces)
        try await presenting { presenter, assistant in
            presenter.send(letter + String(repeating: "\n", count: 9))
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .summary([letter]))
            presenter.summarize("What's my balance?")
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .summary(["What's my balance?"]))
            XCTAssertNil(presenter.message?.recognised)
            XCTAssertEqual(assistant.said, [])
        }
    }

    func testCancellingBeforeAnythingCameSaysSo() async throws {
        try await presenting { presenter, _ in
            presenter.send("hello")
            presenter.cancel()
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .stopped)
        }
    }

    func testCancellingKeepsTheWordsThatCame() async throws {
        try await presenting { presenter, assistant in
            presenter.send("hello")
            assistant.piece("Good")
            try await until { presenter.reply == .chat("Good", .running) }
            presenter.cancel()
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .chat("Good", .stopped))
        }
    }

    func testAFailureKeepsTheWordsThatCame() async throws {
        try await presenting { presenter, assistant in
            presenter.send("hello")
            assistant.piece("Good")
            assistant.fail(.memory(needed: 2, available: 1, message: ""))
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .failed(.memory, partial: "Good"))
        }
    }

    func testABalanceComesFromTheAccountAndTheModelIsNotAskedToSpeak() async throws {
        try await presenting { presenter, assistant in
            assistant.classification = labelled(.balance, 0.9)
            presenter.send("What's my balance?")
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .balance(Accounts.usual))
            XCTAssertEqual(presenter.message?.recognised, Recognised(intent: .balance, confidence: 0.9, byWords: true))
            XCTAssertEqual(assistant.said, [])
        }
    }

    func testWhatWasServedCanBeRejectedOnceAndIsThenTalkedAbout() async throws {
        try await presenting { presenter, assistant in
            assistant.classification = labelled(.balance, 0.9)
            presenter.send("What's my balance?")
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.answer?.canBeRejected, true)
            let id = try XCTUnwrap(presenter.answer?.id)
            presenter.reject(id)
            XCTAssertEqual(presenter.reply, .pending)
            assistant.finish("I see.")
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(assistant.said, ["What's my balance?"])
            XCTAssertNil(presenter.message?.recognised)
            XCTAssertEqual(presenter.reply, .chat("I see.", .complete))
            presenter.reject(id)
            XCTAssertFalse(presenter.state.isAnswering)
        }
    }

    func testAnAccountThatCanNotBeReadIsAReadableAnswer() async throws {
        let broken = Accounts { throw AccountsUnavailable(underlying: CocoaError(.fileReadUnknown)) }
        try await presenting(broken) { presenter, _ in
            presenter.send("What's my balance?")
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .failed(.account, partial: ""))
        }
    }

    func testASlowAccountCanBeCancelled() async throws {
        let slow = Accounts {
            try? await Task.sleep(for: .seconds(1000))
            return Accounts.usual
        }
        try await presenting(slow) { presenter, _ in
            presenter.send("What's my balance?")
            try await until { presenter.message?.recognised != nil }
            presenter.cancel()
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .stopped)
        }
    }

    func testAChosenVisitGoesToTheCalendarOnce() async throws {
        try await presenting { presenter, assistant in
            let visit = try await offered(presenter, assistant)
            presenter.choose(try XCTUnwrap(presenter.answer?.id), visit)
            XCTAssertEqual(presenter.state.forCalendar, visit)
            XCTAssertEqual(presenter.reply, .offers(Offers([visit], chosen: visit)))
            XCTAssertEqual(presenter.answer?.openVisits, [])
            presenter.calendarOpened()
            XCTAssertNil(presenter.state.forCalendar)
        }
    }

    func testWithoutACalendarTheOffersAreOpenAgain() async throws {
        try await presenting { presenter, assistant in
            let visit = try await offered(presenter, assistant)
            presenter.choose(try XCTUnwrap(presenter.answer?.id), visit)
            presenter.calendarMissing()
            XCTAssertEqual(presenter.reply, .offers(Offers([visit], calendarIsMissing: true)))
            XCTAssertEqual(presenter.answer?.openVisits, [visit])
            XCTAssertNil(presenter.state.forCalendar)
        }
    }

    func testAVisitThatWasNotOfferedIsNotTaken() async throws {
        try await presenting { presenter, assistant in
            var visit = try await offered(presenter, assistant)
            visit.end += 3600
            presenter.choose(try XCTUnwrap(presenter.answer?.id), visit)
            XCTAssertNil(presenter.state.forCalendar)
        }
    }

    func testADateThatThereIsNotIsAskedForAgain() async throws {
        try await presenting { presenter, assistant in
            assistant.schedule = .failure(.impossibleDate("30 February"))
            presenter.send("Can I come in on 30 February at 10?")
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .askForTime(.noSuchDate, opens: TimeOfDay(9), closes: TimeOfDay(17)))
        }
    }

    func testATimeInAMessageThatAsksForNothingIsNoAppointment() async throws {
        try await presenting { presenter, assistant in
            assistant.schedule = .success([event(time(at("2026-11-25T10:00")))])
            presenter.send("Remind me of the rent tomorrow at 10")
            assistant.finish("I can't.")
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(assistant.said, ["Remind me of the rent tomorrow at 10"])
        }
    }

    func testClosingEndsTheConversationAndWhatRuns() async throws {
        try await presenting { presenter, assistant in
            presenter.send("hello")
            assistant.piece("Good")
            try await until { presenter.reply == .chat("Good", .running) }
            XCTAssertEqual(assistant.open, 1)
            presenter.close()
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(assistant.open, 0)
        }
    }
}

@MainActor
private func presenting(
    _ accounts: Accounts = Accounts { Accounts.usual },
    _ test: @MainActor (BankPresenter, FakeAssistant) async throws -> Void
) async throws {
    let assistant = FakeAssistant()
    let presenter = BankPresenter(assistant, accounts: accounts) { ScheduleOptions(now: now, zone: london, locale: british) }
    defer { presenter.close() }
    try await test(presenter, assistant)
}

@MainActor
private func offered(_ presenter: BankPresenter, _ assistant: FakeAssistant) async throws -> Visit {
    assistant.schedule = .success([event(time(at("2026-11-25T10:00")))])
    presenter.send("Can I come in tomorrow at 10?")
    try await until { !presenter.state.isAnswering }
    guard case .offers(let offers)? = presenter.reply else { throw Hanging(limit: .zero) }
    XCTAssertEqual(offers.visits.count, 1)
    return try XCTUnwrap(offers.visits.first)
}

/// An account whose balance is what a test says.
private struct Accounts: AccountRepository {
    static let usual = Balance(
        account: "Everyday account", numberEnding: "4471", amount: Money(minor: 100, currency: Locale.Currency("GBP")))

    let read: @Sendable () async throws -> Balance

    func balance() async throws -> Balance { try await read() }

    func lastBookings(_ count: Int) -> [Booking] { [] }
}

extension BankPresenter {
    /// What the customer said last.
    var message: UserMessage? {
        if case .user(let message)? = state.messages.dropLast().last { message } else { nil }
    }

    /// What the bank said last.
    var answer: BankMessage? {
        if case .bank(let message)? = state.messages.last { message } else { nil }
    }

    /// Its answer.
    var reply: Reply? { answer?.reply }
}
