// What only systems with UIKit have.

#if canImport(UIKit) && !os(watchOS)
import UIKit

extension Assistant {
    /// Follows the app for as long as the returned value is held.
    ///
    /// - Memory goes back whenever the system asks for it: caches of idle conversations when the app leaves the screen, the weights too
    ///   when memory runs out. The next call reads them again.
    /// - A model on the GPU rests while the app is out of sight, where the system ends apps that use the GPU. Calls that were running
    ///   go on when the app comes back.
    ///
    /// The value holds the assistant: keep both in the same place. Open models while the app is in sight.
    ///
    /// ```swift
    /// let assistant = try await Assistant.open(file)
    /// observation = assistant.observeApplication()
    /// ```
    @MainActor
    public func observeApplication() -> ApplicationObservation {
        ApplicationObservation([
            (UIApplication.didEnterBackgroundNotification, { self.leaveScreen() }),
            (UIApplication.willEnterForegroundNotification, { self.resume() }),
            (UIApplication.didReceiveMemoryWarningNotification, { self.trimUnlessClosed(.critical) }),
        ])
    }

    /// What the app does when it leaves the screen is given some seconds by the system: time for the step that is running to end.
    @MainActor
    private func leaveScreen() {
        trimUnlessClosed(.moderate)
        guard model.onGPU else { return }
        let time = UIApplication.shared.beginBackgroundTask(withName: "Minnow")
        Task {
            try? await pause()
            UIApplication.shared.endBackgroundTask(time)
        }
    }

    private func trimUnlessClosed(_ pressure: MemoryPressure) {
        Task {
            // closed meanwhile: there is nothing to give back
            try? await trim(pressure)
        }
    }
}

/// An assistant that follows the app, from ``Assistant/observeApplication()``: until this is let go of.
public final class ApplicationObservation: @unchecked Sendable {
    // Made once and only read: the notification centre takes its tokens back on any thread.
    private let tokens: [any NSObjectProtocol]

    fileprivate init(_ reactions: [(Notification.Name, @MainActor @Sendable () -> Void)]) {
        tokens = reactions.map { name, react in
            // UIKit posts them on the main thread
            NotificationCenter.default.addObserver(forName: name, object: nil, queue: .main) { _ in
                MainActor.assumeIsolated(react)
            }
        }
    }

    deinit {
        tokens.forEach(NotificationCenter.default.removeObserver)
    }
}
#endif
