import Foundation
import Minnow
import Observation

/// The chat: takes what the customer does, answers, and holds what is shown.
///
/// A long text is summarised. Of a message the intent is recognised; one that the app serves is answered from the account or the calendar,
/// never by the model, and everything else by the model in conversation. One answer runs at a time.
///
/// Every function returns at once; ``state`` is observed.
@MainActor
@Observable
public final class BankPresenter {
    private static let shownBookings = 5

    /// What a model this small keeps to: short, and away from what only the bank's data can say.
    private static let instruction = """
        You are the assistant in a bank's app. Answer the customer in one to three short, friendly sentences, in the customer's \
        language. You do not know the customer's account and can not move money. Never give amounts, phone numbers or links.
        """

    /// What is shown.
    public private(set) var state = BankState()

    private let assistant: any BankAssistant
    private let accounts: any AccountRepository
    private let branch: Branch
    private let here: () -> ScheduleOptions
    @ObservationIgnored private var running: Task<Void, Never>?
    @ObservationIgnored private var conversation: (any Conversation)?
    @ObservationIgnored private var lastID = 0

    /// A chat in which nothing was said yet.
    ///
    /// - Parameter here: the present moment, and the customer's zone and locale at the moment.
    public init(
        _ assistant: any BankAssistant,
        accounts: any AccountRepository,
        branch: Branch = Branch(),
        here: @escaping () -> ScheduleOptions = { ScheduleOptions() }
    ) {
        self.assistant = assistant
        self.accounts = accounts
        self.branch = branch
        self.here = here
    }

    /// Says `text` to the bank. Does nothing for a blank text, and while an answer is on its way.
    public func send(_ text: String) {
        say(text) { message, replyID in
            if Letter.isLetter(message.text) {
                try await self.summary(message, replyID)
            } else {
                try await self.answer(message, replyID)
            }
        }
    }

    /// Has `text` summarised, however long it is. Does nothing for a blank text, and while an answer is on its way.
    public func summarize(_ text: String) {
        say(text, summary)
    }

    /// Stops the answer that is on its way; what is there of it stays.
    public func cancel() {
        running?.cancel()
    }

    /// "Not what I meant": has the model answer the message instead.
    public func reject(_ replyID: BankMessage.ID) {
        guard !state.isAnswering,
            let place = state.messages.firstIndex(where: { $0.id == replyID }),
            case .bank(let message) = state.messages[place], message.canBeRejected,
            case .user(let rejected)? = state.messages[..<place].last
        else { return }
        change(user: rejected.id) { $0.recognised = nil }
        show(replyID, .pending)
        answering(replyID) { try await self.chat(rejected.text, replyID) }
    }

    /// Takes one of the visits that were offered; it goes to the calendar.
    public func choose(_ replyID: BankMessage.ID, _ visit: Visit) {
        guard case .offers(let offers)? = reply(replyID), offers.visits.contains(visit) else { return }
        show(replyID, .offers(Offers(offers.visits, chosen: visit)))
        state.forCalendar = visit
    }

    /// The calendar has taken ``BankState/forCalendar``.
    public func calendarOpened() {
        state.forCalendar = nil
    }

    /// There is no calendar: the offers are open again.
    public func calendarMissing() {
        guard let visit = state.forCalendar else { return }
        for case .bank(let message) in state.messages {
            guard case .offers(let offers) = message.reply, offers.chosen == visit else { continue }
            show(message.id, .offers(Offers(offers.visits, calendarIsMissing: true)))
        }
        state.forCalendar = nil
    }

    /// Stops everything and ends the conversation. The assistant stays open: it isn't the presenter's.
    public func close() {
        running?.cancel()
        conversation?.close()
        conversation = nil
    }
}

// MARK: - One answer at a time

extension BankPresenter {
    private func say(_ text: String, _ work: @escaping (UserMessage, BankMessage.ID) async throws -> Void) {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        if text.isEmpty || state.isAnswering { return }
        let message = UserMessage(id: lastID + 1, text: text)
        let reply = BankMessage(id: lastID + 2, reply: .pending)
        lastID = reply.id
        state.messages += [.user(message), .bank(reply)]
        answering(reply.id) { try await work(message, reply.id) }
    }

    private func answering(_ replyID: BankMessage.ID, _ work: @escaping () async throws -> Void) {
        state.isAnswering = true
        running = Task {
            defer { state.isAnswering = false }
            do {
                try await work()
            } catch is CancellationError {
                stop(replyID)
            } catch {
                let partial = if case .chat(let text, _)? = reply(replyID) { text } else { "" }
                show(replyID, .failed(Problem(error), partial: partial))
            }
        }
    }

    private func stop(_ replyID: BankMessage.ID) {
        if case .chat(let text, _)? = reply(replyID) {
            show(replyID, .chat(text, .stopped))
        } else {
            show(replyID, .stopped)
        }
    }

    private func summary(_ letter: UserMessage, _ replyID: BankMessage.ID) async throws {
        let summary = try await assistant.summarize(letter.text)
        show(replyID, .summary(summary.sentences.map(\.text)))
    }

    private func answer(_ message: UserMessage, _ replyID: BankMessage.ID) async throws {
        let here = here()
        let isAboutTime = askedForTime(before: message.id)
        let time = isAboutTime || BankWords.mayBeVisit(message.text) ? try await time(message.text, here) : .unsaid
        let words = BankWords.intent(message.text, speaksOfTime: time != .unsaid)
        let model = try await assistant.classify(message.text, labels: BankIntent.labels, minConfidence: Recognised.toName)
        // the answer to "when would you like to come?"
        let isTheTime = isAboutTime && words == nil && time != .unsaid
        let recognised = Recognised(words: isTheTime ? .appointment : words, model: model)
        change(user: message.id) { $0.recognised = recognised }
        switch recognised.intent {
        case .balance: try serve(replyID, .balance(await accounts.balance()))
        case .transactions: try serve(replyID, .lastBookings(await accounts.lastBookings(Self.shownBookings)))
        case .appointment: try serve(replyID, appointment(time, here))
        default: try await chat(message.text, replyID)
        }
    }

    private func chat(_ text: String, _ replyID: BankMessage.ID) async throws {
        var said = ""
        for try await event in try await openConversation().stream(text) {
            switch event {
            case .text(let piece):
                said += piece
                show(replyID, .chat(String(said.drop(while: \.isWhitespace)), .running))
            case .done(let answer):
                let text = answer.text.trimmingCharacters(in: .whitespacesAndNewlines)
                return show(replyID, .chat(text, answer.end == .complete ? .complete : .cutOff))
            }
        }
        // a stream whose reader is cancelled may end without a word
        try Task.checkCancellation()
    }

    private func openConversation() async throws -> any Conversation {
        if let conversation { return conversation }
        let opened = try await assistant.converse(Self.instruction)
        if Task.isCancelled {
            // after `close()` nobody else would
            opened.close()
            throw CancellationError()
        }
        conversation = opened
        return opened
    }
}

// MARK: - Appointments

/// What a message says about a time to come.
private enum TimeToCome: Equatable {
    case unsaid
    case impossible
    case said([ScheduledEvent])
}

extension BankPresenter {
    /// Whether the bank's last word before a message was the question when the customer would like to come.
    private func askedForTime(before id: UserMessage.ID) -> Bool {
        let last = state.messages.last {
            if case .bank(let message) = $0 { message.id < id } else { false }
        }
        if case .bank(let message)? = last, case .askForTime = message.reply { return true }
        return false
    }

    private func time(_ text: String, _ here: ScheduleOptions) async throws -> TimeToCome {
        do {
            let events = try await assistant.schedule(text, options: here).events
            return events.isEmpty ? .unsaid : .said(events)
        } catch MinnowError.impossibleDate {
            // 30 February: the customer gets to hear it
            return .impossible
        }
    }

    private func appointment(_ time: TimeToCome, _ here: ScheduleOptions) -> Reply {
        switch time {
        case .unsaid: return ask(.noTime)
        case .impossible: return ask(.noSuchDate)
        case .said(let events):
            let offers = branch.offers(events, now: here.now, zone: here.zone)
            return offers.isEmpty ? ask(.closed) : .offers(Offers(offers))
        }
    }

    private func ask(_ why: WhyAsk) -> Reply {
        .askForTime(why, opens: branch.opens, closes: branch.closes)
    }
}

// MARK: - Changing what is shown

extension BankPresenter {
    /// Shows what the app's own data say, unless the customer stopped it meanwhile.
    private func serve(_ replyID: BankMessage.ID, _ reply: Reply) throws {
        try Task.checkCancellation()
        change(bank: replyID) {
            $0.reply = reply
            $0.canBeRejected = true
        }
    }

    private func show(_ replyID: BankMessage.ID, _ reply: Reply) {
        change(bank: replyID) {
            $0.reply = reply
            if case .offers = reply { return }
            $0.canBeRejected = false
        }
    }

    private func reply(_ id: BankMessage.ID) -> Reply? {
        for case .bank(let message) in state.messages where message.id == id { return message.reply }
        return nil
    }

    private func change(user id: UserMessage.ID, _ change: (inout UserMessage) -> Void) {
        for place in state.messages.indices {
            guard case .user(var message) = state.messages[place], message.id == id else { continue }
            change(&message)
            state.messages[place] = .user(message)
        }
    }

    private func change(bank id: BankMessage.ID, _ change: (inout BankMessage) -> Void) {
        for place in state.messages.indices {
            guard case .bank(var message) = state.messages[place], message.id == id else { continue }
            change(&message)
            state.messages[place] = .bank(message)
        }
    }
}
