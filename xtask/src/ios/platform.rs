//! The kinds of device, under every name that somebody calls them.

use clap::ValueEnum;
use std::fmt;

/// A system that the library is built for, on the processor that it has today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Platform {
    /// iPhones and iPads
    #[value(name = "ios")]
    Ios,
    /// Their simulator on Macs with Apple's processors
    #[value(name = "ios-simulator")]
    IosSimulator,
    /// Macs with Apple's processors
    #[value(name = "macos")]
    MacOs,
}

impl Platform {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ios, Self::IosSimulator, Self::MacOs];

    /// The name on the command line, and the linker's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ios => "ios",
            Self::IosSimulator => "ios-simulator",
            Self::MacOs => "macos",
        }
    }

    /// Rust's name.
    pub fn triple(self) -> &'static str {
        match self {
            Self::Ios => "aarch64-apple-ios",
            Self::IosSimulator => "aarch64-apple-ios-sim",
            Self::MacOs => "aarch64-apple-darwin",
        }
    }

    /// The name of its folder in an XCFramework.
    pub fn slice(self) -> &'static str {
        match self {
            Self::Ios => "ios-arm64",
            Self::IosSimulator => "ios-arm64-simulator",
            Self::MacOs => "macos-arm64",
        }
    }

    /// Xcode's name, and that of the variant.
    pub fn xcode(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Ios => ("ios", None),
            Self::IosSimulator => ("ios", Some("simulator")),
            Self::MacOs => ("macos", None),
        }
    }

    /// The oldest system that runs it: the variable that compilers read, and the version. As in `ios/Package.swift`.
    pub fn deployment_target(self) -> (&'static str, &'static str) {
        match self {
            Self::Ios | Self::IosSimulator => ("IPHONEOS_DEPLOYMENT_TARGET", "16.0"),
            Self::MacOs => ("MACOSX_DEPLOYMENT_TARGET", "13.0"),
        }
    }

    /// The number of the platform in a Mach-O file (`PLATFORM_…` in Apple's mach-o/loader.h).
    pub fn macho(self) -> u32 {
        match self {
            Self::MacOs => 1,
            Self::Ios => 2,
            Self::IosSimulator => 7,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
