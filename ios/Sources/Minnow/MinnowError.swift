import Foundation
internal import MinnowFFI

/// Why a call gave no value, cut by what the app can do next.
///
/// Messages say what was expected, what was found and where. They never hold the user's words, so they are safe to log and to report.
/// A cancelled task throws `CancellationError` instead, as everywhere in Swift. New versions may add cases: end a `switch` with
/// `default`.
public enum MinnowError: LocalizedError {
    /// A model file is damaged, inconsistent or no model file: fetch it again, or take another.
    case modelFile(String)

    /// The request is well formed but this model or build can't serve it: the message says what to use instead.
    case unsupported(String)

    /// An argument, named as in the function or its options, is out of its range.
    case invalidInput(argument: String, message: String)

    /// The text names a date that is on no calendar, such as 30 February: ask the user for it again.
    case impossibleDate(String)

    /// The compute device failed or is missing.
    case device(String)

    /// The text and its answer don't fit into the conversation's context: shorten the text, or open a longer context.
    ///
    /// `needed` are the tokens that the text takes; `available` those that there is room for: those of the context, less the room for an
    /// answer.
    case contextFull(needed: Int, available: Int, message: String)

    /// An allocation of `needed` bytes was refused, where `available` bytes may be used: open a shorter context.
    case memory(needed: Int, available: Int, message: String)

    /// A file or folder can't be read or written, or the disk is full.
    case storage(String)

    /// The catalogue doesn't have such a model, or is wrong itself.
    case catalogue(String)

    /// The model comes under terms that the user has to accept first: their name, and the address at which to read them.
    case licenceNotAccepted(licence: String, url: String, message: String)

    /// The model isn't on this device yet: fetch it with ``ModelStore/download(_:acceptLicence:)``.
    case notStored(String)

    /// No source delivered the model: try again when there is a network. What has come in is kept.
    ///
    /// `underlying` is what the HTTP client threw last, where it threw something.
    case download(String, underlying: (any Error)?)

    /// What was called is closed, or was closed while the call ran.
    case closed

    /// A promise inside Minnow was broken: please report it, the message holds nothing private.
    case `internal`(String)

    /// What was expected, what was found and where.
    public var errorDescription: String? {
        switch self {
        case .modelFile(let message), .unsupported(let message), .impossibleDate(let message), .device(let message),
            .storage(let message), .catalogue(let message), .notStored(let message), .internal(let message):
            message
        case .invalidInput(_, let message), .contextFull(_, _, let message), .memory(_, _, let message),
            .licenceNotAccepted(_, _, let message), .download(let message, _):
            message
        case .closed:
            "closed (open it again)"
        }
    }
}

extension MinnowError {
    init(_ native: MinnowFFI.MinnowError) {
        self =
            switch native {
            case .ModelFile(let reason): .modelFile(reason)
            case .Unsupported(let reason): .unsupported(reason)
            case .InvalidInput(let field, let reason): .invalidInput(argument: field, message: reason)
            case .ImpossibleDate(let reason): .impossibleDate(reason)
            case .Device(let reason): .device(reason)
            case .ContextFull(let needed, let available, let reason):
                .contextFull(needed: Int(clamping: needed), available: Int(clamping: available), message: reason)
            case .Memory(let needed, let available, let reason):
                .memory(needed: Int(clamping: needed), available: Int(clamping: available), message: reason)
            case .Storage(let reason): .storage(reason)
            case .Catalogue(let reason): .catalogue(reason)
            case .LicenceNotAccepted(let licence, let url, let reason):
                .licenceNotAccepted(licence: licence, url: url, message: reason)
            case .NotStored(let reason): .notStored(reason)
            case .Download(let reason): .download(reason, underlying: nil)
            case .Closed: .closed
            case .Cancelled: .internal("a call was cancelled that nobody cancelled")
            case .Internal(let reason): .internal(reason)
            }
    }
}
