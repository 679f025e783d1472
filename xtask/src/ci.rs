//! `cargo xtask ci`: what must hold before a change goes in, cheapest check first.

use crate::{android, bindings, ios, shipped, test};
use anyhow::Result;
use xshell::{Shell, cmd};

/// Runs every check and stops at the first that fails.
pub fn run(shell: &Shell) -> Result<()> {
    cmd!(shell, "cargo fmt --all --check").run()?;
    shipped::check(shell)?;
    cmd!(shell, "cargo clippy --workspace --all-targets -- -D warnings").run()?;
    bindings::run(shell, true)?;
    test::run(shell, &[])?;
    ios::check_everything(shell)?;
    android::check_everything(shell)
}
