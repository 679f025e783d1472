// Xcode 26 has a FoundationModels too, without the protocols for models of others. @available doesn't help where a symbol isn't in the SDK
// at all; the compiler's version does: Xcode 27 comes with Swift 6.4, Xcode 26 with 6.2 and 6.3.
#if canImport(FoundationModels) && compiler(>=6.4)
import Foundation
import FoundationModels

/// A Minnow model behind Apple's Foundation Models framework, from iOS 27 and macOS 27 on.
///
/// ```swift
/// let session = LanguageModelSession(model: MinnowLanguageModel(assistant), instructions: "Answer in one sentence.")
/// let answer = try await session.respond(to: "What is a standing order?")
/// ```
///
/// Streaming and guided generation (`@Generable`, `GenerationSchema`) work as with Apple's own model; tools, images and reasoning don't,
/// and a request for them is an error. Cancelling the task stops the model before its next token. A session goes on where it was: each
/// request only reads what is new. Where the conversation outgrows the context, its oldest turns are forgotten, the instructions never;
/// `LanguageModelError.contextSizeExceeded` is for a prompt that doesn't fit even alone.
///
/// Errors are the framework's own where it has one that says the same, and otherwise ``MinnowError``.
///
/// - Important: Written from Apple's public documentation and untested until a Mac has built it. On Linux, it is checked against
///   declarations copied from there.
@available(iOS 27.0, macOS 27.0, visionOS 27.0, *)
public struct MinnowLanguageModel: LanguageModel {
    private let assistant: Assistant
    private let contextTokens: Int?

    /// The model of `assistant`, which stays open for as long as a session uses it, unless the app closes it.
    ///
    /// `contextTokens` are the tokens that a session may hold; more costs memory. `nil`: as many as the model was trained for, at most
    /// 2048.
    public init(_ assistant: Assistant, contextTokens: Int? = nil) {
        self.assistant = assistant
        self.contextTokens = contextTokens
    }

    /// Guided generation.
    public var capabilities: LanguageModelCapabilities {
        LanguageModelCapabilities([.guidedGeneration])
    }

    /// What the framework makes a session's executor from.
    public var executorConfiguration: Executor.Configuration {
        Executor.Configuration(assistant: assistant, contextTokens: contextTokens)
    }

    /// Answers the requests of a session, and holds its conversation meanwhile.
    public struct Executor: LanguageModelExecutor {
        /// The model whose requests it answers.
        public typealias Model = MinnowLanguageModel

        /// An assistant, and the tokens that a session may hold.
        public struct Configuration: Hashable, Sendable {
            fileprivate let assistant: Assistant
            fileprivate let contextTokens: Int?

            /// Whether both are of one assistant, with contexts of one length.
            public static func == (one: Self, other: Self) -> Bool {
                one.assistant === other.assistant && one.contextTokens == other.contextTokens
            }

            /// Hashes what `==` compares.
            public func hash(into hasher: inout Hasher) {
                hasher.combine(ObjectIdentifier(assistant))
                hasher.combine(contextTokens)
            }
        }

        private let conversation: ContinuedChat
        private let canChat: Bool

        /// An executor without a conversation yet.
        public init(configuration: Configuration) throws {
            conversation = ContinuedChat(configuration.assistant, contextTokens: configuration.contextTokens)
            canChat = configuration.assistant.model.canChat
        }

        /// Does nothing: an open assistant is warm.
        public func prewarm(model: MinnowLanguageModel, transcript: Transcript) {}

        /// Answers the last prompt of the request's transcript.
        public func respond(
            to request: LanguageModelExecutorGenerationRequest,
            model: MinnowLanguageModel,
            streamingInto channel: LanguageModelExecutorGenerationChannel
        ) async throws {
            try refuseWhatIsUnsupported(in: request)
            guard let turn = NextTurn(try request.transcript.compactMap(ChatMessage.init)) else {
                throw unsupported(Array(request.transcript.suffix(1)), "the last entry is no prompt (end with a prompt)")
            }
            let schema = try request.schema.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
            let options = try AnswerOptions(request.generationOptions, jsonSchema: schema)
            let note = request.contextOptions.includeSchemaInPrompt == true ? schema.map { "Answer in JSON of this schema: \($0)" } : nil
            do {
                var pieces = 0
                let answer = try await conversation.answer(turn, note: note, options: options) { piece in
                    pieces += 1
                    await channel.send(.response(action: .appendText(piece, tokenCount: 1)))
                }
                // A piece may be of several tokens. Sent for an empty answer too: a session without any event is an error.
                await channel.send(.response(action: .appendText("", tokenCount: max(0, answer.tokens - pieces))))
                if schema != nil && answer.end == .length {
                    let message = "\(answer.tokens) tokens were too few for the schema's JSON (maximumResponseTokens)"
                    throw LanguageModelError.unsupportedCapability(.init(capability: .guidedGeneration, debugDescription: message))
                }
            } catch let error as MinnowError {
                throw inTheFrameworksTerms(error, guided: schema != nil && canChat)
            }
        }
    }
}

/// What needs a capability that the model doesn't declare. The framework refuses it before; a request that an app makes itself doesn't
/// come by there.
@available(iOS 27.0, macOS 27.0, visionOS 27.0, *)
private func refuseWhatIsUnsupported(in request: LanguageModelExecutorGenerationRequest) throws {
    let mode = request.generationOptions.toolCallingMode
    let offered = !request.enabledToolDefinitions.isEmpty && mode != .disallowed
    if offered || mode == .required {
        throw LanguageModelError.unsupportedCapability(
            .init(capability: .toolCalling, debugDescription: "Minnow calls no tools (open the session without tools)"))
    }
    if request.contextOptions.reasoningLevel != nil {
        throw LanguageModelError.unsupportedCapability(
            .init(capability: .reasoning, debugDescription: "Minnow's models don't reason (leave reasoningLevel out)"))
    }
}

@available(iOS 27.0, macOS 27.0, visionOS 27.0, *)
private func unsupported(_ entries: [Transcript.Entry], _ message: String) -> LanguageModelError {
    .unsupportedTranscriptContent(.init(unsupportedContent: entries, debugDescription: message))
}

@available(iOS 27.0, macOS 27.0, visionOS 27.0, *)
private func inTheFrameworksTerms(_ error: MinnowError, guided: Bool) -> any Error {
    switch error {
    case .contextFull(let needed, let available, let message):
        // both as the prompt sees them: the room for the answer is left out
        LanguageModelError.contextSizeExceeded(.init(contextSize: available, tokenCount: needed, debugDescription: message))
    case .unsupported(let message) where guided:
        LanguageModelError.unsupportedGenerationGuide(.init(schemaName: nil, debugDescription: message))
    default:
        error
    }
}

@available(iOS 27.0, macOS 27.0, visionOS 27.0, *)
extension ChatMessage {
    /// An entry of a transcript; `nil` for one that says nothing to a model: what another one thought, or instructions without words.
    fileprivate init?(_ entry: Transcript.Entry) throws {
        switch entry {
        case .instructions(let instructions):
            let text = try Self.text(instructions.segments, of: entry)
            if text.isEmpty { return nil }
            self.init(speaker: .system, text: text)
        case .prompt(let prompt):
            self.init(speaker: .user, text: try Self.text(prompt.segments, of: entry))
        case .response(let response):
            self.init(speaker: .assistant, text: try Self.text(response.segments, of: entry))
        case .toolCalls(let calls):
            // of another model, earlier in the session
            let said = calls.map { "\($0.toolName)(\($0.arguments.jsonString))" }
            self.init(speaker: .assistant, text: said.joined(separator: "\n"))
        case .toolOutput(let output):
            self.init(speaker: .tool, text: try Self.text(output.segments, of: entry))
        case .reasoning:
            return nil
        default:
            throw unsupported([entry], "an entry of a kind that Minnow doesn't know (leave it out)")
        }
    }

    private static func text(_ segments: [Transcript.Segment], of entry: Transcript.Entry) throws -> String {
        let texts = try segments.map { segment in
            switch segment {
            case .text(let text): text.content
            case .structure(let structure): structure.content.jsonString
            default: throw unsupported([entry], "Minnow reads text only (leave images and other attachments out)")
            }
        }
        return texts.joined(separator: "\n")
    }
}

@available(iOS 27.0, macOS 27.0, visionOS 27.0, *)
extension AnswerOptions {
    fileprivate init(_ options: GenerationOptions, jsonSchema: String?) throws {
        let wish: SamplingWish =
            switch options.samplingMode?.kind {
            case nil: .unsaid
            case .greedy: .likeliest
            case .randomTopK(let count, let seed): .top(count, seed: seed)
            case .randomProbabilityThreshold(let share, let seed): .share(share, seed: seed)
            default: throw MinnowError.unsupported("this sampling mode (use .random(probabilityThreshold:))")
            }
        try self.init(
            maximumTokens: options.maximumResponseTokens, temperature: options.temperature, wish: wish, jsonSchema: jsonSchema)
    }
}
#endif
