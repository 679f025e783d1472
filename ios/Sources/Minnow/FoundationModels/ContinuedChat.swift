import Foundation

// What a conformance to Apple's Foundation Models needs and doesn't need Apple's types for: their sessions hand over the whole
// conversation with every request, where a chat remembers it.

/// A conversation to answer: what was said before, and what is said now.
struct NextTurn: Equatable {
    /// Everything before.
    var history: [ChatMessage]
    /// What the user says now.
    var text: String

    /// `nil` for a conversation in which it isn't the user who spoke last: there is nothing to answer.
    init?(_ conversation: [ChatMessage]) {
        guard let last = conversation.last, last.speaker == .user else { return nil }
        history = Array(conversation.dropLast())
        text = last.text
    }

    /// Whether a chat in which `said` was said can go on with this turn, since nothing else was said before it.
    func goesOn(after said: [ChatMessage]) -> Bool {
        said.count == history.count && zip(said, history).allSatisfy(Self.same)
    }

    private static func same(_ one: ChatMessage, _ other: ChatMessage) -> Bool {
        guard one.speaker == other.speaker else { return false }
        if one.text == other.text { return true }
        // What the user says is compared as it is, since that is what the model read. Its own answers come back from a session with
        // other space around them, or as JSON that was read and written again.
        guard one.speaker == .assistant else { return false }
        let (one, other) = (trimmed(one.text), trimmed(other.text))
        if one == other { return true }
        guard let one = canonical(one), let other = canonical(other) else { return false }
        return one == other
    }

    private static func trimmed(_ text: String) -> String {
        text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static func canonical(_ json: String) -> Data? {
        guard let value = try? JSONSerialization.jsonObject(with: Data(json.utf8)), JSONSerialization.isValidJSONObject(value) else {
            return nil
        }
        return try? JSONSerialization.data(withJSONObject: value, options: .sortedKeys)
    }
}

/// Answers conversations that are handed over whole. A conversation that only grew since the last answer is answered by the same chat,
/// which reads no more than what is new; any other by a new chat.
final class ContinuedChat: Sendable {
    private struct Idle {
        var chat: Chat
        var said: [ChatMessage]
    }

    private let open: @Sendable ([ChatMessage]) async throws -> Chat
    // A chat is taken out while it answers, so that answers which overlap each have their own.
    private let idle = Locked<Idle?>(nil)

    /// `open` opens a chat in which something was said before.
    init(open: @escaping @Sendable (_ history: [ChatMessage]) async throws -> Chat) {
        self.open = open
    }

    convenience init(_ assistant: Assistant, contextTokens: Int?) {
        self.init { try await assistant.chat(ChatOptions(history: $0, contextTokens: contextTokens)) }
    }

    deinit {
        idle.with { $0 }?.chat.close()
    }

    /// Answers `turn`, with `note` under its text, and gives the answer piece by piece. The note is for this answer alone: it is no part
    /// of the conversation as it comes back.
    func answer(
        _ turn: NextTurn,
        note: String? = nil,
        options: AnswerOptions,
        onText: (String) async -> Void
    ) async throws -> Answer {
        let chat = try await chat(for: turn)
        do {
            var answer: Answer?
            for try await event in chat.stream([turn.text, note].compactMap { $0 }.joined(separator: "\n\n"), options: options) {
                switch event {
                case .text(let piece): await onText(piece)
                case .done(let whole): answer = whole
                }
            }
            guard let answer else { throw MinnowError.internal("an answer ended without its end") }
            let said = [ChatMessage(speaker: .user, text: turn.text), ChatMessage(speaker: .assistant, text: answer.text)]
            keep(Idle(chat: chat, said: turn.history + said))
            return answer
        } catch {
            // it may hold half an answer that the session doesn't
            chat.close()
            throw error
        }
    }

    private func chat(for turn: NextTurn) async throws -> Chat {
        let taken = idle.with { idle -> Idle? in
            defer { idle = nil }
            return idle
        }
        if let taken {
            if turn.goesOn(after: taken.said) { return taken.chat }
            taken.chat.close()
        }
        return try await open(turn.history)
    }

    private func keep(_ kept: Idle) {
        let replaced = idle.with { idle -> Idle? in
            defer { idle = kept }
            return idle
        }
        replaced?.chat.close()
    }
}

/// How tokens are to be drawn, as Foundation Models says it.
enum SamplingWish {
    /// As the model likes.
    case unsaid
    /// The likeliest each time.
    case likeliest
    /// One of so many likeliest.
    case top(Int, seed: UInt64?)
    /// One of the likeliest that together reach a share of the probability.
    case share(Double, seed: UInt64?)
}

extension AnswerOptions {
    /// Most tokens of an answer where a session names no number: room for an answer, and for most of a small context before it.
    static let defaultSessionTokens = 512

    /// Options as Foundation Models says them. Without a wish or a temperature, the likeliest token each time.
    ///
    /// - Throws: ``MinnowError/unsupported(_:)`` for a number of likeliest tokens.
    init(maximumTokens: Int?, temperature: Double?, wish: SamplingWish, jsonSchema: String? = nil) throws {
        self.init(maxTokens: maximumTokens ?? Self.defaultSessionTokens, jsonSchema: jsonSchema)
        var drawn: RandomSampling?
        switch wish {
        case .unsaid:
            drawn = temperature == nil ? nil : RandomSampling(seed: Self.anySeed)
        case .likeliest, .top(1, _):
            break
        case .top(let count, _):
            throw MinnowError.unsupported("a draw from the \(count) likeliest tokens (use .random(probabilityThreshold:))")
        case .share(let share, let seed):
            // a share of nothing leaves the likeliest token, and no other
            drawn = share == 0 ? nil : RandomSampling(seed: seed ?? Self.anySeed, topP: Float(share))
        }
        if let temperature {
            drawn?.temperature = Float(temperature)
            if temperature == 0 { drawn = nil }
        }
        sampling = drawn
    }

    private static var anySeed: UInt64 {
        .random(in: .min ... .max)
    }
}
