import Foundation
import Minnow
import XCTest

@testable import BankCore

/// What only a real engine shows: an answer on its way, and one that is closed.
final class EngineTests: XCTestCase {
    private static let question = "Tell me about saving money for a holiday"

    func testAnAnswerGrowsPieceByPiece() async throws {
        try await talking { presenter, _ in
            presenter.send(Self.question)
            XCTAssertTrue(presenter.state.isAnswering, "sending returns before there is an answer")
            var texts: [String] = []
            while presenter.state.isAnswering {
                let last = texts.last ?? ""
                try await until { presenter.said != last || !presenter.state.isAnswering }
                if presenter.state.isAnswering { texts.append(presenter.said) }
            }
            XCTAssertGreaterThanOrEqual(texts.count, 3, "\(texts)")
            for (shorter, longer) in zip(texts, texts.dropFirst()) { XCTAssert(longer.hasPrefix(shorter), "\(shorter), \(longer)") }
            guard case .chat(let whole, _)? = presenter.reply else { return XCTFail("\(presenter.state)") }
            XCTAssert(whole.hasPrefix((texts.last ?? "").trimmingCharacters(in: .whitespaces)), whole)
        }
    }

    func testCancellingKeepsWhatWasSaidAndTheNextMessageIsAnswered() async throws {
        try await talking { presenter, _ in
            presenter.send(Self.question)
            try await until { presenter.said.count > 20 }
            let partial = presenter.said
            presenter.cancel()
            try await until { !presenter.state.isAnswering }
            guard case .chat(let text, .stopped)? = presenter.reply else { return XCTFail("\(presenter.state)") }
            XCTAssert(text.hasPrefix(partial), text)

            presenter.send("What's my balance?")
            try await until { !presenter.state.isAnswering }
            guard case .balance? = presenter.reply else { return XCTFail("\(presenter.state)") }
        }
    }

    func testAClosedAssistantIsSomethingToReadNotACrash() async throws {
        try await talking { presenter, assistant in
            assistant.close()
            presenter.send(Self.question)
            try await until { !presenter.state.isAnswering }
            XCTAssertEqual(presenter.reply, .failed(.closed, partial: ""))
        }
    }

    func testAnAssistantThatIsClosedWhileItAnswersLeavesWhatItSaid() async throws {
        try await talking { presenter, assistant in
            presenter.send(Self.question)
            try await until { !presenter.said.isEmpty }
            assistant.close()
            try await until { !presenter.state.isAnswering }
            guard case .failed(.closed, let partial)? = presenter.reply else { return XCTFail("\(presenter.state)") }
            XCTAssertFalse(partial.isEmpty)
        }
    }

    func testAChatThatIsClosedWhileItAnswersEnds() async throws {
        try await talking { presenter, _ in
            presenter.send(Self.question)
            try await until { !presenter.said.isEmpty }
            presenter.close()
            try await until { !presenter.state.isAnswering }
            guard case .chat(_, .stopped)? = presenter.reply else { return XCTFail("\(presenter.state)") }
        }
    }
}

@MainActor
private func talking(_ test: @MainActor (BankPresenter, Assistant) async throws -> Void) async throws {
    try await withModel { assistant in
        let accounts = SQLiteAccountRepository(path: SQLiteAccountRepository.inMemory, scripts: AccountSQL.scripts)
        let presenter = BankPresenter(MinnowAssistant(assistant, answerTokens: 64), accounts: accounts)
        defer { presenter.close() }
        try await test(presenter, assistant)
    }
}

extension BankPresenter {
    /// What the model has said so far.
    fileprivate var said: String {
        if case .chat(let text, _)? = reply { text } else { "" }
    }
}
