import Foundation
import Minnow
import XCTest

@testable import BankCore

/// Every conversation of `tests/data/bank/conversations.json`, by the real engine.
final class ConversationTests: XCTestCase {
    func testEveryConversationGoesAsItsScriptSays() async throws {
        let script = try Script.read()
        XCTAssertFalse(script.conversations.isEmpty)
        let zone = try XCTUnwrap(TimeZone(identifier: script.zone))
        let now = moment(script.now, zone)
        try await withModel { assistant in
            for conversation in script.conversations {
                let here = ScheduleOptions(now: now, zone: zone, locale: Locale(identifier: conversation.locale))
                try await Replay(MinnowAssistant(assistant, answerTokens: 12), here).go(conversation)
            }
        }
    }
}

@MainActor
private struct Replay {
    private let presenter: BankPresenter
    private let here: ScheduleOptions
    private let words: ReplyText

    init(_ assistant: MinnowAssistant, _ here: ScheduleOptions) {
        let accounts = SQLiteAccountRepository(path: SQLiteAccountRepository.inMemory, scripts: AccountSQL.scripts)
        presenter = BankPresenter(assistant, accounts: accounts) { here }
        self.here = here
        words = ReplyText(here.locale)
    }

    func go(_ conversation: Script.Conversation) async throws {
        defer { presenter.close() }
        for turn in conversation.turns {
            try act(turn)
            try await until { !presenter.state.isAnswering }
            try check(turn, "\(conversation.name), \(turn)")
            presenter.calendarOpened()
        }
    }

    private func act(_ turn: Script.Turn) throws {
        if let text = turn.user {
            presenter.send(text)
        } else if let file = turn.file {
            presenter.send(try TestData.bank(file))
        } else if let number = turn.choose {
            guard case .offers(let offers)? = presenter.reply else { return XCTFail("nothing was offered") }
            presenter.choose(try XCTUnwrap(presenter.answer?.id), offers.visits[number])
        } else if turn.reject == true {
            presenter.reject(try XCTUnwrap(presenter.answer?.id))
        } else {
            XCTFail("a turn without an act: \(turn)")
        }
    }

    private func check(_ turn: Script.Turn, _ context: String) throws {
        let message = try XCTUnwrap(presenter.message, context)
        let reply = try XCTUnwrap(presenter.reply, context)
        XCTAssertEqual(kind(reply), turn.answer, "\(context): \(message), \(reply)")
        if let intent = turn.intent { XCTAssertEqual(message.recognised?.intent?.label, intent, context) }
        if let starts = turn.offers {
            guard case .offers(let offers) = reply else { return XCTFail(context) }
            XCTAssertEqual(offers.visits.map { local($0.start, here.zone) }, starts, context)
        }
        if let start = turn.start {
            let visit = try XCTUnwrap(presenter.state.forCalendar, context)
            XCTAssertEqual(local(visit.start, here.zone), start, context)
            XCTAssertEqual(local(visit.end, here.zone), turn.end, context)
        }
        let said = words.of(reply)
        for text in turn.says ?? [] { XCTAssert(said.contains(text), "\(context): \(said)") }
        switch reply {
        case .chat: XCTAssertFalse(said.isEmpty, context)
        case .summary(let sentences): assertAll(sentences, from: message.text)
        default: break
        }
    }

    private func assertAll(_ sentences: [String], from text: String) {
        XCTAssert(1...3 ~= sentences.count, "\(sentences)")
        for sentence in sentences { XCTAssert(flat(text).contains(flat(sentence)), sentence) }
    }

    private func flat(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    private func kind(_ reply: Reply) -> String {
        switch reply {
        case .balance: "balance"
        case .lastBookings: "transactions"
        case .offers(let offers): offers.chosen == nil ? "offers" : "calendar"
        case .askForTime(.noTime, _, _): "ask_no_time"
        case .askForTime(.closed, _, _): "ask_closed"
        case .askForTime(.noSuchDate, _, _): "ask_no_such_date"
        case .summary: "summary"
        case .chat: "chat"
        case .pending, .stopped, .failed: "none"
        }
    }
}
