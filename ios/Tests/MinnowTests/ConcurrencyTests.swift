import Foundation
import XCTest

@testable import Minnow

/// Many calls at once, and a close in the middle of them.
final class ConcurrencyTests: XCTestCase {
    private static let labels = ["greeting", "complaint"]

    func testAHundredCallsAtOnceGetTheAnswersOfOneAfterTheOther() async throws {
        try await withModel { assistant in
            let texts = ["Hello there", "This is a scandal", "Good morning to you", "I want my money back"]
            var expected: [String: Classification] = [:]
            for text in texts { expected[text] = try await assistant.classify(text, labels: Self.labels) }
            try await withThrowingTaskGroup(of: (String, Classification).self) { group in
                for index in 0..<100 {
                    let text = texts[index % texts.count]
                    group.addTask { (text, try await assistant.classify(text, labels: Self.labels)) }
                }
                var count = 0
                for try await (text, found) in group {
                    XCTAssertEqual(found, expected[text])
                    count += 1
                }
                XCTAssertEqual(count, 100)
            }
        }
    }

    func testFunctionsAndChatsRunSideBySide() async throws {
        try await withModel { assistant in
            let short = AnswerOptions(maxTokens: 8)
            let expected = try await assistant.chat().say("Name a colour.", options: short).text
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        let events = try await all(assistant.chat().stream("Name a colour.", options: short))
                        guard case .done(let answer) = events.last else { return XCTFail("\(events)") }
                        XCTAssertEqual(answer.text, expected)
                    }
                }
                for _ in 0..<8 {
                    group.addTask { _ = try await assistant.classify("Hello there", labels: Self.labels) }
                }
                try await group.waitForAll()
            }
        }
    }

    func testTurnsOfAChatAreTakenInTheirOrder() async throws {
        try await withModel { assistant in
            let chat = try await assistant.chat()
            let turns = try await (0..<5).asyncMap { index in
                let turn = Task { try await chat.say("Number \(index)", options: AnswerOptions(maxTokens: 2)) }
                // a task that was made later may start earlier
                try await Task.sleep(for: .milliseconds(30))
                return turn
            }
            for turn in turns { _ = try await turn.value }
            let said = try await chat.messages().filter { $0.speaker == .user }.map(\.text)
            XCTAssertEqual(said, (0..<5).map { "Number \($0)" })
        }
    }

    func testAPausedModelRestsAndThenGoesOnWhereItWas() async throws {
        try await withModel { assistant in
            let options = AnswerOptions(maxTokens: 24)
            let expected = try await assistant.chat().say("Name three colours.", options: options).text
            let chat = try await assistant.chat()
            let told = Locked(0)
            let call = Task {
                var text = ""
                for try await event in chat.stream("Name three colours.", options: options) {
                    told.with { $0 += 1 }
                    if case .done(let answer) = event { text = answer.text }
                }
                return text
            }
            while told.with({ $0 }) < 2 { try await Task.sleep(for: .milliseconds(1)) }
            try await assistant.pause()
            try await assistant.pause()
            // what was under way arrives
            try await Task.sleep(for: .milliseconds(100))
            let before = told.with { $0 }
            try await Task.sleep(for: .milliseconds(500))
            XCTAssertEqual(told.with { $0 }, before)
            // who waits in a pause can be cancelled
            let other = Task { try await assistant.classify("Hello there", labels: Self.labels) }
            try await Task.sleep(for: .milliseconds(50))
            other.cancel()
            await assertCancelled(other)

            assistant.resume()
            let text = try await call.value
            XCTAssertEqual(text, expected)
            // a pause that was thought better of leaves nothing behind
            for _ in 0..<20 {
                async let pause: Void = assistant.pause()
                assistant.resume()
                _ = try await pause
            }
            assistant.resume()
            _ = try await assistant.classify("Hello there", labels: Self.labels)
        }
    }

    func testACloseEndsAPause() async throws {
        let assistant = try await TestModel.open()
        try await assistant.pause()
        let labels = Self.labels
        let call = Task { try await assistant.classify("Hello there", labels: labels) }
        try await Task.sleep(for: .milliseconds(50))
        assistant.close()
        let error = try await failure { try await call.value }
        XCTAssertEqual(error.kind, "closed")
        let after = try await failure { try await assistant.pause() }
        XCTAssertEqual(after.kind, "closed")
    }

    func testACloseWhileCallsRunEndsThemAsClosed() async throws {
        let assistant = try await TestModel.open()
        let chat = try await assistant.chat()
        let calls = (0..<8).map { index in
            Task {
                try await failure {
                    if index % 2 == 0 {
                        let text = String(repeating: "The clerk counted the money again and wrote a note. ", count: 200)
                        _ = try await assistant.summarize(text)
                    } else {
                        _ = try await chat.say("Write a very long story.", options: AnswerOptions(maxTokens: 1000))
                    }
                }
            }
        }
        try await Task.sleep(for: .milliseconds(500))
        assistant.close()
        for call in calls {
            let error = try await call.value
            XCTAssertEqual(error.kind, "closed")
        }
        let later = [
            try await failure { try await assistant.classify("hello", labels: Self.labels) },
            try await failure { try await assistant.chat() },
            try await failure { try await chat.say("hello") },
            try await failure { try await chat.messages() },
        ]
        XCTAssertEqual(later.map(\.kind), Array(repeating: "closed", count: 4))
        assistant.close()
        chat.close()
    }

    func testAChatThatIsClosedEndsItsOwnAnswerOnly() async throws {
        try await withModel { assistant in
            let chat = try await assistant.chat()
            let call = Task {
                try await failure {
                    try await chat.say("Write a very long story.", options: AnswerOptions(maxTokens: 1000))
                }
            }
            try await Task.sleep(for: .milliseconds(500))
            chat.close()
            let error = try await call.value
            XCTAssertEqual(error.kind, "closed")
            _ = try await assistant.classify("hello", labels: Self.labels)
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
