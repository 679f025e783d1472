import Foundation

/// The app's strings, in one of its languages.
public struct Strings {
    /// The languages that there are: folders of this package's resources.
    enum Language: String, CaseIterable {
        case english = "en"
        case simplifiedChinese = "zh-Hans"

        /// The one that a reader in `locale` understands best.
        init(_ locale: Locale) {
            self = locale.language.languageCode == .chinese ? .simplifiedChinese : .english
        }
    }

    private let bundle: Bundle

    /// The strings for a reader in `locale`.
    public init(_ locale: Locale) {
        self.init(Language(locale))
    }

    init(_ language: Language) {
        // on Linux the package manager writes the folders' names in small letters
        let names = [language.rawValue, language.rawValue.lowercased()]
        let folder = names.lazy.compactMap { Bundle.module.path(forResource: $0, ofType: "lproj") }.first
        bundle = folder.flatMap(Bundle.init(path:)) ?? .module
    }

    /// A string without places.
    public subscript(_ key: Key) -> String {
        bundle.localizedString(forKey: key.rawValue, value: nil, table: nil)
    }

    /// A string, its places filled with `values`.
    public subscript(_ key: Key, _ values: String...) -> String {
        String(format: self[key], arguments: values)
    }
}

extension Strings {
    /// The names of all strings.
    public enum Key: String, Sendable, CaseIterable {
        case appName = "app_name"
        case subtitle
        case setupChecking = "setup_checking"
        case setupMissing = "setup_missing"
        case setupDownloading = "setup_downloading"
        case setupOpening = "setup_opening"
        case setupDownload = "setup_download"
        case setupCancel = "setup_cancel"
        case setupRetry = "setup_retry"
        case setupProgress = "setup_progress"
        case inputHint = "input_hint"
        case send
        case stop
        case summarise
        case reject
        case greeting
        case youSaid = "you_said"
        case bankSaid = "bank_said"
        case replyBalance = "reply_balance"
        case replyBookings = "reply_bookings"
        case replyNoBookings = "reply_no_bookings"
        case booking
        case replyOneOffer = "reply_one_offer"
        case replyOffers = "reply_offers"
        case replyChosen = "reply_chosen"
        case replyNoCalendar = "reply_no_calendar"
        case replyAskForTime = "reply_ask_for_time"
        case replyClosed = "reply_closed"
        case replyNoSuchDate = "reply_no_such_date"
        case replySummary = "reply_summary"
        case replyNoSummary = "reply_no_summary"
        case replyPending = "reply_pending"
        case replyStopped = "reply_stopped"
        case visit
        case noteRunning = "note_running"
        case noteModel = "note_model"
        case noteCutOff = "note_cut_off"
        case noteStopped = "note_stopped"
        case noteSummary = "note_summary"
        case intentByModel = "intent_by_model"
        case intentByWords = "intent_by_words"
        case intentUnknown = "intent_unknown"
        case intentBalance = "intent_balance"
        case intentTransactions = "intent_transactions"
        case intentAppointment = "intent_appointment"
        case intentCardNotWorking = "intent_card_not_working"
        case intentCardLost = "intent_card_lost"
        case intentCardDelivery = "intent_card_delivery"
        case intentTransfer = "intent_transfer"
        case intentCashMachine = "intent_cash_machine"
        case intentExchangeRate = "intent_exchange_rate"
        case intentFees = "intent_fees"
        case intentPin = "intent_pin"
        case intentLoan = "intent_loan"
        case problemClosed = "problem_closed"
        case problemTooLong = "problem_too_long"
        case problemMemory = "problem_memory"
        case problemModelDamaged = "problem_model_damaged"
        case problemNoDownload = "problem_no_download"
        case problemStorage = "problem_storage"
        case problemUnsupported = "problem_unsupported"
        case problemAccount = "problem_account"
        case problemInternal = "problem_internal"
        case calendarTitle = "calendar_title"
        case calendarPlace = "calendar_place"
    }
}
