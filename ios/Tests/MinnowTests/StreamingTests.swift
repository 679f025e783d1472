import Foundation
import Minnow
import XCTest

/// Answers piece by piece, and their cancel.
final class StreamingTests: XCTestCase {
    private static let long = AnswerOptions(maxTokens: 1000)
    private static let question = "Write a very long story about a bank clerk, with many details."

    private func text(_ events: [ChatEvent]) -> String {
        events.map { if case .text(let piece) = $0 { piece } else { "" } }.joined()
    }

    func testPiecesAddUpToTheAnswer() async throws {
        try await withModel { assistant in
            let events = try await all(assistant.chat().stream("Name three fruits.", options: AnswerOptions(maxTokens: 24)))
            guard case .done(let answer) = events.last else { return XCTFail("\(events)") }
            XCTAssertGreaterThan(events.count, 4, "it comes in more than one piece")
            XCTAssertEqual(text(events), answer.text)
        }
    }

    func testASlowReaderLosesNothing() async throws {
        try await withModel { assistant in
            var events: [ChatEvent] = []
            for try await event in try await assistant.chat().stream("Name three fruits.", options: AnswerOptions(maxTokens: 16)) {
                try await Task.sleep(for: .milliseconds(20))
                events.append(event)
            }
            guard case .done(let answer) = events.last else { return XCTFail("\(events)") }
            XCTAssertEqual(text(events), answer.text)
        }
    }

    func testCancellingTheReaderStopsTheModelWithinAToken() async throws {
        try await withModel { assistant in
            let chat = try await assistant.chat()
            let reader = Task { try await all(chat.stream(Self.question, options: Self.long)) }
            try await Task.sleep(for: .seconds(1))
            reader.cancel()
            await assertCancelled(reader)
            // the chat is free again only when the model has stopped
            var partial: ChatMessage?
            let stopped = try await time { partial = try await chat.messages().last }
            print("stopped \(stopped) after the cancel")
            XCTAssertLessThan(stopped, .seconds(2))
            XCTAssertEqual(partial?.speaker, .assistant, "what was said stays said")
            try await Task.sleep(for: .milliseconds(300))
            let later = try await chat.messages().last
            XCTAssertEqual(partial, later, "nothing is added afterwards")
            let next = try await chat.say("Thanks", options: AnswerOptions(maxTokens: 2))
            XCTAssertGreaterThan(next.tokens, 0)
        }
    }

    func testACancelledCallThrowsACancellationError() async throws {
        try await withModel { assistant in
            let chat = try await assistant.chat()
            let call = Task { try await chat.say(Self.question, options: Self.long) }
            try await Task.sleep(for: .milliseconds(500))
            let took = await time {
                call.cancel()
                await assertCancelled(call)
            }
            XCTAssertLessThan(took, .seconds(1), "the caller doesn't wait for the model")
            let stopped = try await time { _ = try await chat.messages() }
            XCTAssertLessThan(stopped, .seconds(2))
        }
    }

    func testLettingGoOfTheStreamStopsTheModel() async throws {
        try await withModel { assistant in
            let chat = try await assistant.chat()
            var pieces = 0
            for try await _ in chat.stream(Self.question, options: Self.long) {
                pieces += 1
                if pieces == 3 { break }
            }
            let said = try await chat.messages().last
            XCTAssertLessThan(said?.text.count ?? .max, 400)
        }
    }

    func testACancelledCallThatStillWaitsNeverRuns() async throws {
        try await withModel { assistant in
            let chat = try await assistant.chat()
            let running = Task { try await all(chat.stream(Self.question, options: Self.long)) }
            try await Task.sleep(for: .milliseconds(300))
            let waiting = Task { try await chat.say("Second") }
            try await Task.sleep(for: .milliseconds(50))
            waiting.cancel()
            await assertCancelled(waiting)
            running.cancel()
            await assertCancelled(running)
            let messages = try await chat.messages()
            XCTAssertFalse(messages.contains { $0.text == "Second" })
        }
    }

    func testATaskThatIsAlreadyCancelledCallsNothing() async throws {
        try await withModel { assistant in
            let call = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await assistant.classify("hello", labels: ["greeting", "complaint"])
            }
            await assertCancelled(call)
        }
    }

    func testCancellingALongFunctionFreesTheAssistant() async throws {
        try await withModel { assistant in
            let text = String(repeating: "The clerk counted the money again and wrote a note about it. ", count: 300)
            let calls = (0..<4).map { _ in Task { try await assistant.summarize(text) } }
            try await Task.sleep(for: .milliseconds(500))
            for call in calls { call.cancel() }
            for call in calls { await assertCancelled(call) }
            // more would wait for those four if they went on
            let next = try await time { _ = try await assistant.classify("hello", labels: ["greeting", "complaint"]) }
            XCTAssertLessThan(next, .seconds(5))
        }
    }

    func testTheTimeLimitCountsTheReadingOfTheTextToo() async throws {
        try await withModel { assistant in
            let chat = try await assistant.chat()
            let letter = String(repeating: "Please tell me what this account costs each month and why. ", count: 80)
            var answer: Answer?
            let took = try await time {
                answer = try await chat.say(letter, options: AnswerOptions(timeLimit: .milliseconds(50)))
            }
            XCTAssertEqual(answer?.end, .length)
            XCTAssertEqual(answer?.tokens, 0, "it takes longer to read")
            XCTAssertNil(answer?.timeToFirstToken)
            XCTAssertLessThan(took, .seconds(5))
            let next = try await chat.say("Thanks", options: AnswerOptions(maxTokens: 2))
            let first = try XCTUnwrap(next.timeToFirstToken)
            XCTAssert(first <= next.totalTime && first > .milliseconds(1), "\(first) of \(next.totalTime)")
        }
    }

    func testTheFirstPieceComesLongBeforeTheEnd() async throws {
        try await withModel { assistant in
            let chat = try await assistant.chat()
            let first = try await time {
                for try await _ in chat.stream(Self.question, options: Self.long) { break }
            }
            XCTAssertLessThan(first, .seconds(10))
        }
    }
}
