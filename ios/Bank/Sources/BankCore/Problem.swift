import Minnow

/// What went wrong, cut by what the customer can do about it.
public enum Problem: Sendable, Hashable, CaseIterable {
    /// The model was closed: open the app again.
    case closed
    /// The text is too long.
    case tooLong
    /// The phone has too little memory free.
    case memory
    /// The model's file is damaged: it is fetched again.
    case modelDamaged
    /// The model can't be fetched now.
    case noDownload
    /// The phone's storage is full or can't be used.
    case storage
    /// Neither this phone nor this version of the app can run the model.
    case unsupported
    /// The account's data can't be read.
    case account
    /// Something inside failed.
    case `internal`
}

extension Problem {
    /// What an error means here.
    public init(_ error: any Error) {
        self =
            switch error {
            case let error as MinnowError: Problem(error)
            case is AccountsUnavailable: .account
            default: .internal
            }
    }

    private init(_ error: MinnowError) {
        self =
            switch error {
            case .closed: .closed
            case .contextFull, .invalidInput: .tooLong
            case .memory: .memory
            case .modelFile: .modelDamaged
            case .download, .notStored: .noDownload
            case .storage: .storage
            case .unsupported: .unsupported
            case .impossibleDate, .device, .catalogue, .licenceNotAccepted, .internal: .internal
            }
    }
}
