import Foundation
import Minnow
import XCTest

/// Nothing holds the thread that calls: on a phone it is the one that draws.
final class CallingThreadTests: XCTestCase {
    func testNoCallTakesMoreThan5MillisecondsOfTheMainThread() async throws {
        try await Self.measureAll(model: TestModel.file(), encoder: TestEncoder.file(), folder: temporaryFolder())
    }

    @MainActor
    private static func measureAll(model file: URL, encoder encoderFile: URL, folder: URL) async throws {
        let huge = String(repeating: "The clerk counted the money again and wrote a note about it. ", count: 16_000)
        var measured: [String: [Double]] = [:]
        func measure<Value>(_ name: String, _ call: @MainActor () async throws -> Value) async rethrows -> Value {
            let before = mainThreadMilliseconds()
            defer { measured[name, default: []].append(mainThreadMilliseconds() - before) }
            return try await call()
        }
        for _ in 0..<8 {
            let assistant = try await measure("open") { try await Assistant.open(file, options: TestModel.options) }
            _ = try await measure("summarize") { try await assistant.summarize("Short text. And one more.") }
            await measure("summarize, a megabyte, cancelled") {
                let call = Task { try await assistant.summarize(huge) }
                try? await Task.sleep(for: .milliseconds(20))
                call.cancel()
                _ = await call.result
            }
            _ = try await measure("classify") { try await assistant.classify("hello", labels: ["greeting", "complaint"]) }
            _ = try await measure("schedule") { try await assistant.schedule("Lunch tomorrow at noon") }
            let chat = try await measure("chat") { try await assistant.chat(ChatOptions(contextTokens: 256)) }
            _ = try await measure("say") { try await chat.say("hi", options: AnswerOptions(maxTokens: 2)) }
            _ = try await measure("messages") { try await chat.messages() }
            try await measure("trim") { try await assistant.trim(.critical) }
            let store = try await measure("store") { try await ModelStore.open(folder) }
            _ = try await measure("models") { try await store.models() }
            let encoder = try await measure("open an encoder") {
                try await TextEncoder.open(encoderFile, options: EncoderOptions(device: .cpu, threads: 2))
            }
            _ = try await measure("embed") { try await encoder.embed(["hello"]) }
            await measure("train, a megabyte, cancelled") {
                let call = Task {
                    try await encoder.trainClassifier(TestEncoder.examples + [LabelledText(huge, label: "exchange_rate")])
                }
                try? await Task.sleep(for: .milliseconds(20))
                call.cancel()
                _ = await call.result
            }
            let classifier = try await measure("train") { try await encoder.trainClassifier(TestEncoder.examples) }
            _ = try await measure("classify, trained") { try await classifier.classify("hello") }
            try await measure("learn") { try await classifier.learn([LabelledText("hello", label: "greeting")]) }
            try await measure("save") { try await classifier.save(to: folder.appendingPathComponent("head")) }
            let annotator = try await measure("annotator") { try await classifier.annotator() }
            let day = DateComponents(year: 2026, month: 1, day: 1)
            _ = try await measure("annotate") { try await annotator.annotate(BankTransaction("TESCO 12", amount: -100, date: day)) }
            await measure("close of an annotator") { annotator.close() }
            await measure("close of a classifier") { classifier.close() }
            await measure("close of an encoder") { encoder.close() }
            await measure("close of a chat") { chat.close() }
            await measure("close of an assistant") { assistant.close() }
        }
        for (name, all) in measured {
            // the first rounds set up what is made once
            let most = all.dropFirst(2).max() ?? 0
            print("main thread: \(name) at most \(most) ms")
            XCTAssertLessThan(most, 5, "\(name): \(all)")
        }
    }

    /// Processor time that the calling thread has taken so far.
    @MainActor
    private static func mainThreadMilliseconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
    }
}
