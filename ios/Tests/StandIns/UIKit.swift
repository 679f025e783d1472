// As much of UIKit as Sources/Minnow/AppleHooks.swift uses, so that the compiler on Linux reads that file too. Nothing runs it.

@_exported import Foundation

@MainActor
public final class UIApplication {
    public nonisolated static let didEnterBackgroundNotification = Notification.Name("didEnterBackground")
    public nonisolated static let willEnterForegroundNotification = Notification.Name("willEnterForeground")
    public nonisolated static let didReceiveMemoryWarningNotification = Notification.Name("didReceiveMemoryWarning")
    public static let shared = UIApplication()

    public func beginBackgroundTask(withName name: String?, expirationHandler: (@MainActor @Sendable () -> Void)? = nil) -> Int {
        0
    }

    public func endBackgroundTask(_ task: Int) {}
}
