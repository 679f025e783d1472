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
    public func observeApplication() -> ApplicationObservation { ApplicationObservation(of: self) }
}

extension TextEncoder {
    /// Follows the app for as long as the returned value is held, as that of an assistant: the weights go back when memory runs out, and an
    /// encoder on the GPU rests while the app is out of sight. The value holds the encoder.
    @MainActor
    public func observeApplication() -> ApplicationObservation { ApplicationObservation(of: self) }
}

/// What follows the app.
private protocol OpenModel: Sendable {
    var onGPU: Bool { get }
    func trim(_ pressure: MemoryPressure) async throws
    func pause() async throws
    func resume()
}

extension Assistant: OpenModel {
    fileprivate var onGPU: Bool { model.onGPU }
}

extension TextEncoder: OpenModel {
    fileprivate var onGPU: Bool { model.onGPU }
}

extension OpenModel {
    /// What the app does when it leaves the screen is given some seconds by the system: time for the step that is running to end.
    @MainActor
    fileprivate func leaveScreen() {
        trimUnlessClosed(.moderate)
        guard onGPU else { return }
        let time = UIApplication.shared.beginBackgroundTask(withName: "Minnow")
        Task {
            try? await pause()
            UIApplication.shared.endBackgroundTask(time)
        }
    }

    fileprivate func trimUnlessClosed(_ pressure: MemoryPressure) {
        Task {
            // closed meanwhile: there is nothing to give back
            try? await trim(pressure)
        }
    }
}

/// A model that follows the app, from ``Assistant/observeApplication()``: until this is let go of.
public final class ApplicationObservation: @unchecked Sendable {
    // Made once and only read: the notification centre takes its tokens back on any thread.
    private let tokens: [any NSObjectProtocol]

    @MainActor
    fileprivate init(of model: any OpenModel) {
        let reactions: [(Notification.Name, @MainActor @Sendable () -> Void)] = [
            (UIApplication.didEnterBackgroundNotification, { model.leaveScreen() }),
            (UIApplication.willEnterForegroundNotification, { model.resume() }),
            (UIApplication.didReceiveMemoryWarningNotification, { model.trimUnlessClosed(.critical) }),
        ]
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
