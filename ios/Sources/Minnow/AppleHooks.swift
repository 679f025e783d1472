// What only Apple's platforms have.

#if canImport(Darwin)
import Foundation

extension ModelStore {
    /// Opens the app's model store: a folder of its Application Support that isn't backed up.
    ///
    /// - Throws: as ``open(_:catalogue:client:)``; ``MinnowError/storage(_:)`` where the folder can't be made.
    public static func open(client: any HTTPClient = URLSessionClient()) async throws -> ModelStore {
        do {
            let support = try FileManager.default.url(
                for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
            var folder = support.appendingPathComponent("minnow/models", isDirectory: true)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            var values = URLResourceValues()
            values.isExcludedFromBackup = true
            try folder.setResourceValues(values)
            return try await open(folder, client: client)
        } catch let error as CocoaError {
            throw MinnowError.storage("the app's model folder: \(error.localizedDescription)")
        }
    }
}
#endif

#if canImport(UIKit) && !os(watchOS)
import UIKit

extension Assistant {
    /// Gives memory back whenever the system asks for it, for as long as the returned value is held: caches when the app leaves the
    /// screen, the weights too when memory runs out. The next call reads them again.
    ///
    /// The value holds the assistant: keep both in the same place.
    ///
    /// ```swift
    /// let assistant = try await Assistant.open(file)
    /// memory = assistant.observeMemory()
    /// ```
    @MainActor
    public func observeMemory() -> MemoryObservation {
        MemoryObservation([
            (UIApplication.didEnterBackgroundNotification, .moderate),
            (UIApplication.didReceiveMemoryWarningNotification, .critical),
        ]) { pressure in
            Task {
                // closed meanwhile: there is nothing to give back
                try? await self.trim(pressure)
            }
        }
    }
}

/// An assistant that follows the system's memory, from ``Assistant/observeMemory()``: until this is let go of.
public final class MemoryObservation: @unchecked Sendable {
    // Made once and only read: the notification centre takes its tokens back on any thread.
    private let tokens: [any NSObjectProtocol]

    fileprivate init(
        _ notifications: [(Notification.Name, MemoryPressure)],
        _ act: @escaping @Sendable (MemoryPressure) -> Void
    ) {
        tokens = notifications.map { name, pressure in
            NotificationCenter.default.addObserver(forName: name, object: nil, queue: nil) { _ in act(pressure) }
        }
    }

    deinit {
        tokens.forEach(NotificationCenter.default.removeObserver)
    }
}
#endif
