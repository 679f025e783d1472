// swift-tools-version: 6.0

import PackageDescription

// Apple's platforms have SQLite as a module, and SwiftUI. Linux, where the tests run, is told where its SQLite is, and has no views.
//
//     swift test -Xlinker -L<folder of libminnow_ffi.so>
#if os(Linux)
let platformTargets: [Target] = [.systemLibrary(name: "SQLite3")]
let sqlite: [Target.Dependency] = ["SQLite3"]
let viewProducts: [Product] = []
// Swift 6.0's libswiftObservation.so misses a function that it calls to report a bug of its own (swiftlang/swift#75670): without this
// nothing that observes can be linked
let linked: [LinkerSetting] = [.unsafeFlags(["-Xlinker", "--allow-shlib-undefined"])]
#else
let platformTargets: [Target] = [
    .target(name: "BankViews", dependencies: ["BankCore", .product(name: "Minnow", package: "Minnow")])
]
let sqlite: [Target.Dependency] = []
let viewProducts: [Product] = [.library(name: "BankViews", targets: ["BankViews"])]
let linked: [LinkerSetting] = []
#endif

let package = Package(
    name: "Bank",
    defaultLocalization: "en",
    // for the Observation framework; the SDK itself runs on iOS 16 too
    platforms: [.iOS(.v17), .macOS(.v14)],
    products: [.library(name: "BankCore", targets: ["BankCore"])] + viewProducts,
    dependencies: [.package(name: "Minnow", path: "..")],
    targets: platformTargets + [
        .target(
            name: "BankCore",
            dependencies: [.product(name: "Minnow", package: "Minnow")] + sqlite,
            // Seeds is a link to what both of the bank's apps are seeded with
            resources: [.process("Resources"), .process("Seeds")],
            linkerSettings: linked
        ),
        .testTarget(name: "BankCoreTests", dependencies: ["BankCore", .product(name: "Minnow", package: "Minnow")]),
    ],
    swiftLanguageModes: [.v6]
)
