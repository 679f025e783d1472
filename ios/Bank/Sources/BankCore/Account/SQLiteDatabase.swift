import SQLite3

/// A connection to a database, as thin as the bank needs it. It closes when nobody holds it.
final class SQLiteDatabase {
    private let handle: OpaquePointer

    /// Opens the database at `path`, which is made where there is none; `:memory:` for one that is gone afterwards.
    init(path: String) throws {
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nil)
        // a database that couldn't be opened says why, and must be closed all the same
        guard code == SQLITE_OK, let opened else {
            defer { sqlite3_close_v2(opened) }
            throw SQLiteError(code, opened)
        }
        handle = opened
    }

    deinit {
        sqlite3_close_v2(handle)
    }

    /// Runs every statement of a script.
    func execute(_ script: String) throws {
        let code = sqlite3_exec(handle, script, nil, nil, nil)
        guard code == SQLITE_OK else { throw SQLiteError(code, handle) }
    }

    /// The rows that `sql` gives, as `value` reads them. Its places are filled with `arguments`: the bank asks with numbers only.
    func rows<Value>(_ sql: String, _ arguments: [Int64] = [], _ value: (Row) throws -> Value) throws -> [Value] {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v2(handle, sql, -1, &prepared, nil)
        guard code == SQLITE_OK, let statement = prepared else { throw SQLiteError(code, handle) }
        defer { sqlite3_finalize(statement) }
        for (place, argument) in zip(Int32(1)..., arguments) {
            let code = sqlite3_bind_int64(statement, place, argument)
            guard code == SQLITE_OK else { throw SQLiteError(code, handle) }
        }
        var values: [Value] = []
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: values.append(try value(Row(statement)))
            case SQLITE_DONE: return values
            case let code: throw SQLiteError(code, handle)
            }
        }
    }

    /// A row of a result, while it is read; columns count from 0.
    struct Row {
        private let statement: OpaquePointer

        fileprivate init(_ statement: OpaquePointer) {
            self.statement = statement
        }

        /// A column's text.
        func text(_ column: Int32) throws -> String {
            guard let text = sqlite3_column_text(statement, column) else {
                throw SQLiteError(message: "expected a text in column \(column)")
            }
            return String(cString: text)
        }

        /// A column's whole number.
        func number(_ column: Int32) -> Int64 {
            sqlite3_column_int64(statement, column)
        }
    }
}

/// What SQLite says went wrong.
struct SQLiteError: Error {
    /// In its words.
    let message: String
}

extension SQLiteError {
    fileprivate init(_ code: Int32, _ database: OpaquePointer?) {
        // without a database, when memory ran out, SQLite has words for the code alone
        let words = database.flatMap(sqlite3_errmsg) ?? sqlite3_errstr(code)
        message = "\(words.map { String(cString: $0) } ?? "SQLite failed") (\(code))"
    }
}
