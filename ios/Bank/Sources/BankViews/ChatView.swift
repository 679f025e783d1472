import BankCore
import SwiftUI

/// The chat's part of the screen: the messages, and where the customer writes.
struct ChatView: View {
    @State private var presenter: BankPresenter
    private let words: ReplyText

    /// The chat of `presenter`, which is kept: a later one is let go of.
    init(_ presenter: BankPresenter, _ words: ReplyText) {
        _presenter = State(initialValue: presenter)
        self.words = words
    }

    var body: some View {
        VStack(spacing: 0) {
            ScrollView {
                LazyVStack(spacing: 12) {
                    Bubble(words.strings[.greeting], from: .bank, words.strings)
                    ForEach(presenter.state.messages) { message in
                        MessageRow(message: message, presenter: presenter, words: words)
                    }
                }
                .padding()
            }
            .defaultScrollAnchor(.bottom)
            Divider()
            InputBar(presenter: presenter, strings: words.strings)
        }
        .modifier(CalendarHandOver(presenter: presenter, strings: words.strings))
        .onChange(of: presenter.state.isAnswering) { _, isAnswering in
            if !isAnswering { announce() }
        }
    }

    /// A screen reader says an answer when it is complete.
    private func announce() {
        guard case .bank(let message)? = presenter.state.messages.last else { return }
        AccessibilityNotification.Announcement(words.strings[.bankSaid, words.of(message.reply)]).post()
    }
}

/// Where the customer writes.
private struct InputBar: View {
    let presenter: BankPresenter
    let strings: Strings
    @State private var text = ""

    var body: some View {
        let isAnswering = presenter.state.isAnswering
        HStack(alignment: .bottom, spacing: 12) {
            TextField(strings[.inputHint], text: $text, axis: .vertical).lineLimit(1...5)
            // a letter is recognised by its length; this is for shorter ones
            if !isAnswering && Letter.mayBeLetter(text) {
                Button(strings[.summarise]) { take(presenter.summarize) }
            }
            if isAnswering {
                Button(strings[.stop]) { presenter.cancel() }
            } else {
                Button(strings[.send]) { take(presenter.send) }
                    .disabled(text.allSatisfy(\.isWhitespace))
            }
        }
        .padding()
    }

    private func take(_ say: (String) -> Void) {
        let said = text
        text = ""
        say(said)
    }
}
