internal import MinnowFFI

/// A conversation with a model, from ``Assistant/chat(_:)``.
///
/// The model remembers what was said, so each turn only reads what is new. Turns are taken one after the other: a second waits for the
/// first. Where the conversation outgrows the context, its oldest turns are forgotten, the instruction never.
public final class Chat: Sendable {
    private let native: NativeChat
    // kept so that a chat alone keeps its model open: an assistant that nobody holds closes
    private let owner: Assistant
    private let turns = Turns()

    init(_ native: NativeChat, owner: Assistant) {
        self.native = native
        self.owner = owner
    }

    /// Says `text` and gives the answer once it is complete. A cancelled answer stays in the conversation as far as it came;
    /// where nothing came, the turn is taken back.
    ///
    /// - Throws: ``MinnowError/invalidInput(argument:message:)`` for an empty text or options out of range;
    ///   ``MinnowError/contextFull(needed:available:message:)`` for a text that doesn't fit even alone; ``MinnowError/unsupported(_:)`` for a
    ///   schema with a keyword that can't be enforced; ``MinnowError/closed`` after ``close()`` of this chat or its assistant.
    public func say(_ text: String, options: AnswerOptions = AnswerOptions()) async throws -> Answer {
        try await say(text, options: options, listener: nil)
    }

    /// Says `text` and gives the answer piece by piece, whole characters only.
    ///
    /// The turn starts at once; the stream is for one reader. Letting go of it, or cancelling the reader's task, stops the model.
    ///
    /// Fails as ``say(_:options:)`` does.
    public func stream(
        _ text: String,
        options: AnswerOptions = AnswerOptions()
    ) -> AsyncThrowingStream<ChatEvent, any Error> {
        streaming { send in
            // a slow reader doesn't hold the model up: an answer is a few kilobytes
            send(.done(try await self.say(text, options: options, listener: Pieces { send(.text($0)) })))
        }
    }

    private func say(_ text: String, options: AnswerOptions, listener: Pieces?) async throws -> Answer {
        try await turns.take {
            try await calling {
                Answer(try await self.native.say(text: text, options: options.native(), listener: listener))
            }
        }
    }

    /// What the model remembers of what was said, the instruction included: save it, and pass it as ``ChatOptions/history`` later. Turns
    /// that were forgotten, because the context was full, are gone: an app that shows them all keeps its own transcript. Waits for a
    /// running answer.
    ///
    /// - Throws: ``MinnowError/closed`` after ``close()`` of this chat or its assistant.
    public func messages() async throws -> [ChatMessage] {
        try await turns.take {
            try await calling { try await self.native.messages().map(ChatMessage.init) }
        }
    }

    /// Ends the answer that is on its way and gives the conversation's memory back. Returns at once; a running call ends with
    /// ``MinnowError/closed``. A second close does nothing.
    public func close() {
        native.shutDown()
    }
}

/// How a conversation is opened.
public struct ChatOptions: Sendable, Codable, Hashable {
    /// What the model is and how it should answer.
    public var instruction: String?
    /// What was said before: ``Chat/messages()`` of a conversation that goes on. Its instruction stays, unless ``instruction`` takes its
    /// place.
    public var history: [ChatMessage]
    /// Tokens that the conversation may hold; more costs memory. `nil`: as many as the model was trained for, at most 2048.
    public var contextTokens: Int?

    /// A new conversation, unless told otherwise.
    public init(instruction: String? = nil, history: [ChatMessage] = [], contextTokens: Int? = nil) {
        self.instruction = instruction
        self.history = history
        self.contextTokens = contextTokens
    }
}

/// One turn of a conversation.
public struct ChatMessage: Sendable, Codable, Hashable {
    /// Who speaks.
    public var speaker: Speaker
    /// What they say.
    public var text: String

    /// What a speaker says.
    public init(speaker: Speaker, text: String) {
        self.speaker = speaker
        self.text = text
    }
}

/// Who speaks in a conversation.
public enum Speaker: String, Sendable, Codable, Hashable {
    /// The app: what the model is and how it should answer.
    case system
    /// The person.
    case user
    /// The model.
    case assistant
    /// The result of a tool.
    case tool
}

/// How an answer is generated.
public struct AnswerOptions: Sendable, Codable, Hashable {
    /// Most tokens of an answer; 256 are about 200 English words.
    public var maxTokens: Int
    /// How tokens are drawn; `nil`: the likeliest each time, so that the same question gets the same answer.
    public var sampling: RandomSampling?
    /// Most time for an answer, the reading of the text included; it then ends with ``AnswerEnd/length``, as far as it came.
    public var timeLimit: Duration?
    /// A JSON Schema; an answer that ends with ``AnswerEnd/complete`` is JSON that validates against it.
    public var jsonSchema: String?

    /// At most 256 tokens, the likeliest each time, unless told otherwise.
    public init(
        maxTokens: Int = 256,
        sampling: RandomSampling? = nil,
        timeLimit: Duration? = nil,
        jsonSchema: String? = nil
    ) {
        self.maxTokens = maxTokens
        self.sampling = sampling
        self.timeLimit = timeLimit
        self.jsonSchema = jsonSchema
    }
}

/// Tokens drawn by chance, for varied wording.
public struct RandomSampling: Sendable, Codable, Hashable {
    /// The same seed gives the same choices.
    public var seed: UInt64
    /// Above 0. Below 1 the likely tokens gain, above 1 the unlikely ones.
    public var temperature: Float
    /// Above 0, at most 1: the share of the probability that the kept tokens reach together.
    public var topP: Float

    /// Draws from `seed`.
    public init(seed: UInt64, temperature: Float = 0.7, topP: Float = 0.9) {
        self.seed = seed
        self.temperature = temperature
        self.topP = topP
    }
}

/// An answer.
public struct Answer: Sendable, Codable, Hashable {
    /// What the model said.
    public var text: String
    /// Why it ended.
    public var end: AnswerEnd
    /// Its length in tokens.
    public var tokens: Int
    /// From the call to the first token; `nil` where the time limit came first. Waiting for a turn doesn't count.
    public var timeToFirstToken: Duration?
    /// From the call to the end. Waiting for a turn doesn't count.
    public var totalTime: Duration

    /// An answer, for an app's own tests.
    public init(text: String, end: AnswerEnd, tokens: Int, timeToFirstToken: Duration?, totalTime: Duration) {
        self.text = text
        self.end = end
        self.tokens = tokens
        self.timeToFirstToken = timeToFirstToken
        self.totalTime = totalTime
    }
}

/// Why an answer ended.
public enum AnswerEnd: Sendable, Codable, Hashable {
    /// The model said that it is done, or the asked-for JSON is complete.
    case complete
    /// The most tokens, the most time or the end of the context was reached.
    case length
}

/// News of an answer on its way.
public enum ChatEvent: Sendable, Codable, Hashable {
    /// The next piece of the answer.
    case text(String)
    /// The whole answer; nothing comes after it.
    case done(Answer)
}

private final class Pieces: TextListener {
    private let send: @Sendable (String) -> Void

    init(_ send: @escaping @Sendable (String) -> Void) {
        self.send = send
    }

    func onText(piece: String) {
        send(piece)
    }
}

extension ChatOptions {
    func native() throws -> MinnowFFI.ChatOptions {
        // a saved conversation begins with its instruction
        let said = instruction == nil ? history[...] : history.drop { $0.speaker == .system }
        return MinnowFFI.ChatOptions(
            instruction: instruction,
            history: said.map(\.native),
            contextTokens: try contextTokens.map { try positive($0, "contextTokens") }
        )
    }
}

extension ChatMessage {
    fileprivate var native: MinnowFFI.ChatMessage {
        let speaker: MinnowFFI.Speaker =
            switch speaker {
            case .system: .system
            case .user: .user
            case .assistant: .assistant
            case .tool: .tool
            }
        return MinnowFFI.ChatMessage(speaker: speaker, text: text)
    }

    fileprivate init(_ native: MinnowFFI.ChatMessage) {
        let speaker: Speaker =
            switch native.speaker {
            case .system: .system
            case .user: .user
            case .assistant: .assistant
            case .tool: .tool
            }
        self.init(speaker: speaker, text: native.text)
    }
}

extension AnswerOptions {
    fileprivate func native() throws -> MinnowFFI.AnswerOptions {
        MinnowFFI.AnswerOptions(
            maxTokens: try positive(maxTokens, "maxTokens"),
            sampling: sampling.map { .init(temperature: $0.temperature, topP: $0.topP, seed: $0.seed) },
            timeLimitMs: try timeLimit.map(milliseconds),
            jsonSchema: jsonSchema
        )
    }
}

private func milliseconds(_ limit: Duration) throws -> UInt64 {
    guard limit >= .zero else {
        let message = "\(limit), expected no less than 0 (timeLimit)"
        throw MinnowError.invalidInput(argument: "timeLimit", message: message)
    }
    // who means "no limit" gets none for a hundred years
    let (seconds, attoseconds) = min(limit, .seconds(3_155_760_000)).components
    return UInt64(seconds * 1000 + attoseconds / 1_000_000_000_000_000)
}

extension Answer {
    fileprivate init(_ native: MinnowFFI.Answer) {
        let end: AnswerEnd =
            switch native.end {
            case .complete: .complete
            case .length: .length
            }
        self.init(
            text: native.text,
            end: end,
            tokens: Int(native.tokens),
            timeToFirstToken: native.firstTokenMs.map { .milliseconds($0) },
            totalTime: .milliseconds(native.totalMs)
        )
    }
}
