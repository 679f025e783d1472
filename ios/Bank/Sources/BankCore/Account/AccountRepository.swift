import Foundation

/// The customer's account. Only reads: this bank moves no money.
public protocol AccountRepository: Sendable {
    /// What is in the account.
    ///
    /// - Throws: ``AccountsUnavailable`` where the data can't be read.
    func balance() async throws -> Balance

    /// The last `count` bookings, the newest first.
    ///
    /// - Throws: ``AccountsUnavailable`` where the data can't be read.
    func lastBookings(_ count: Int) async throws -> [Booking]
}

/// What is in an account.
public struct Balance: Sendable, Hashable {
    /// The account's name.
    public var account: String
    /// The last digits of its number.
    public var numberEnding: String
    /// The amount.
    public var amount: Money

    /// A balance.
    public init(account: String, numberEnding: String, amount: Money) {
        self.account = account
        self.numberEnding = numberEnding
        self.amount = amount
    }
}

/// Money that came or went.
public struct Booking: Sendable, Hashable {
    /// The day it was booked on.
    public var day: Day
    /// From or to whom.
    public var party: String
    /// Negative for money that left.
    public var amount: Money

    /// A booking.
    public init(day: Day, party: String, amount: Money) {
        self.day = day
        self.party = party
        self.amount = amount
    }
}

/// An amount in whole minor units (pence, cents, yuan's fen), so that nothing is ever rounded.
public struct Money: Sendable, Hashable {
    /// The minor units.
    public var minor: Int64
    /// What they are units of.
    public var currency: Locale.Currency

    /// An amount.
    public init(minor: Int64, currency: Locale.Currency) {
        self.minor = minor
        self.currency = currency
    }

    /// As people in `locale` write it.
    public func formatted(_ locale: Locale) -> String {
        let digits = Self.digits(of: currency)
        let amount = Decimal(sign: minor < 0 ? .minus : .plus, exponent: -digits, significand: Decimal(minor.magnitude))
        // the locale's own currency doesn't decide: yen have no minor units, wherever they are read
        return amount.formatted(.currency(code: currency.identifier).precision(.fractionLength(digits)).locale(locale))
    }

    /// Decimal places of a currency, by ISO 4217. Foundation knows them, but doesn't say them on every platform.
    private static func digits(of currency: Locale.Currency) -> Int {
        switch currency.identifier {
        case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF": 0
        case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND": 3
        default: 2
        }
    }
}

/// A day of the Gregorian calendar, in no zone.
public struct Day: Sendable, Hashable {
    /// The year.
    public var year: Int
    /// The month, counted from 1.
    public var month: Int
    /// The day of the month, counted from 1.
    public var day: Int

    /// A day.
    public init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// A day in ISO 8601, such as `2026-11-23`.
    public init?(iso: String) {
        let parts = iso.split(separator: "-").map { Int($0) }
        guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2] else { return nil }
        self.init(year: year, month: month, day: day)
    }
}

/// The account's data can't be read.
public struct AccountsUnavailable: Error {
    /// Why.
    public var underlying: any Error

    /// A failure and its reason.
    public init(underlying: any Error) {
        self.underlying = underlying
    }
}
