import Foundation
import XCTest

@testable import BankCore

/// The account in a real database, from the seeds that both apps share.
final class AccountTests: XCTestCase {
    private let pounds = Locale.Currency("GBP")

    private func account(_ scripts: @escaping @Sendable () throws -> [String] = AccountSQL.scripts) -> SQLiteAccountRepository {
        SQLiteAccountRepository(path: SQLiteAccountRepository.inMemory, scripts: scripts)
    }

    func testTheScriptsAreTheSharedOnes() throws {
        XCTAssertEqual(try AccountSQL.scripts(), try ["schema.sql", "seed.sql"].map { try TestData.bank("assets/\($0)") })
    }

    func testTheBalanceIsTheOpeningAmountAndEveryBooking() async throws {
        let balance = try await account().balance()
        let amount = Money(minor: 525_122, currency: pounds)
        XCTAssertEqual(balance, Balance(account: "Everyday account", numberEnding: "4471", amount: amount))
    }

    func testAnAccountWithoutBookingsHasItsOpeningAmountAndNoneToShow() async throws {
        let schema = try TestData.bank("assets/schema.sql")
        let account = account { [schema, "INSERT INTO account VALUES (7, 'New', '0001', 'JPY', 500);"] }
        let balance = try await account.balance()
        XCTAssertEqual(balance.amount, Money(minor: 500, currency: Locale.Currency("JPY")))
        let bookings = try await account.lastBookings(5)
        XCTAssertEqual(bookings, [])
    }

    func testBookingsComeNewestFirstAsManyAsAskedFor() async throws {
        let account = account()
        let newest = try await account.lastBookings(2)
        let amount = Money(minor: -2_966, currency: pounds)
        let first = Booking(day: Day(year: 2026, month: 11, day: 23), party: "Corner Street Grocer", amount: amount)
        XCTAssertEqual(newest.first, first)
        XCTAssertEqual(newest.count, 2)
        let all = try await account.lastBookings(100)
        XCTAssertEqual(all.count, 32)
        let days = all.map { [$0.day.year, $0.day.month, $0.day.day] }
        XCTAssert(zip(days, days.dropFirst()).allSatisfy { !$0.lexicographicallyPrecedes($1) }, "\(days)")
    }

    func testTheDatabaseIsMadeOnceAndAnewForANewVersion() async throws {
        let file = try temporaryFolder().appendingPathComponent("new/bank.db")
        _ = try await SQLiteAccountRepository(file).balance()
        func database() throws -> SQLiteDatabase { try SQLiteDatabase(path: file.path) }
        try database().execute("DELETE FROM booking")
        let kept = try await SQLiteAccountRepository(file).lastBookings(100)
        XCTAssertEqual(kept, [], "what is there is kept")
        try database().execute("PRAGMA user_version = 0")
        let anew = try await SQLiteAccountRepository(file).lastBookings(100)
        XCTAssertEqual(anew.count, 32)
    }

    func testADatabaseThatCanNotBeMadeIsMadeAtTheNextCall() async throws {
        let file = try temporaryFolder().appendingPathComponent("bank.db")
        let broken = SQLiteAccountRepository(path: file.path) { try AccountSQL.scripts() + ["NO SQL;"] }
        await assertUnavailable(broken)
        let balance = try await SQLiteAccountRepository(file).balance()
        XCTAssertEqual(balance.amount.minor, 525_122)
    }

    func testADatabaseThatCanNotBeReadIsTheRepositorysOwnError() async throws {
        let file = try temporaryFolder().appendingPathComponent("bank.db")
        try Data(repeating: 7, count: 4096).write(to: file)
        await assertUnavailable(SQLiteAccountRepository(file))
        await assertUnavailable(SQLiteAccountRepository(file.appendingPathComponent("in a file")))
        await assertUnavailable(account { throw CocoaError(.fileNoSuchFile) })
        await assertUnavailable(account { [try TestData.bank("assets/schema.sql")] })
    }

    private func assertUnavailable(_ account: SQLiteAccountRepository, line: UInt = #line) async {
        do {
            let balance = try await account.balance()
            XCTFail("\(balance)", line: line)
        } catch {
            XCTAssert(error is AccountsUnavailable, "\(error)", line: line)
            XCTAssertEqual(Problem(error), .account, line: line)
        }
    }

    func testDaysAreISO() {
        XCTAssertEqual(Day(iso: "2026-11-23"), Day(year: 2026, month: 11, day: 23))
        for wrong in ["", "2026-11", "2026-11-x", "2026-11-23-1"] { XCTAssertNil(Day(iso: wrong), wrong) }
    }

    func testMoneyIsWrittenInItsOwnCurrencyAsTheReadersLanguageWritesIt() {
        XCTAssertEqual(Money(minor: 525_122, currency: pounds).formatted(british), "£5,251.22")
        XCTAssertEqual(Money(minor: -5, currency: pounds).formatted(british), "-£0.05")
        XCTAssertEqual(Money(minor: 525_122, currency: pounds).formatted(chinese), "£5,251.22")
        XCTAssertEqual(Money(minor: 120_050, currency: Locale.Currency("CNY")).formatted(chinese), "¥1,200.50")
        XCTAssertEqual(Money(minor: 500, currency: Locale.Currency("JPY")).formatted(british), "JP¥500")
    }
}
