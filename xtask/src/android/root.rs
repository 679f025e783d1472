//! A Debian root with a Rust of its own and that Rust's sources: for machines where rustup can't fetch a standard library.
//!
//! Debian's unstable branch has a recent rustc. It brings no standard library for Android, but its sources, and cargo compiles
//! them along. Everything else is as without the root: the same stubs, the same kind of linker.

use crate::android::abi::Abi;
use crate::android::bionic::LEVEL;
use crate::android::library::Processors;
use crate::android::{folder, library, stubs};
use crate::{debian, mobile};
use anyhow::Result;
use std::path::PathBuf;
use xshell::Shell;

const RECIPE: debian::Recipe = debian::Recipe {
    name: "android-root",
    suite: "sid",
    packages: "ca-certificates,cargo,clang,gcc,libc6-dev,lld,rust-src,rustc",
    cost: "some minutes, 2 GB",
};

/// A root that can build the library.
#[derive(Debug)]
pub struct Root(debian::Root);

/// Makes it, unless it is there.
pub fn ensure(shell: &Shell) -> Result<Root> {
    debian::ensure(shell, &RECIPE).map(Root)
}

impl Root {
    /// Builds the library in it, and returns where the library with symbols is.
    pub fn build(&self, shell: &Shell, abi: Abi, processors: Processors) -> Result<PathBuf> {
        stubs::ensure(shell, abi)?;
        let (android, target) = (folder()?, "target-of-root");
        let (sources, cargo_home) = (shell.current_dir(), mobile::cargo_home()?);
        let folders = [(sources.as_path(), "minnow"), (&cargo_home, "cargo-home"), (&android, "android")];
        let (triple, link) =
            (abi.triple(), library::for_driver(&library::link_arguments(abi)).collect::<Vec<_>>().join(" "));
        let variable = mobile::cargo_variable(abi.triple());
        // Debian's rustc 1.97 fails an assertion of its own where it calls a linker without a driver for Android.
        let driver =
            format!("--target={triple}{LEVEL} -fuse-ld=lld -nostdlib -nostartfiles -Wl,--no-dependent-libraries");
        let driver = driver.split(' ').map(|argument| format!("-Clink-arg={argument}")).collect::<Vec<_>>().join(" ");
        let flags = format!("-Lnative=/android/stubs/{} {driver}", abi.name());
        let build = format!(
            "cd /minnow && PATH=/usr/bin:/bin RUSTC_BOOTSTRAP=1 CARGO_HOME=/cargo-home CARGO_TARGET_DIR=/android/{target} \
             {variable}_LINKER=clang {variable}_RUSTFLAGS=\"{flags}\" \
             cargo rustc --package {package} --lib --profile {profile} {features} --target {triple} -Zbuild-std=std,panic_unwind \
             --crate-type cdylib -- {link} {generation}",
            generation = mobile::GENERATION,
            package = mobile::PACKAGE,
            features = processors.features(abi).join(" "),
            profile = mobile::PROFILE,
        );
        self.0.run(shell, &folders, &build)?;
        Ok(android.join(target).join(triple).join(mobile::PROFILE).join(library::FILE))
    }
}
