/// What the chat shows.
public struct BankState: Sendable, Hashable {
    /// In the order they were said.
    public var messages: [Message] = []
    /// An answer is on its way: it can be cancelled, and nothing else can be said until it ends.
    public var isAnswering = false
    /// A visit that goes to the calendar now; ``BankPresenter/calendarOpened()`` or ``BankPresenter/calendarMissing()`` takes it.
    public var forCalendar: Visit?

    /// Nothing was said yet.
    public init() {}
}

/// A line of the chat.
public enum Message: Sendable, Hashable, Identifiable {
    /// What the customer wrote.
    case user(UserMessage)
    /// What the bank says to it.
    case bank(BankMessage)

    /// Never changes.
    public var id: Int {
        switch self {
        case .user(let message): message.id
        case .bank(let message): message.id
        }
    }
}

/// What the customer wrote.
public struct UserMessage: Sendable, Hashable, Identifiable {
    /// Never changes.
    public let id: Int
    /// Their words.
    public var text: String
    /// What the app took it for; `nil` while it is being read, and for a letter.
    public var recognised: Recognised?
}

/// What the bank says to it.
public struct BankMessage: Sendable, Hashable, Identifiable {
    /// Never changes.
    public let id: Int
    /// The answer as far as it is known.
    public var reply: Reply
    /// The customer may say that they meant something else.
    public var canBeRejected = false

    /// The visits of which the customer may still choose one.
    public var openVisits: [Visit] {
        if case .offers(let offers) = reply, offers.chosen == nil { offers.visits } else { [] }
    }
}

/// An answer as a value, not as a text: the words come from the app's strings where it is shown, the numbers and dates from the account
/// and the calendar. Only ``chat(_:_:)`` and ``summary(_:)`` hold words of their own.
public enum Reply: Sendable, Hashable {
    /// Nothing is known yet.
    case pending
    /// Cancelled before there was anything to show.
    case stopped
    /// What is in the account.
    case balance(Balance)
    /// The last bookings.
    case lastBookings([Booking])
    /// Times at which the customer could come.
    case offers(Offers)
    /// When would the customer like to come? The branch opens and closes at these times of a working day.
    case askForTime(WhyAsk, opens: TimeOfDay, closes: TimeOfDay)
    /// The sentences of a letter that matter most.
    case summary([String])
    /// What the model says; unlike all other answers it may be wrong.
    case chat(String, ChatEnd)
    /// There is no answer, or no more than `partial` of it.
    case failed(Problem, partial: String)
}

/// Times at which the customer could come.
public struct Offers: Sendable, Hashable {
    /// The times, the likelier first.
    public var visits: [Visit]
    /// The one that went to the calendar.
    public var chosen: Visit?
    /// It should have, and there is none.
    public var calendarIsMissing: Bool

    /// Times that are on offer.
    public init(_ visits: [Visit], chosen: Visit? = nil, calendarIsMissing: Bool = false) {
        self.visits = visits
        self.chosen = chosen
        self.calendarIsMissing = calendarIsMissing
    }
}

/// Why the app has to ask for a time.
public enum WhyAsk: Sendable, Hashable, CaseIterable {
    /// No time to come was said.
    case noTime
    /// The branch is closed then.
    case closed
    /// A date was said that is on no calendar.
    case noSuchDate
}

/// How far an answer of the model is.
public enum ChatEnd: Sendable, Hashable, CaseIterable {
    /// It goes on.
    case running
    /// It is complete.
    case complete
    /// It was cut off at its longest.
    case cutOff
    /// The customer stopped it.
    case stopped
}
