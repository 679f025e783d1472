import BankCore
import SwiftUI

#if canImport(EventKitUI)
import EventKit
import EventKitUI

/// Shows the system's sheet for a new event with the visit that was chosen, for the customer to save. From iOS 17 on it needs no
/// permission: the sheet isn't the app's.
struct CalendarHandOver: ViewModifier {
    let presenter: BankPresenter
    let strings: Strings
    @State private var visit: Visit?

    func body(content: Content) -> some View {
        content
            .onChange(of: presenter.state.forCalendar) { _, chosen in visit = chosen }
            .sheet(item: $visit, onDismiss: presenter.calendarOpened) { shown in
                CalendarSheet(entry: CalendarEntry(shown, strings)) { visit = nil }
                    .ignoresSafeArea()
            }
    }
}

private struct CalendarSheet: UIViewControllerRepresentable {
    let entry: CalendarEntry
    let finish: () -> Void

    func makeUIViewController(context: Context) -> EKEventEditViewController {
        let store = EKEventStore()
        let event = EKEvent(eventStore: store)
        event.title = entry.title
        event.location = entry.place
        event.startDate = entry.start
        event.endDate = entry.end
        event.timeZone = entry.zone
        let editor = EKEventEditViewController()
        editor.eventStore = store
        editor.event = event
        editor.editViewDelegate = context.coordinator
        return editor
    }

    func updateUIViewController(_ editor: EKEventEditViewController, context: Context) {}

    func makeCoordinator() -> Coordinator {
        Coordinator(finish)
    }

    final class Coordinator: NSObject, EKEventEditViewDelegate {
        private let finish: () -> Void

        init(_ finish: @escaping () -> Void) {
            self.finish = finish
        }

        func eventEditViewController(
            _ controller: EKEventEditViewController,
            didCompleteWith action: EKEventEditViewAction
        ) {
            finish()
        }
    }
}
#else
/// A Mac has no such sheet: the customer hears that there is no calendar.
struct CalendarHandOver: ViewModifier {
    let presenter: BankPresenter
    let strings: Strings

    func body(content: Content) -> some View {
        content.onChange(of: presenter.state.forCalendar) { _, chosen in
            if chosen != nil { presenter.calendarMissing() }
        }
    }
}
#endif
