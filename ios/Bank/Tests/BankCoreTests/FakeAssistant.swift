import Foundation
import Minnow

@testable import BankCore

/// An assistant that says what a test wants.
final class FakeAssistant: BankAssistant {
    private struct State {
        var classification = unsure()
        var schedule: Result<[ScheduledEvent], MinnowError> = .success([])
        var said: [String] = []
        var open = 0
    }

    private let state = Locked(State())
    private let answer = AsyncThrowingStream.makeStream(of: ChatEvent.self)

    /// What every message is classified as.
    var classification: Classification {
        get { state.with { $0.classification } }
        set { state.with { $0.classification = newValue } }
    }

    /// What every message asks for.
    var schedule: Result<[ScheduledEvent], MinnowError> {
        get { state.with { $0.schedule } }
        set { state.with { $0.schedule = newValue } }
    }

    /// What was said in conversation.
    var said: [String] { state.with { $0.said } }

    /// Conversations that are open.
    var open: Int { state.with { $0.open } }

    /// The next piece of the only answer in conversation.
    func piece(_ text: String) {
        answer.continuation.yield(.text(text))
    }

    /// The end of the answer.
    func finish(_ text: String, _ end: AnswerEnd = .complete) {
        answer.continuation.yield(.done(Answer(text: text, end: end, tokens: 3, timeToFirstToken: nil, totalTime: .zero)))
        answer.continuation.finish()
    }

    /// The answer fails.
    func fail(_ error: MinnowError) {
        answer.continuation.finish(throwing: error)
    }

    func classify(_ message: String, labels: [String], minConfidence: Float) -> Classification { classification }

    func schedule(_ message: String, options: ScheduleOptions) throws -> Schedule {
        Schedule(events: try schedule.get(), servedBy: .rules)
    }

    /// The letter itself.
    func summarize(_ letter: String) -> Summary {
        let sentence = SummarySentence(text: letter, source: TextSpan(utf16: 0..<letter.utf16.count), confidence: 1)
        return Summary(text: letter, sentences: [sentence], confidence: 1, servedBy: .rules)
    }

    func converse(_ instruction: String) -> any Conversation {
        state.with { $0.open += 1 }
        return Talk(assistant: self)
    }

    private struct Talk: Conversation {
        let assistant: FakeAssistant

        func stream(_ text: String) -> AsyncThrowingStream<ChatEvent, any Error> {
            assistant.state.with { $0.said.append(text) }
            return assistant.answer.stream
        }

        func close() {
            assistant.state.with { $0.open -= 1 }
        }
    }
}

/// The model thinks that a message has this intent.
func labelled(_ intent: BankIntent, _ confidence: Float) -> Classification {
    let score = LabelScore(label: intent.label, probability: confidence)
    return Classification(label: intent.label, confidence: confidence, scores: [score], servedBy: .onDevice)
}

/// The model doesn't know.
func unsure() -> Classification {
    Classification(label: nil, confidence: 0.12, scores: [], servedBy: .onDevice)
}
