//! `cargo xtask ios …`: everything about Apple's systems that is done by a command. One file per subject.
//!
//! Swift runs on Linux too, in a Debian that has it, and there the package's tests run. The native library is compiled for Apple's
//! systems on any machine; what needs an Apple system, its linker first of all, is left to Xcode.

mod library;
mod platform;
mod swift;
mod xcframework;

use crate::debian;
use anyhow::Result;
use clap::Subcommand;
use minnow_models::desktop;
use platform::Platform;
use std::path::PathBuf;
use xshell::Shell;

/// What can be done for iOS.
#[derive(Debug, Subcommand)]
pub enum Ios {
    /// Compiles the Swift packages on Linux and runs their tests against this machine's native library
    Test,
    /// Builds the native library for devices, simulators and Macs, and packs it as an XCFramework
    Xcframework {
        /// The kind of device (may be repeated)
        #[arg(long = "platform", value_name = "PLATFORM", default_values_t = Platform::ALL)]
        platforms: Vec<Platform>,
    },
}

/// Does it.
pub fn run(shell: &Shell, what: &Ios) -> Result<()> {
    match what {
        Ios::Test => swift::test(shell),
        Ios::Xcframework { platforms } => xcframework::run(shell, platforms),
    }
}

/// What CI runs: the Swift code and its tests, where a Debian root can be made.
pub fn check_everything(shell: &Shell) -> Result<()> {
    if debian::is_possible(shell)? {
        return swift::test(shell);
    }
    println!("xtask: skipped: the Swift tests (they need root and mount namespaces)");
    Ok(())
}

/// Where everything for Apple's systems is kept, outside the repository: what CI can keep from run to run.
fn folder() -> Result<PathBuf> {
    Ok(desktop::cache_folder()?.join("ios"))
}
