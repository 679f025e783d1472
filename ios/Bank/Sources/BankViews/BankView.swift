import BankCore
import SwiftUI

/// The bank's only screen: set-up until the model is there, then the chat.
public struct BankView: View {
    @Environment(\.locale) private var locale
    private let services: BankServices

    /// The screen of an app with these services.
    public init(_ services: BankServices) {
        self.services = services
    }

    public var body: some View {
        let words = ReplyText(locale)
        VStack(spacing: 0) {
            BankTitle(strings: words.strings)
            Divider()
            if case .ready(let assistant) = services.setup.state {
                ChatView(BankPresenter(assistant, accounts: services.accounts), words)
            } else {
                SetupView(setup: services.setup, words: words)
            }
        }
        .task { services.setup.start() }
    }
}

private struct BankTitle: View {
    let strings: Strings

    var body: some View {
        VStack(alignment: .leading, spacing: 2) {
            Text(strings[.appName]).font(.title2.bold())
            Text(strings[.subtitle]).font(.caption).foregroundStyle(.secondary)
        }
        .frame(maxWidth: .infinity, alignment: .leading)
        .padding(.horizontal)
        .padding(.vertical, 8)
        .accessibilityElement(children: .combine)
        .accessibilityAddTraits(.isHeader)
    }
}
