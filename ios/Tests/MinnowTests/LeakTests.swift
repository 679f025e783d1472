import Foundation
import Minnow
import XCTest

/// Opening and closing leaves nothing behind.
final class LeakTests: XCTestCase {
    func testAThousandModelsOpenedAndClosedLeaveTheResidentMemoryFlat() async throws {
        var sizes: [Int] = []
        for round in 1...1000 {
            let assistant = try await TestModel.open()
            if round % 50 == 0 { _ = try await assistant.classify("hello", labels: ["greeting", "complaint"]) }
            // letting go of it must be enough too
            if round % 2 == 0 { assistant.close() }
            if round % 100 == 0 { sizes.append(try await settledResidentBytes()) }
        }
        print("resident megabytes after each 100 models: \(sizes.map { $0 / 1_000_000 })")
        let growth = sizes.suffix(3).min()! - sizes.prefix(3).min()!
        XCTAssertLessThan(growth, 20_000_000, "left by 700 models: \(sizes)")
    }

    func testAHundredConversationsOpenedUsedAndDroppedLeaveTheResidentMemoryFlat() async throws {
        try await withModel { assistant in
            var sizes: [Int] = []
            for round in 1...100 {
                let chat = try await assistant.chat(ChatOptions(contextTokens: 512))
                _ = try await chat.say("hi", options: AnswerOptions(maxTokens: 1))
                if round % 20 == 0 { sizes.append(try await settledResidentBytes()) }
            }
            XCTAssertLessThan(sizes.last! - sizes.first!, 20_000_000, "left by 80 conversations: \(sizes)")
        }
    }

    func testAThousandCancelledCallsLeaveTheResidentMemoryFlat() async throws {
        try await withModel { assistant in
            var sizes: [Int] = []
            for round in 1...1000 {
                let call = Task { try await assistant.summarize("One sentence. And another one. And a third.") }
                if round % 3 == 0 { await Task.yield() }
                call.cancel()
                _ = await call.result
                if round % 100 == 0 { sizes.append(try await settledResidentBytes()) }
            }
            let growth = sizes.suffix(3).min()! - sizes.prefix(3).min()!
            XCTAssertLessThan(growth, 20_000_000, "left by 700 cancelled calls: \(sizes)")
        }
    }

    func testHundredsOfClassifiersAndAnnotatorsLeaveTheResidentMemoryFlat() async throws {
        try await withEncoder { encoder in
            var sizes: [Int] = []
            let labels = (0..<50).map { "label number \($0)" }
            for round in 1...300 {
                let classifier = try await encoder.classifier(labels: labels)
                let day = DateComponents(year: 2026, month: 1, day: 1)
                _ = try await classifier.annotator().annotate(BankTransaction("TESCO 12", amount: -100, date: day))
                // letting go of it must be enough too
                if round % 2 == 0 { classifier.close() }
                if round % 50 == 0 { sizes.append(try await settledResidentBytes()) }
            }
            XCTAssertLessThan(sizes.last! - sizes.first!, 20_000_000, "left by 250 classifiers: \(sizes)")
        }
    }

    /// What a close hands to another thread is done soon.
    private func settledResidentBytes() async throws -> Int {
        try await Task.sleep(for: .milliseconds(200))
        return try residentBytes()
    }
}
