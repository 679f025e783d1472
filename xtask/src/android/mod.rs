//! `cargo xtask android …`: everything about Android that is done by a command. One file per subject.
//!
//! Releases of the native library are made with Google's NDK. Where there is none, as in CI, the same library is built from parts
//! that Rust and Debian bring along: rustc's own linker, stubs of Android's C library made from a list of its symbols, and LLVM's
//! unwinder. That library is a check and not a release, but nearly everything that goes wrong in a release goes wrong in it too.

mod aar;
mod abi;
mod apk;
mod apt;
mod bionic;
mod check;
mod consumer;
mod elf;
mod host_test;
mod library;
mod maven;
mod root;
mod size;
mod stubs;

use abi::Abi;
use anyhow::Result;
use clap::Subcommand;
use library::Processors;
use minnow_models::desktop;
use std::path::PathBuf;
use xshell::Shell;

/// What can be done for Android.
#[derive(Debug, Subcommand)]
pub enum Android {
    /// Builds libminnow_ffi.so: with the NDK where there is one, otherwise as a check
    Build {
        #[command(flatten)]
        abis: Abis,
        /// Leaves the GPU out: less than half the size, for apps that want nothing but the CPU
        #[arg(long)]
        cpu_only: bool,
    },
    /// Checks what was built: page size, imports, exports, size and more
    Check(Abis),
    /// Tells which sections and crates take the space, from a build
    Size(Abis),
    /// Builds for x86_64 and runs the Kotlin tests on that library, with Android's C library forwarded to this machine's
    HostTest,
    /// Makes a Debian root with a Rust of its own: for machines where rustup can't add a target
    Root,
    /// Compiles the Kotlin code and runs its tests against this machine's native library
    Test,
    /// Packs the library as an AAR in a Maven repository, and compiles the guide's code against it
    Aar(Abis),
    /// Packs the sample bank as a signed APK
    Apk(Abis),
}

/// Which kinds of device.
#[derive(Debug, clap::Args)]
pub struct Abis {
    /// The kind of device (may be repeated)
    #[arg(long = "abi", value_name = "ABI", default_values_t = [Abi::Arm64])]
    abis: Vec<Abi>,
}

/// Does it.
pub fn run(shell: &Shell, what: &Android) -> Result<()> {
    match what {
        Android::Build { abis: Abis { abis }, cpu_only } => {
            let processors = if *cpu_only { Processors::CpuOnly } else { Processors::All };
            abis.iter().try_for_each(|&abi| library::build(shell, abi, processors).map(drop))
        }
        Android::Check(Abis { abis }) => abis.iter().try_for_each(|&abi| check::run(shell, abi)),
        Android::Size(Abis { abis }) => abis.iter().try_for_each(|&abi| size::run(shell, abi)),
        Android::HostTest => host_test::run(shell),
        Android::Root => root::ensure(shell).map(drop),
        Android::Test => maven::test(shell),
        Android::Aar(Abis { abis }) => aar::run(shell, abis),
        Android::Apk(Abis { abis }) => apk::run(shell, abis),
    }
}

/// What CI runs: the Kotlin code and its tests, the library for today's phones, and what is packed of both.
pub fn check_everything(shell: &Shell) -> Result<()> {
    maven::test(shell)?;
    library::build(shell, Abi::Arm64, Processors::All)?;
    check::run(shell, Abi::Arm64)?;
    aar::run(shell, &[Abi::Arm64])?;
    apk::run(shell, &[Abi::Arm64])
}

/// Where everything for Android is kept, outside the repository: what CI can keep from run to run.
fn folder() -> Result<PathBuf> {
    Ok(desktop::cache_folder()?.join("android"))
}
