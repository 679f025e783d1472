import Foundation
internal import MinnowFFI

/// Notes beside bank transactions who was paid, for what, and what stands out. Merchants and flags are rules over the text, the amounts and the
/// dates; categories are those of a ``Classifier``.
///
/// What was seen before decides what is usual, so there is one annotator for each account, and transactions come in the order of their
/// dates. It remembers 20,000 merchants at most, in memory only.
public final class Annotator: Sendable {
    private let native: NativeAnnotator

    init(_ native: NativeAnnotator) {
        self.native = native
    }

    /// An annotator without categories; ``Classifier/annotator()`` makes one with.
    public convenience init() {
        Minnow.startLog()
        self.init(openAnnotator())
    }

    /// Annotates the next transaction. One that fails is not remembered.
    ///
    /// - Throws: ``MinnowError/invalidInput(argument:message:)`` for an empty description, one over 16 KiB, or a date without year, month and
    ///   day or that there isn't; ``MinnowError/closed`` after ``close()``.
    public func annotate(_ transaction: BankTransaction) async throws -> TransactionAnnotation {
        try await calling { TransactionAnnotation(try await self.native.annotate(transaction: transaction.native)) }
    }

    /// Annotates transactions as they come: the next one is taken when the annotation before it was, so that nothing piles up.
    public func annotate<Transactions: AsyncSequence>(
        _ transactions: Transactions
    ) -> AsyncThrowingMapSequence<Transactions, TransactionAnnotation> where Transactions.Element == BankTransaction {
        transactions.map { try await self.annotate($0) }
    }

    /// Stops what runs and forgets what was seen. Returns at once; calls that were running end with ``MinnowError/closed``. A second close
    /// does nothing.
    public func close() {
        native.shutDown()
    }
}

/// A payment, in or out.
public struct BankTransaction: Sendable, Codable, Hashable {
    /// What the bank's statement says.
    public var description: String
    /// In the smallest unit of the currency (cents), negative for money that goes out.
    public var amount: Int64
    /// The day it was booked: year, month and day, of the Gregorian calendar.
    public var date: DateComponents

    /// A payment.
    public init(_ description: String, amount: Int64, date: DateComponents) {
        self.description = description
        self.amount = amount
        self.date = date
    }
}

/// What is noted beside a ``BankTransaction``.
public struct TransactionAnnotation: Sendable, Codable, Hashable {
    /// Who was paid or who paid: the description without what terminals and banks add.
    public var merchant: String
    /// What it was for; `nil` without a classifier, or where that doesn't know.
    public var category: String?
    /// Probability that the likeliest category is right; 0 without a classifier.
    public var confidence: Float
    /// What stands out.
    public var flags: [TransactionFlag]

    /// An annotation, for an app's own tests.
    public init(merchant: String, category: String?, confidence: Float, flags: [TransactionFlag]) {
        self.merchant = merchant
        self.category = category
        self.confidence = confidence
        self.flags = flags
    }
}

/// Why a transaction stands out.
public enum TransactionFlag: Sendable, Codable, Hashable {
    /// It comes again and again: the same merchant, about the same amount, about every so many days, for the third time at least.
    case recurring(everyDays: Int)
    /// Far more than this merchant was paid before: `usual` is the median of what came before, in the smallest unit.
    case unusualAmount(usual: Int64)
    /// The same merchant and amount within three days as the transaction `of`, counted from 0 in the order in which this annotator got them.
    case possibleDuplicate(of: Int)
}

extension BankTransaction {
    fileprivate var native: MinnowFFI.BankTransaction {
        get throws {
            guard let year = date.year, let month = date.month, let day = date.day else {
                throw MinnowError.invalidInput(argument: "date", message: "expected a year, a month and a day (date)")
            }
            return .init(
                description: description,
                amount: amount,
                year: Int32(clamping: year),
                month: Int32(clamping: month),
                day: Int32(clamping: day)
            )
        }
    }
}

extension TransactionAnnotation {
    fileprivate init(_ native: MinnowFFI.TransactionAnnotation) {
        self.init(
            merchant: native.merchant,
            category: native.category,
            confidence: native.confidence,
            flags: native.flags.map(TransactionFlag.init)
        )
    }
}

extension TransactionFlag {
    fileprivate init(_ native: MinnowFFI.TransactionFlag) {
        self =
            switch native {
            case .recurring(let everyDays): .recurring(everyDays: Int(everyDays))
            case .unusualAmount(let usual): .unusualAmount(usual: usual)
            case .possibleDuplicate(let of): .possibleDuplicate(of: Int(clamping: of))
            }
    }
}
