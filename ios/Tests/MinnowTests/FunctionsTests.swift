import Foundation
import XCTest

@testable import Minnow

/// Every function, with the real model.
final class FunctionsTests: XCTestCase {
    private let zone = TimeZone(identifier: "Europe/London")!
    private let letter = """
        Dear Ms Ahmed, thank you for banking with us for twelve years. From 1 February the monthly fee of your account rises from 4 to 6
        pounds. You can avoid the fee by keeping 1,500 pounds in the account. The café in our Zürich branch 🐟 has new opening hours.
        If you do not agree with the change, you may close the account free of charge until 31 January. Yours sincerely, the bank.
        """

    /// Tuesday, 24 November 2026, 9:30 in `zone`.
    private func now(in zone: TimeZone) -> Date {
        DateComponents(
            calendar: Calendar(identifier: .gregorian), timeZone: zone, year: 2026, month: 11, day: 24, hour: 9, minute: 30
        ).date!
    }

    private func options(locale: String = "en_GB") -> ScheduleOptions {
        ScheduleOptions(now: now(in: zone), zone: zone, locale: Locale(identifier: locale))
    }

    func testAModelSaysWhatItIs() async throws {
        try await withModel { assistant in
            let model = assistant.model
            XCTAssertEqual(model.architecture, "llama")
            XCTAssert(model.canChat)
            XCTAssert(!model.onGPU && model.device.hasPrefix("cpu"), model.device)
            XCTAssertEqual(model.threads, 2)
            XCTAssertGreaterThanOrEqual(model.contextTokens, 2048)
        }
    }

    func testADeviceWithoutAGPUGetsTheCPUAndTheReason() async throws {
        let assistant = try await Assistant.open(TestModel.file())
        // a software Vulkan driver is no GPU; this machine may have a real one
        if !assistant.model.onGPU { XCTAssertFalse(assistant.model.deviceReason.isEmpty) }
        _ = try await assistant.classify("hello", labels: ["greeting", "complaint"])
    }

    func testASummaryIsMadeOfTheSourcesSentences() async throws {
        try await withModel { assistant in
            let summary = try await assistant.summarize(letter, options: SummarizeOptions(sentences: 2))
            XCTAssertEqual(summary.sentences.count, 2)
            for sentence in summary.sentences {
                let range = try XCTUnwrap(sentence.source.range(in: letter))
                XCTAssertEqual(letter[range].split(whereSeparator: \.isWhitespace), sentence.text.split(separator: " "))
            }
            XCTAssert(0...1 ~= summary.confidence)
            XCTAssertEqual(summary.servedBy, .onDevice)
        }
    }

    func testATextGetsOneOfTheLabelsOrNone() async throws {
        try await withModel { assistant in
            let labels = ["lost or stolen card", "exchange rate", "change of address"]
            let found = try await assistant.classify("Someone took my purse and my card was in it!", labels: labels)
            XCTAssertEqual(found.label, "lost or stolen card")
            XCTAssertEqual(Set(found.scores.map(\.label)), Set(labels))
            XCTAssertEqual(found.scores.map(\.probability).reduce(0, +), 1, accuracy: 1e-3)
            let unsure = try await assistant.classify(
                "Someone took my purse", labels: labels, options: ClassifyOptions(minConfidence: 1))
            XCTAssertNil(unsure.label)
        }
    }

    func testASentenceBecomesAnEventWithFoundationsTimes() async throws {
        try await withModel { assistant in
            let text = "🗓️ Let's meet Ana at the branch next Tuesday at 10:30, please."
            let schedule = try await assistant.schedule(text, options: options())
            let event = try XCTUnwrap(schedule.events.first)
            let start = DateComponents(
                calendar: Calendar(identifier: .gregorian), timeZone: zone, year: 2026, month: 12, day: 1, hour: 10, minute: 30)
            XCTAssertEqual(event.time.start, .time(start.date!, zone: zone))
            XCTAssertEqual(event.time.start.day.month, 12)
            XCTAssertEqual(event.time.origins.time, .text)
            XCTAssertFalse(event.time.isAllDay)
            let range = try XCTUnwrap(event.span.range(in: text))
            XCTAssertEqual(text[range], "next Tuesday at 10:30")
            XCTAssert(event.time.icalendar.contains("DTSTART;TZID=Europe/London:20261201T103000"))
            XCTAssertFalse(event.title.isEmpty)
        }
    }

    func testHabitsDecideWhatATextLeavesOpen() async throws {
        try await withModel { assistant in
            func day(_ options: ScheduleOptions) async throws -> DateComponents {
                let schedule = try await assistant.schedule("The deposit is due on 3/5/2027.", options: options)
                return try XCTUnwrap(schedule.events.first).time.start.day
            }
            let calendar = Calendar(identifier: .gregorian)
            let may = DateComponents(calendar: calendar, year: 2027, month: 5, day: 3)
            let march = DateComponents(calendar: calendar, year: 2027, month: 3, day: 5)
            let british = try await day(options())
            XCTAssertEqual(british, may)
            let american = try await day(options(locale: "en_US"))
            XCTAssertEqual(american, march)
            var own = options(locale: "en_US")
            own.weekStart = .monday
            own.dateOrder = .dayFirst
            let overridden = try await day(own)
            XCTAssertEqual(overridden, may)
        }
    }

    func testAZoneMayBeAnOffset() async throws {
        try await withModel { assistant in
            for seconds in [7200, 0, -12600] {
                let zone = TimeZone(secondsFromGMT: seconds)!
                let here = now(in: zone)
                let options = ScheduleOptions(now: here, zone: zone, locale: Locale(identifier: "en_GB"))
                let schedule = try await assistant.schedule("Call me tomorrow at 4 pm", options: options)
                let start = try XCTUnwrap(schedule.events.first).time.start
                XCTAssertEqual(start, .time(here + (24 + 6.5) * 3600, zone: zone), "\(zone)")
            }
        }
    }

    func testTheHabitsOfThisDeviceAreUnderstood() async throws {
        try await withModel { assistant in
            let schedule = try await assistant.schedule("Call me tomorrow at 4 pm")
            XCTAssertEqual(schedule.events.count, 1)
            for locale in ["", "C", "en_US_POSIX", "zh_Hant_TW", "ar_EG@calendar=islamic"] {
                _ = try await assistant.schedule("Call me tomorrow", options: options(locale: locale))
            }
        }
    }

    func testATextWithoutATimeHasNothingToSchedule() async throws {
        try await withModel { assistant in
            let schedule = try await assistant.schedule("Thanks, that was all.", options: options())
            XCTAssertEqual(schedule.events, [])
        }
    }

    func testAConversationGoesOnAlsoAfterItWasSaved() async throws {
        try await withModel { assistant in
            let short = AnswerOptions(maxTokens: 12)
            let chat = try await assistant.chat(ChatOptions(instruction: "Answer in one short sentence."))
            let first = try await chat.say("What is a savings account?", options: short)
            XCTAssert(!first.text.isEmpty && 1...12 ~= first.tokens)
            let said = try await chat.messages()
            chat.close()
            XCTAssertEqual(said.map(\.speaker), [.system, .user, .assistant])
            XCTAssertEqual(said.last?.text, first.text.trimmingCharacters(in: .whitespacesAndNewlines))
            let saved = try JSONDecoder().decode([ChatMessage].self, from: JSONEncoder().encode(said))
            let next = try await assistant.chat(ChatOptions(history: saved))
            _ = try await next.say("And a current account?", options: short)
            let count = try await next.messages().count
            XCTAssertEqual(count, 5)
        }
    }

    func testANewInstructionTakesTheSavedOnesPlace() async throws {
        try await withModel { assistant in
            let saved = [
                ChatMessage(speaker: .system, text: "Be kind."), ChatMessage(speaker: .user, text: "hi"),
                ChatMessage(speaker: .assistant, text: "Hello."),
            ]
            let chat = try await assistant.chat(ChatOptions(instruction: "Be brief.", history: saved))
            let texts = try await chat.messages().map(\.text)
            XCTAssertEqual(texts, ["Be brief.", "hi", "Hello."])
        }
    }

    func testConversationsUnderOneInstructionShareWhatWasKeptOfIt() async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        var options = TestModel.options
        options.cacheFolder = folder
        let instruction = "You answer questions about accounts, cards and payments, in one sentence, and never guess."
        func answer() async throws -> String {
            let assistant = try await Assistant.open(TestModel.file(), options: options)
            defer { assistant.close() }
            let chat = try await assistant.chat(ChatOptions(instruction: instruction))
            return try await chat.say("Hello", options: AnswerOptions(maxTokens: 4)).text
        }
        let first = try await answer()
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path).count, 1)
        let second = try await answer()
        XCTAssertEqual(first, second, "from what was kept")
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: folder.path).count, 1)
    }

    func testAChatKeepsItsModelOpen() async throws {
        let chat = try await TestModel.open().chat(ChatOptions(contextTokens: 512))
        try await Task.sleep(for: .milliseconds(300))
        let answer = try await chat.say("hi", options: AnswerOptions(maxTokens: 2))
        XCTAssertGreaterThan(answer.tokens, 0)
    }

    func testAnAnswerHasTheShapeOfASchema() async throws {
        struct Urgency: Decodable { var urgent: Bool }
        let schema = """
            {"type":"object","properties":{"urgent":{"type":"boolean"}},"required":["urgent"],"additionalProperties":false}
            """
        try await withModel { assistant in
            let answer = try await assistant.chat().say(
                "My card was stolen, block it now! Is this urgent?", options: AnswerOptions(jsonSchema: schema))
            XCTAssertEqual(answer.end, .complete)
            _ = try JSONDecoder().decode(Urgency.self, from: Data(answer.text.utf8))
        }
    }

    func testTheSameSeedGivesTheSameAnswer() async throws {
        try await withModel { assistant in
            func answer(_ seed: UInt64) async throws -> String {
                let options = AnswerOptions(maxTokens: 16, sampling: RandomSampling(seed: seed, temperature: 1.5))
                return try await assistant.chat().say("Tell me about the sea.", options: options).text
            }
            var answers: [String] = []
            for seed in [7, 7, 1, 2, 3] as [UInt64] { answers.append(try await answer(seed)) }
            XCTAssertEqual(answers[0], answers[1])
            XCTAssertGreaterThan(Set(answers).count, 1)
        }
    }

    func testProgressRisesToTheResult() async throws {
        try await withModel { assistant in
            let one = SummarizeOptions(sentences: 1)
            let updates = try await all(assistant.summarizeWithProgress(letter, options: one))
            let shares = updates.compactMap { if case .progress(let share) = $0 { share } else { nil } }
            XCTAssertEqual(shares, shares.sorted())
            XCTAssertEqual(shares.last, 1)
            let summary = try await assistant.summarize(letter, options: one)
            XCTAssertEqual(updates.last, .done(summary))
            let labels = ["complaint", "praise"]
            let classified = try await all(assistant.classifyWithProgress("What a lovely branch", labels: labels))
            let classification = try await assistant.classify("What a lovely branch", labels: labels)
            XCTAssertEqual(classified.last, .done(classification))
        }
    }

    func testMemoryThatWasGivenBackIsTakenAgainWhenItIsNeeded() async throws {
        try await withModel { assistant in
            let labels = ["complaint", "praise"]
            let chat = try await assistant.chat()
            _ = try await chat.say("Hello", options: AnswerOptions(maxTokens: 4))
            let before = try await assistant.classify("What a lovely branch", labels: labels)
            let full = try residentBytes()
            try await assistant.trim(.moderate)
            try await assistant.trim(.critical)
            let withoutWeights = try residentBytes()
            XCTAssertLessThan(withoutWeights, full - 80_000_000, "the weights alone are 98 MB")
            let after = try await assistant.classify("What a lovely branch", labels: labels)
            XCTAssertEqual(before, after)
            _ = try await chat.say("And you?", options: AnswerOptions(maxTokens: 4))
            let count = try await chat.messages().count
            XCTAssertEqual(count, 4)
        }
    }
}
