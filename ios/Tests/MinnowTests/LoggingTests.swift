import Foundation
import XCTest

@testable import Minnow

/// What the library tells the app's log.
final class LoggingTests: XCTestCase {
    func testTheLogSaysWhatWasOpenedAndNeverWhatWasAsked() async throws {
        let lines = Locked<[LogLine]>([])
        Minnow.setLogging(.debug) { line in lines.with { $0.append(line) } }
        try await withModel { assistant in
            let text = "Mrs Kowalczyk's secret is safe. Her account is not. She told nobody about it."
            _ = try await assistant.summarize(text, options: SummarizeOptions(sentences: 1))
            let chat = try await assistant.chat()
            _ = try await chat.say("Mrs Kowalczyk says hello", options: AnswerOptions(maxTokens: 4))
            try await assistant.trim(.critical)
        }
        Minnow.setLogging(.warn)
        let said = lines.with { $0 }
        XCTAssert(said.contains { $0.message.contains("model opened") && $0.level == .info && $0.target.hasPrefix("minnow") })
        XCTAssert(said.contains { $0.message.contains("trimmed") })
        XCTAssertFalse(said.contains { $0.message.contains("Kowalczyk") })
        _ = try await TestModel.open()
        XCTAssertEqual(lines.with { $0.count }, said.count, "nothing is said below the level")
    }
}
