import Foundation
import XCTest

@testable import Minnow

/// What stands behind the conformance to Apple's Foundation Models and needs none of Apple's types.
final class ContinuedChatTests: XCTestCase {
    private static let instruction = ChatMessage(speaker: .system, text: "Answer in one sentence.")
    private static let short = AnswerOptions(maxTokens: 8)

    private func user(_ text: String) -> ChatMessage { ChatMessage(speaker: .user, text: text) }
    private func model(_ text: String) -> ChatMessage { ChatMessage(speaker: .assistant, text: text) }

    private func turn(_ conversation: [ChatMessage], file: StaticString = #filePath, line: UInt = #line) throws -> NextTurn {
        try XCTUnwrap(NextTurn(conversation), file: file, line: line)
    }

    func testOnlyWhatTheUserSaidLastIsAnswered() throws {
        let conversation = [Self.instruction, user("Hello"), model("Hi"), user("What is a bank?")]
        let turn = try turn(conversation)
        XCTAssertEqual(turn.history, Array(conversation.dropLast()))
        XCTAssertEqual(turn.text, "What is a bank?")
        XCTAssertNil(NextTurn([]))
        XCTAssertNil(NextTurn([Self.instruction]))
        XCTAssertNil(NextTurn(conversation.dropLast()))
        XCTAssertNil(NextTurn(conversation + [ChatMessage(speaker: .tool, text: "42")]))
    }

    func testATurnGoesOnWhereTheConversationOnlyGrew() throws {
        let said = [Self.instruction, user("Hello"), model("Hi")]
        XCTAssert(try turn(said + [user("What is a bank?")]).goesOn(after: said))
        let first = try turn([Self.instruction, user("Hello")])
        XCTAssertFalse(first.goesOn(after: said), "begun again")
        XCTAssert(first.goesOn(after: [Self.instruction]))
        XCTAssertFalse(try turn(said + [user("What"), model("?"), user("Bank")]).goesOn(after: said), "more than the chat heard")
        XCTAssertFalse(try turn([user("Hello"), model("Hi"), user("Bank")]).goesOn(after: said), "another instruction")
        XCTAssertFalse(try turn([Self.instruction, user("Hello "), model("Hi"), user("Bank")]).goesOn(after: said), "other words")
        XCTAssertFalse(try turn([Self.instruction, user("Hello"), model("Ho"), user("Bank")]).goesOn(after: said), "another answer")
        XCTAssertFalse(try turn([Self.instruction, model("Hello"), model("Hi"), user("Bank")]).goesOn(after: said), "another speaker")
    }

    func testAnAnswerIsKnownAgainHoweverItWasWritten() throws {
        func same(_ answered: String, _ returned: String) throws -> Bool {
            try turn([user("Hello"), model(returned), user("Bank")]).goesOn(after: [user("Hello"), model(answered)])
        }
        XCTAssert(try same("\n Hi there ", "Hi there"))
        XCTAssert(try same(#"{"b":[1,2],"a":"é"}"#, #"{ "a" : "\u00e9", "b" : [1, 2] }"#))
        XCTAssertFalse(try same(#"{"a":1}"#, #"{"a":2}"#))
        XCTAssertFalse(try same(#"{"a":[1,2]}"#, #"{"a":[2,1]}"#))
        XCTAssertFalse(try same(#"{"a":1"#, #"{"a" :1"#), "no JSON")
        XCTAssertFalse(try same("1", "1.0"), "no object: its words count")
    }

    func testAConversationThatGrewIsAnsweredByTheSameChat() async throws {
        try await withModel { assistant in
            let opened = Opened(assistant)
            let continued = opened.continued
            var conversation = [Self.instruction, user("Name a fruit.")]
            let first = try await continued.answer(turn(conversation), options: Self.short, onText: { _ in })
            conversation += [model(" \(first.text)\n"), user("Another one.")]
            var pieces = ""
            let second = try await continued.answer(turn(conversation), options: Self.short) { pieces += $0 }
            XCTAssertEqual(pieces, second.text)
            XCTAssertEqual(opened.histories, [[Self.instruction]])
            let said = try await opened.chats.first?.messages()
            XCTAssertEqual(said?.map(\.speaker), [.system, .user, .assistant, .user, .assistant])
        }
    }

    func testAConversationThatChangedIsAnsweredByANewChat() async throws {
        try await withModel { assistant in
            let opened = Opened(assistant)
            _ = try await opened.continued.answer(turn([user("Name a fruit.")]), options: Self.short, onText: { _ in })
            let changed = [user("Name a fruit."), model("A pear."), user("Another one.")]
            _ = try await opened.continued.answer(turn(changed), options: Self.short, onText: { _ in })
            XCTAssertEqual(opened.histories, [[], Array(changed.dropLast())])
            let closed = try await failure { try await XCTUnwrap(opened.chats.first).say("Hello", options: Self.short) }
            XCTAssertEqual(closed.kind, MinnowError.closed.kind, "its memory isn't held meanwhile")
        }
    }

    func testANoteIsSaidAndNotRemembered() async throws {
        try await withModel { assistant in
            let opened = Opened(assistant)
            var conversation = [user("Name a fruit.")]
            let first = try await opened.continued.answer(
                turn(conversation), note: "In one word.", options: Self.short, onText: { _ in })
            let said = try await opened.chats.first?.messages().first?.text
            XCTAssertEqual(said, "Name a fruit.\n\nIn one word.")
            conversation += [model(first.text), user("Another one.")]
            _ = try await opened.continued.answer(turn(conversation), options: Self.short, onText: { _ in })
            XCTAssertEqual(opened.histories.count, 1)
        }
    }

    func testAfterAFailureAndACancelTheConversationStartsAnew() async throws {
        try await withModel { assistant in
            let opened = Opened(assistant)
            let error = try await failure {
                try await opened.continued.answer(turn([user(" ")]), options: Self.short, onText: { _ in })
            }
            XCTAssertEqual(error.argument, "text")
            let story = try turn([user("Write a very long story about a bank clerk, with many details.")])
            let call = Task {
                try await opened.continued.answer(story, options: AnswerOptions(maxTokens: 1000), onText: { _ in })
            }
            try await Task.sleep(for: .milliseconds(500))
            call.cancel()
            await assertCancelled(call)
            _ = try await opened.continued.answer(story, options: Self.short, onText: { _ in })
            XCTAssertEqual(opened.histories, [[], [], []])
        }
    }

    func testAnswersThatOverlapHaveAChatEach() async throws {
        try await withModel { assistant in
            let opened = Opened(assistant)
            let fruit = try turn([user("Name a fruit.")])
            let animal = try turn([user("Name an animal.")])
            async let one = opened.continued.answer(fruit, options: Self.short, onText: { _ in })
            async let two = opened.continued.answer(animal, options: Self.short, onText: { _ in })
            let answers = try await [one, two]
            XCTAssertEqual(answers.count, 2)
            XCTAssertEqual(opened.histories.count, 2)
        }
    }

    func testLettingGoClosesTheChat() async throws {
        try await withModel { assistant in
            var opened: Opened? = Opened(assistant)
            _ = try await opened?.continued.answer(turn([user("Name a fruit.")]), options: Self.short, onText: { _ in })
            let chat = try XCTUnwrap(opened?.chats.first)
            opened = nil
            let closed = try await failure { try await chat.say("Hello", options: Self.short) }
            XCTAssertEqual(closed.kind, MinnowError.closed.kind)
        }
    }

    func testASchemaAsFoundationModelsWritesItHoldsAnAnswer() async throws {
        // as GenerationSchema is encoded: with the order of the properties, and other types in $defs
        let schema = """
            {"title": "Reply", "type": "object", "additionalProperties": false, "x-order": ["urgent", "topic"],
             "required": ["urgent", "topic"], "properties": {
               "urgent": {"type": "boolean", "description": "whether it can't wait"}, "topic": {"$ref": "#/$defs/Topic"}},
             "$defs": {"Topic": {"title": "Topic", "type": "string", "enum": ["card", "account"]}}}
            """
        struct Reply: Decodable {
            var urgent: Bool
            var topic: String
        }
        try await withModel { assistant in
            let options = try AnswerOptions(maximumTokens: nil, temperature: nil, wish: .unsaid, jsonSchema: schema)
            let stolen = try turn([user("My card was stolen, block it now!")])
            let answer = try await ContinuedChat(assistant, contextTokens: 512).answer(stolen, options: options, onText: { _ in })
            XCTAssertEqual(answer.end, .complete)
            let reply = try JSONDecoder().decode(Reply.self, from: Data(answer.text.utf8))
            XCTAssert(["card", "account"].contains(reply.topic))
        }
    }

    func testOptionsAreThoseOfTheSession() throws {
        func options(_ wish: SamplingWish, temperature: Double? = nil, tokens: Int? = nil) throws -> AnswerOptions {
            try AnswerOptions(maximumTokens: tokens, temperature: temperature, wish: wish)
        }
        XCTAssertEqual(try options(.unsaid), AnswerOptions(maxTokens: 512))
        XCTAssertEqual(try options(.likeliest, temperature: 0.5, tokens: 7), AnswerOptions(maxTokens: 7))
        XCTAssertEqual(try options(.unsaid, temperature: 0).sampling, nil)
        XCTAssertEqual(try options(.unsaid, temperature: 1.5).sampling?.temperature, 1.5)
        XCTAssertNotEqual(try options(.unsaid, temperature: 1).sampling, try options(.unsaid, temperature: 1).sampling, "another seed")
        XCTAssertEqual(try options(.share(0.5, seed: 3)).sampling, RandomSampling(seed: 3, topP: 0.5))
        XCTAssertEqual(
            try options(.share(0.5, seed: 3), temperature: 0.25).sampling, RandomSampling(seed: 3, temperature: 0.25, topP: 0.5))
        XCTAssertEqual(try options(.share(0.5, seed: 3), temperature: 0).sampling, nil)
        XCTAssertEqual(try options(.share(0, seed: 3)).sampling, nil)
        XCTAssertEqual(try options(.top(1, seed: 3)).sampling, nil)
        XCTAssertThrowsError(try options(.top(40, seed: 3))) {
            XCTAssertEqual(($0 as? MinnowError)?.kind, "unsupported", "\($0)")
        }
    }
}

/// A continued chat that says which chats it opened.
private final class Opened: Sendable {
    private let log = Locked<[(history: [ChatMessage], chat: Chat)]>([])
    let continued: ContinuedChat

    init(_ assistant: Assistant) {
        let log = log
        continued = ContinuedChat { history in
            let chat = try await assistant.chat(ChatOptions(history: history))
            log.with { $0.append((history, chat)) }
            return chat
        }
    }

    var histories: [[ChatMessage]] { log.with { $0.map(\.history) } }
    var chats: [Chat] { log.with { $0.map(\.chat) } }
}
