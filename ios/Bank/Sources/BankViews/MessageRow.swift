import BankCore
import SwiftUI

/// A line of the chat, and what can be done with it.
struct MessageRow: View {
    let message: Message
    let presenter: BankPresenter
    let words: ReplyText

    var body: some View {
        switch message {
        case .user(let message):
            Bubble(message.text, from: .customer, note: message.recognised.map { words.of($0) }, words.strings)
        case .bank(let message):
            VStack(alignment: .leading, spacing: 8) {
                Bubble(words.of(message.reply), from: .bank, note: words.note(on: message.reply), words.strings)
                ForEach(message.openVisits) { visit in
                    Button(words.of(visit)) { presenter.choose(message.id, visit) }
                        .buttonStyle(.bordered)
                }
                if message.canBeRejected && !presenter.state.isAnswering {
                    Button(words.strings[.reject]) { presenter.reject(message.id) }
                        .font(.footnote)
                        .foregroundStyle(.secondary)
                }
            }
        }
    }
}

/// What somebody said, with a note in small letters.
struct Bubble: View {
    /// Who says it.
    enum Speaker {
        case customer, bank
    }

    private let text: String
    private let note: String?
    private let speaker: Speaker
    private let strings: Strings

    init(_ text: String, from speaker: Speaker, note: String? = nil, _ strings: Strings) {
        self.text = text
        self.note = note
        self.speaker = speaker
        self.strings = strings
    }

    var body: some View {
        let isCustomer = speaker == .customer
        VStack(alignment: isCustomer ? .trailing : .leading, spacing: 4) {
            Text(text)
                // a letter need not be seen whole once it is sent
                .lineLimit(isCustomer ? 8 : nil)
                .padding(12)
                .foregroundStyle(isCustomer ? Color.white : Color.primary)
                .background(isCustomer ? Color.accentColor : Color.secondary.opacity(0.15), in: RoundedRectangle(cornerRadius: 16))
                .accessibilityLabel(strings[isCustomer ? .youSaid : .bankSaid, text])
            if let note {
                Text(note).font(.caption).foregroundStyle(.secondary)
            }
        }
        .padding(isCustomer ? .leading : .trailing, 48)
        .frame(maxWidth: .infinity, alignment: isCustomer ? .trailing : .leading)
    }
}
