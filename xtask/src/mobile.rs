//! What the libraries for Android and for Apple's phones share: the package, the profile, and what rustc is told.

use anyhow::{Context, Result};
use std::env;
use std::path::PathBuf;

/// The package that becomes the library.
pub const PACKAGE: &str = "minnow-ffi";
/// Cargo's profile for what apps ship.
pub const PROFILE: &str = "mobile";

/// What rustc is told for the last step, which makes machine code of all crates together.
///
/// LLVM cuts repeated instructions out into functions of their own, on ARM, wherever that saves a byte. It doesn't count what each such
/// function takes in the tables that a panic is unwound by, 28 bytes on average; the threshold is a little above that.
pub const GENERATION: &str = "-Cllvm-args=-outliner-benefit-threshold=36";

/// Where cargo reads flags for every crate from, and what stands between them.
pub const RUSTFLAGS: &str = "CARGO_ENCODED_RUSTFLAGS";
pub const SEPARATOR: &str = "\x1f";

/// How cargo's environment variables for such a system begin.
pub fn cargo_variable(triple: &str) -> String {
    format!("CARGO_TARGET_{}", triple.to_uppercase().replace('-', "_"))
}

/// Where cargo keeps what it downloads.
pub fn cargo_home() -> Result<PathBuf> {
    let usual = || env::home_dir().map(|home| home.join(".cargo"));
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(usual).context("no home folder is known, set CARGO_HOME")
}

/// Flags that shorten the paths of dependencies in panic messages: they'd tell whose machine built the library, and take space.
/// (Those of our own crates are relative already.)
pub fn paths_without_this_machine() -> Result<Vec<String>> {
    let registries = cargo_home()?.join("registry/src").read_dir().into_iter().flatten().flatten();
    Ok(registries.map(|registry| format!("--remap-path-prefix={}/=", registry.path().display())).collect())
}
