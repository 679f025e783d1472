import Minnow

/// What the bank needs of a model. Every call throws `MinnowError`, and ends when its task is cancelled.
public protocol BankAssistant: Sendable {
    /// Which of `labels` a message has, if one reaches `minConfidence`.
    func classify(_ message: String, labels: [String], minConfidence: Float) async throws -> Classification

    /// The times to come that a message speaks of.
    func schedule(_ message: String, options: ScheduleOptions) async throws -> Schedule

    /// The sentences of a letter that matter most.
    func summarize(_ letter: String) async throws -> Summary

    /// A conversation under an instruction.
    func converse(_ instruction: String) async throws -> any Conversation
}

/// An open conversation with the model.
public protocol Conversation: Sendable {
    /// Says `text`; the answer comes piece by piece.
    func stream(_ text: String) -> AsyncThrowingStream<ChatEvent, any Error>

    /// Ends it.
    func close()
}

/// Minnow as the bank's assistant.
public struct MinnowAssistant: BankAssistant {
    private let assistant: Assistant
    private let answerTokens: Int

    /// `assistant`, whose answers in conversation have at most `answerTokens` tokens: a few sentences, since a model this small soon
    /// repeats itself.
    public init(_ assistant: Assistant, answerTokens: Int = 160) {
        self.assistant = assistant
        self.answerTokens = answerTokens
    }

    public func classify(_ message: String, labels: [String], minConfidence: Float) async throws -> Classification {
        try await assistant.classify(message, labels: labels, options: ClassifyOptions(minConfidence: minConfidence))
    }

    public func schedule(_ message: String, options: ScheduleOptions) async throws -> Schedule {
        try await assistant.schedule(message, options: options)
    }

    public func summarize(_ letter: String) async throws -> Summary {
        try await assistant.summarize(letter)
    }

    public func converse(_ instruction: String) async throws -> any Conversation {
        let chat = try await assistant.chat(ChatOptions(instruction: instruction))
        return MinnowConversation(chat: chat, options: AnswerOptions(maxTokens: answerTokens))
    }
}

private struct MinnowConversation: Conversation {
    let chat: Chat
    let options: AnswerOptions

    func stream(_ text: String) -> AsyncThrowingStream<ChatEvent, any Error> {
        chat.stream(text, options: options)
    }

    func close() {
        chat.close()
    }
}
