import Foundation
internal import MinnowFFI

#if canImport(os)
import os
#endif

/// What concerns the library as a whole.
public enum Minnow {
    /// The version of the native library.
    public static var version: String { MinnowFFI.version() }

    /// How much the engine says from now on, to the system's log under the subsystem `dev.minnow` and to `listener`. It never says what
    /// the user wrote. Without this call: warnings and errors, to the system's log only. (On Linux there is no system's log.)
    ///
    /// - Parameter listener: gets every line too, from any thread, in the place of an earlier one; `nil`: none.
    public static func setLogging(_ level: LogLevel, listener: (@Sendable (LogLine) -> Void)? = nil) {
        startLog()
        setLogListener(listener: LogRelay(listener: listener))
        let native: MinnowFFI.LogLevel =
            switch level {
            case .off: .off
            case .error: .error
            case .warn: .warn
            case .info: .info
            case .debug: .debug
            }
        setLogLevel(level: native)
    }

    /// Sends the engine's lines to the system's log, before the first of them is written.
    static func startLog() {
        _ = systemLog
    }

    // Once, and before any listener of the app's: a later one takes its place.
    private static let systemLog: Void = setLogListener(listener: LogRelay(listener: nil))
}

/// How much the engine says.
public enum LogLevel: Sendable, Codable, Hashable {
    /// Nothing.
    case off
    /// What failed.
    case error
    /// What may be wrong.
    case warn
    /// What was opened and chosen.
    case info
    /// What happens inside.
    case debug
}

/// A line of the engine's log.
public struct LogLine: Sendable, Codable, Hashable {
    /// How grave it is.
    public var level: LogLevel
    /// The part of the engine that says it.
    public var target: String
    /// What it says.
    public var message: String

    /// A line, for an app's own tests.
    public init(level: LogLevel, target: String, message: String) {
        self.level = level
        self.target = target
        self.message = message
    }
}

private final class LogRelay: LogListener {
    private let listener: (@Sendable (LogLine) -> Void)?

    init(listener: (@Sendable (LogLine) -> Void)?) {
        self.listener = listener
    }

    func onLog(level: MinnowFFI.LogLevel, target: String, line: String) {
        let named: LogLevel =
            switch level {
            case .off, .error: .error
            case .warn: .warn
            case .info: .info
            case .debug: .debug
            }
        #if canImport(os)
        // lines hold nothing private
        Logger(subsystem: "dev.minnow", category: target).log(level: named.osLogType, "\(line, privacy: .public)")
        #endif
        listener?(LogLine(level: named, target: target, message: line))
    }
}

#if canImport(os)
extension LogLevel {
    fileprivate var osLogType: OSLogType {
        switch self {
        case .off, .error: .error
        case .warn: .default
        case .info: .info
        case .debug: .debug
        }
    }
}
#endif
