import Foundation
import Minnow
import XCTest

/// Every way in which a call can fail arrives as its own case, with words that help.
final class ErrorsTests: XCTestCase {
    func testAFileThatIsNotThereIsAStorageErrorWithItsPath() async throws {
        let error = try await failure { try await Assistant.open(URL(fileURLWithPath: "/no/such/model.gguf")) }
        XCTAssertEqual(error.kind, "storage")
        XCTAssert(error.localizedDescription.contains("/no/such/model.gguf"), error.localizedDescription)
    }

    func testAnAddressThatIsNoFileIsRefused() async throws {
        let web = URL(string: "https://example.org/model.gguf")!
        let model = try await failure { try await Assistant.open(web) }
        XCTAssertEqual(model.argument, "model")
        let folder = try await failure { try await ModelStore.open(web) }
        XCTAssertEqual(folder.argument, "folder")
    }

    func testAFileThatIsNoModelIsRefused() async throws {
        let folder = try temporaryFolder()
        for (name, bytes) in [("noise.gguf", Data((0..<4096).map { UInt8($0 % 256) })), ("empty.gguf", Data())] {
            let file = folder.appendingPathComponent(name)
            try bytes.write(to: file)
            let error = try await failure { try await Assistant.open(file) }
            XCTAssertEqual(error.kind, "modelFile", name)
        }
    }

    func testAModelThatIsCutOffSaysSo() async throws {
        let whole = try FileHandle(forReadingFrom: TestModel.file())
        let half = try temporaryFolder().appendingPathComponent("half.gguf")
        try whole.read(upToCount: 40_000_000)?.write(to: half)
        let error = try await failure { try await Assistant.open(half) }
        XCTAssertEqual(error.kind, "modelFile")
        XCTAssert(error.localizedDescription.contains("half.gguf"), error.localizedDescription)
    }

    func testAGPUThatIsNotThereIsADeviceError() async throws {
        let opened = try? await Assistant.open(TestModel.file(), options: AssistantOptions(device: .gpu))
        // a software driver counts where it is asked for by name
        if let opened { throw XCTSkip("this machine has \(opened.model.device)") }
        let file = try TestModel.file()
        let error = try await failure { try await Assistant.open(file, options: AssistantOptions(device: .gpu)) }
        XCTAssertEqual(error.kind, "device")
    }

    func testArgumentsOutOfRangeAreNamed() async throws {
        try await withModel { assistant in
            func argument<Value>(_ call: () async throws -> Value) async throws -> String? {
                try await failure(call).argument
            }
            func saying(_ options: AnswerOptions) async throws -> String? {
                try await argument { try await assistant.chat().say("hi", options: options) }
            }
            func scheduling(_ options: ScheduleOptions) async throws -> String? {
                try await argument { try await assistant.schedule("hi", options: options) }
            }
            let file = try TestModel.file()
            let found = [
                try await argument { try await assistant.classify("hello", labels: ["one"]) },
                try await argument { try await assistant.classify("hello", labels: ["one", "one"]) },
                try await argument { try await assistant.classify(" ", labels: ["one", "two"]) },
                try await argument {
                    try await assistant.classify("hello", labels: ["a", "b"], options: ClassifyOptions(minConfidence: 2))
                },
                try await argument { try await assistant.summarize("hello", options: SummarizeOptions(sentences: 0)) },
                try await argument { try await assistant.summarize("hello", options: SummarizeOptions(sentences: -1)) },
                try await argument { try await assistant.summarize("hello", options: SummarizeOptions(sentences: .max)) },
                try await argument { try await assistant.summarize("hello", options: SummarizeOptions(maxWords: 0)) },
                try await argument { try await assistant.summarize(String(repeating: "word ", count: 300_000)) },
                try await argument { try await Assistant.open(file, options: AssistantOptions(threads: 0)) },
                try await argument { try await Assistant.open(file, options: AssistantOptions(threads: .max)) },
                try await saying(AnswerOptions(jsonSchema: "{")),
                try await saying(AnswerOptions(maxTokens: 0)),
                try await saying(AnswerOptions(timeLimit: .milliseconds(-1))),
                try await saying(AnswerOptions(sampling: RandomSampling(seed: 1, topP: 2))),
                try await saying(AnswerOptions(sampling: RandomSampling(seed: 1, temperature: 0))),
                try await scheduling(ScheduleOptions(defaultDuration: .zero)),
                try await scheduling(ScheduleOptions(now: Date(timeIntervalSince1970: .infinity))),
                try await scheduling(ScheduleOptions(now: Date(timeIntervalSince1970: 1e15))),
            ]
            XCTAssertEqual(
                found,
                [
                    "labels", "labels", "text", "minConfidence", "sentences", "sentences", "sentences", "maxWords", "text",
                    "threads", "threads", "jsonSchema", "maxTokens", "timeLimit", "topP", "temperature", "defaultDuration",
                    "now", "now",
                ])
        }
    }

    func testADateThatIsOnNoCalendarIsAskedForAgain() async throws {
        try await withModel { assistant in
            let error = try await failure { try await assistant.schedule("Meet me on 30 February 2027") }
            XCTAssertEqual(error.kind, "impossibleDate")
            XCTAssert(error.localizedDescription.contains("30"), error.localizedDescription)
        }
    }

    func testWhatDoesNotFitSaysByHowMuch() async throws {
        try await withModel { assistant in
            let chat = try await assistant.chat(ChatOptions(contextTokens: 64))
            let error = try await failure { try await chat.say(String(repeating: "many words ", count: 200)) }
            guard case .contextFull(let needed, let available, _) = error else { return XCTFail("\(error)") }
            XCTAssert(needed > available && 1...64 ~= available, "\(error)")
        }
    }

    func testASchemaThatCannotBeEnforcedIsRefusedNotIgnored() async throws {
        try await withModel { assistant in
            let options = AnswerOptions(jsonSchema: #"{"type":"array","uniqueItems":true}"#)
            let error = try await failure { try await assistant.chat().say("hi", options: options) }
            XCTAssertEqual(error.kind, "unsupported")
        }
    }
}
