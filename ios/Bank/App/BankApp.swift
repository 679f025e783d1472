import BankViews
import SwiftUI

/// The sample bank as an app: the only file of its Xcode target.
@main
struct BankApp: App {
    @State private var services = BankServices()

    var body: some Scene {
        WindowGroup {
            BankView(services)
        }
    }
}
