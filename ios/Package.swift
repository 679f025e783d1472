// swift-tools-version: 6.0

import PackageDescription

// The Rust library. Apple's platforms take it from an XCFramework beside this file, which is built and not checked in: until it
// is there, Xcode says that the binary target is missing. Linux, where the tests run, links the library that cargo builds:
//
//     swift test -Xlinker -L<folder of libminnow_ffi.so>
#if os(Linux)
let native: Target = .systemLibrary(name: "CMinnow", path: "Sources/CMinnow/include")
let linked: [LinkerSetting] = [.linkedLibrary("minnow_ffi")]
#else
let native: Target = .binaryTarget(name: "CMinnow", path: "MinnowFFI.xcframework")
// A static library doesn't say itself what it links: this is rustc's list, and `cargo xtask ios xcframework` compares.
let linked: [LinkerSetting] = [
    .linkedLibrary("iconv"),
    .linkedLibrary("objc"),
    .linkedFramework("CoreFoundation"),
    .linkedFramework("CoreGraphics"),
    .linkedFramework("Foundation"),
    .linkedFramework("IOKit", .when(platforms: [.macOS])),
    .linkedFramework("Metal"),
    .linkedFramework("QuartzCore"),
]
#endif

let package = Package(
    name: "Minnow",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Minnow", targets: ["Minnow"])],
    targets: [
        native,
        .target(name: "MinnowFFI", dependencies: ["CMinnow"], linkerSettings: linked),
        .target(name: "Minnow", dependencies: ["MinnowFFI"]),
        .testTarget(name: "MinnowTests", dependencies: ["Minnow", "MinnowFFI"]),
    ],
    swiftLanguageModes: [.v6]
)
