import BankCore
import Foundation
import Minnow

/// What outlives the screen: the model, which takes a moment to open, and the account.
@MainActor
public final class BankServices {
    /// The way to the open assistant, which lives as long as the app, and follows it: memory is given back whenever the system asks.
    let setup: ModelSetup

    /// The customer's account.
    let accounts: any AccountRepository = SQLiteAccountRepository(.applicationSupportDirectory.appending(path: "bank.db"))

    private let observer: AssistantObserver

    /// The services of an app that has just begun.
    public init() {
        let observer = AssistantObserver()
        self.observer = observer
        let source = MinnowModelSource(
            options: AssistantOptions(cacheFolder: .cachesDirectory),
            openStore: { try await ModelStore.open() },
            onOpen: observer.observe
        )
        setup = ModelSetup(source)
    }
}

/// Holds what has the assistant follow the app.
@MainActor
private final class AssistantObserver {
    #if canImport(UIKit)
    private var observation: ApplicationObservation?

    func observe(_ assistant: Assistant) {
        observation = assistant.observeApplication()
    }
    #else
    /// A Mac has memory to swap to, and lets apps work out of sight.
    func observe(_ assistant: Assistant) {}
    #endif
}
