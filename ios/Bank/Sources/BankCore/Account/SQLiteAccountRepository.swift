import Foundation

/// The account in a database on the phone, made from the package's scripts at the first call.
public actor SQLiteAccountRepository: AccountRepository {
    /// Raise it when the scripts change.
    private static let version: Int64 = 1

    private let path: String
    private let scripts: @Sendable () throws -> [String]
    private var opened: SQLiteDatabase?

    /// The account in `file`, which may not exist yet; nor may its folder.
    public init(_ file: URL) {
        self.init(path: file.path, scripts: AccountSQL.scripts)
    }

    /// The account in the database at `path`, made from `scripts`.
    init(path: String, scripts: @escaping @Sendable () throws -> [String]) {
        self.path = path
        self.scripts = scripts
    }

    public func balance() throws -> Balance {
        try read { database in
            guard let balance = try database.rows(AccountSQL.balance, [], AccountSQL.balance).first else {
                throw SQLiteError(message: "there is no account")
            }
            return balance
        }
    }

    public func lastBookings(_ count: Int) throws -> [Booking] {
        try read { try $0.rows(AccountSQL.lastBookings, [Int64(count)], AccountSQL.booking) }
    }

    private func read<Value>(_ act: (SQLiteDatabase) throws -> Value) throws -> Value {
        do {
            return try act(database())
        } catch {
            throw AccountsUnavailable(underlying: error)
        }
    }

    private func database() throws -> SQLiteDatabase {
        if let opened { return opened }
        if path != Self.inMemory {
            let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        }
        let database = try SQLiteDatabase(path: path)
        if try database.rows("PRAGMA user_version", [], { $0.number(0) }) != [Self.version] { try make(in: database) }
        opened = database
        return database
    }

    /// The sample's data is all there is, so a new version begins anew. What fails leaves the old one: the connection that began the
    /// transaction closes.
    private func make(in database: SQLiteDatabase) throws {
        let clear = ["BEGIN;", "DROP TABLE IF EXISTS booking;", "DROP TABLE IF EXISTS account;"]
        let finish = ["PRAGMA user_version = \(Self.version);", "COMMIT;"]
        try database.execute((clear + scripts() + finish).joined(separator: "\n"))
    }

    /// SQLite's name for a database that is gone with its connection.
    static let inMemory = ":memory:"
}
