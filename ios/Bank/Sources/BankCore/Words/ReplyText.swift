import Foundation

/// Words for what the presenter decided, in the language of a locale, which also says how numbers and dates are written.
public struct ReplyText {
    /// Everything else that is shown.
    public let strings: Strings
    private let locale: Locale

    /// Words for a reader in `locale`.
    public init(_ locale: Locale) {
        self.locale = locale
        strings = Strings(locale)
    }

    /// What the bank says.
    public func of(_ reply: Reply) -> String {
        switch reply {
        case .pending: strings[.replyPending]
        case .stopped: strings[.replyStopped]
        case .balance(let balance):
            strings[.replyBalance, balance.account, balance.numberEnding, balance.amount.formatted(locale)]
        case .lastBookings(let bookings):
            bookings.isEmpty ? strings[.replyNoBookings] : lines(strings[.replyBookings], bookings.map(of))
        case .offers(let offers): of(offers)
        case .askForTime(let why, let opens, let closes): strings[key(why), of(opens), of(closes)]
        case .summary(let sentences):
            sentences.isEmpty ? strings[.replyNoSummary] : lines(strings[.replySummary], sentences.map { "• \($0)" })
        case .chat(let text, _): text
        case .failed(let problem, let partial): [partial, of(problem)].filter { !$0.isEmpty }.joined(separator: "\n\n")
        }
    }

    /// What stands in small letters below an answer; `nil`: nothing.
    public func note(on reply: Reply) -> String? {
        switch reply {
        case .chat(_, .running): strings[.noteRunning]
        case .chat(_, .complete): strings[.noteModel]
        case .chat(_, .cutOff): strings[.noteCutOff]
        case .chat(_, .stopped): strings[.noteStopped]
        case .summary: strings[.noteSummary]
        default: nil
        }
    }

    /// What stands below the customer's message.
    public func of(_ recognised: Recognised) -> String {
        let share = recognised.confidence.formatted(.percent.precision(.fractionLength(0)).locale(locale))
        guard let intent = recognised.intent else { return strings[.intentUnknown, share] }
        return strings[recognised.byWords ? .intentByWords : .intentByModel, strings[name(intent)], share]
    }

    /// When a visit is.
    public func of(_ visit: Visit) -> String {
        let day = formatted(visit.start, day: .full, time: .none, visit.zone)
        return strings[.visit, day, formatted(visit.start, day: .none, time: .short, visit.zone)]
    }

    /// What went wrong and what to do.
    public func of(_ problem: Problem) -> String {
        switch problem {
        case .closed: strings[.problemClosed]
        case .tooLong: strings[.problemTooLong]
        case .memory: strings[.problemMemory]
        case .modelDamaged: strings[.problemModelDamaged]
        case .noDownload: strings[.problemNoDownload]
        case .storage: strings[.problemStorage]
        case .unsupported: strings[.problemUnsupported]
        case .account: strings[.problemAccount]
        case .internal: strings[.problemInternal]
        }
    }

    /// How far the model is.
    public func of(_ setup: SetupState) -> String {
        switch setup {
        case .checking: strings[.setupChecking]
        case .missing(let bytes): strings[.setupMissing, size(bytes)]
        case .downloading(let bytes, let ofBytes): strings[.setupDownloading, size(bytes), size(ofBytes)]
        case .opening, .ready: strings[.setupOpening]
        case .failed(let problem): of(problem)
        }
    }
}

extension ReplyText {
    private func of(_ offers: Offers) -> String {
        if let chosen = offers.chosen { return strings[.replyChosen, of(chosen)] }
        if offers.calendarIsMissing { return strings[.replyNoCalendar] }
        if let only = offers.visits.first, offers.visits.count == 1 { return strings[.replyOneOffer, of(only)] }
        return strings[.replyOffers]
    }

    private func of(_ booking: Booking) -> String {
        let day = booking.day
        let shown = formatted(DateComponents(year: day.year, month: day.month, day: day.day), day: .medium, time: .none)
        return strings[.booking, shown, booking.party, booking.amount.formatted(locale)]
    }

    private func of(_ time: TimeOfDay) -> String {
        formatted(DateComponents(hour: time.hour, minute: time.minute), day: .none, time: .short)
    }

    private func lines(_ heading: String, _ lines: [String]) -> String {
        ([heading] + lines).joined(separator: "\n")
    }

    private func size(_ bytes: Int64) -> String {
        bytes.formatted(.byteCount(style: .file).locale(locale))
    }

    /// Parts of a date, which are in no zone.
    private func formatted(_ parts: DateComponents, day: DateFormatter.Style, time: DateFormatter.Style) -> String {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = .gmt
        return calendar.date(from: parts).map { formatted($0, day: day, time: time, .gmt) } ?? ""
    }

    private func formatted(_ date: Date, day: DateFormatter.Style, time: DateFormatter.Style, _ zone: TimeZone) -> String {
        // not a `Date.FormatStyle`, which writes 9:00 where the reader's habit is 09:00
        let formatter = DateFormatter()
        formatter.locale = locale
        formatter.timeZone = zone
        formatter.dateStyle = day
        formatter.timeStyle = time
        return formatter.string(from: date)
    }

    private func key(_ why: WhyAsk) -> Strings.Key {
        switch why {
        case .noTime: .replyAskForTime
        case .closed: .replyClosed
        case .noSuchDate: .replyNoSuchDate
        }
    }

    private func name(_ intent: BankIntent) -> Strings.Key {
        switch intent {
        case .balance: .intentBalance
        case .transactions: .intentTransactions
        case .appointment: .intentAppointment
        case .cardNotWorking: .intentCardNotWorking
        case .cardLost: .intentCardLost
        case .cardDelivery: .intentCardDelivery
        case .transfer: .intentTransfer
        case .cashMachine: .intentCashMachine
        case .exchangeRate: .intentExchangeRate
        case .fees: .intentFees
        case .pin: .intentPin
        case .loan: .intentLoan
        }
    }
}
