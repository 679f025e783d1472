import BankCore
import SwiftUI

/// The set-up's part of the screen: what is going on, how far it is, and the one thing that can be done.
struct SetupView: View {
    let setup: ModelSetup
    let words: ReplyText

    var body: some View {
        VStack(spacing: 24) {
            Text(words.of(setup.state)).multilineTextAlignment(.center)
            if setup.state.isBusy {
                progress.accessibilityLabel(words.strings[.setupProgress])
            }
            button.buttonStyle(.borderedProminent)
        }
        .padding(24)
        .frame(maxWidth: .infinity, maxHeight: .infinity)
    }

    @ViewBuilder private var progress: some View {
        if let share = setup.state.share {
            ProgressView(value: share)
        } else {
            ProgressView()
        }
    }

    @ViewBuilder private var button: some View {
        switch setup.state {
        case .missing: Button(words.strings[.setupDownload]) { setup.download() }
        case .downloading: Button(words.strings[.setupCancel]) { setup.cancel() }
        case .failed: Button(words.strings[.setupRetry]) { setup.retry() }
        case .checking, .opening, .ready: EmptyView()
        }
    }
}
