import Foundation

/// The SQL of the account and the reading of its rows. The tables stand in `schema.sql`.
enum AccountSQL {
    /// The scripts that make the database, in order: resources of this package.
    static func scripts() throws -> [String] {
        try ["schema", "seed"].map { name in
            guard let file = Bundle.module.url(forResource: name, withExtension: "sql") else {
                throw CocoaError(.fileNoSuchFile)
            }
            return try String(contentsOf: file, encoding: .utf8)
        }
    }

    /// The account and its balance: name, number's ending, currency, minor units.
    static let balance = """
        SELECT name, number_ending, currency,
               opening_minor + COALESCE((SELECT SUM(amount_minor) FROM booking WHERE account_id = account.id), 0)
        FROM account ORDER BY id LIMIT 1
        """

    /// The newest bookings of that account, as many as the argument says: day, party, minor units, currency.
    static let lastBookings = """
        SELECT booked_on, party, amount_minor, currency
        FROM booking JOIN account ON account.id = booking.account_id
        WHERE account.id = (SELECT MIN(id) FROM account)
        ORDER BY booked_on DESC, booking.id DESC LIMIT ?
        """

    /// A row of ``balance``.
    static func balance(_ row: SQLiteDatabase.Row) throws -> Balance {
        let amount = Money(minor: row.number(3), currency: Locale.Currency(try row.text(2)))
        return Balance(account: try row.text(0), numberEnding: try row.text(1), amount: amount)
    }

    /// A row of ``lastBookings``.
    static func booking(_ row: SQLiteDatabase.Row) throws -> Booking {
        guard let day = Day(iso: try row.text(0)) else { throw SQLiteError(message: "expected a day in ISO 8601") }
        let amount = Money(minor: row.number(2), currency: Locale.Currency(try row.text(3)))
        return Booking(day: day, party: try row.text(1), amount: amount)
    }
}
