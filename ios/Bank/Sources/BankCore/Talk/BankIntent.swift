import Minnow

/// What customers write to a bank about, in the manner of banking77 (Casanueva et al. 2020), in fewer and wider classes.
///
/// The raw value is what the model is given: English words that say what they mean, whatever language the customer writes.
public enum BankIntent: String, Sendable, CaseIterable {
    case balance = "account balance"
    case transactions = "recent transactions"
    case appointment = "branch appointment"
    case cardNotWorking = "card not working"
    case cardLost = "lost or stolen card"
    case cardDelivery = "card delivery"
    case transfer = "transfer problem"
    case cashMachine = "cash machine"
    case exchangeRate = "exchange rate"
    case fees = "fees and charges"
    case pin = "PIN or password"
    case loan = "loan or mortgage"

    /// Every label, for the model.
    public static let labels = allCases.map(\.label)

    /// What the model is given.
    public var label: String { rawValue }

    /// The app answers it from its own data.
    public var isServed: Bool { self == .balance || self == .transactions || self == .appointment }
}

/// What a message was taken for.
public struct Recognised: Sendable, Hashable {
    /// `nil`: nobody knows.
    public var intent: BankIntent?
    /// The model's probability for ``intent``; for its own best guess where there is none. Not calibrated.
    public var confidence: Float
    /// The message's own words decided, whatever the model thinks.
    public var byWords: Bool

    /// What a message was taken for.
    public init(intent: BankIntent?, confidence: Float, byWords: Bool) {
        self.intent = intent
        self.confidence = confidence
        self.byWords = byWords
    }
}

extension Recognised {
    /// Below it the model's best guess isn't named: with twelve labels a blind guess has 0.08.
    static let toName: Float = 0.3

    /// From here on the model alone may have an intent served.
    private static let toServe: Float = 0.5

    /// From here on the model overrules the words.
    private static let nearlySure: Float = 0.8

    /// What a message is about.
    ///
    /// SmolLM2-135M is right on about two messages in three where it chooses among eight labels, and reads next to no Chinese, so it
    /// doesn't decide alone. Words that can hardly mean anything else decide first, unless the model is nearly sure of something else. By
    /// the model alone an intent is only *served* where it is more likely than not, since an answer from the wrong data is worse than a
    /// chat; what is merely shown may be less sure. The customer sees all of it and can object.
    ///
    /// Measured with these labels on 130 messages of banking77 and clinc150: of 30 that ask for the balance or transactions the model
    /// alone would serve 11, two of them with the other one's data; of 100 others, 2.
    ///
    /// - Parameter words: what ``BankWords`` found in the message.
    public init(words: BankIntent?, model: Classification) {
        let guess = model.label.flatMap(BankIntent.init)
        if let words, guess == words || model.confidence < Self.nearlySure {
            let share = model.scores.first { $0.label == words.label }?.probability ?? 0
            self.init(intent: words, confidence: share, byWords: true)
            return
        }
        let isEnough = guess.map { !$0.isServed || model.confidence >= Self.toServe } ?? false
        self.init(intent: isEnough ? guess : nil, confidence: model.confidence, byWords: false)
    }
}
