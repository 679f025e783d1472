//! A Debian root with a newer Rust and its sources: for machines where rustup can't fetch a standard library.

use crate::android::abi::Abi;
use anyhow::{Result, bail};
use std::path::PathBuf;
use xshell::Shell;

/// The root.
#[derive(Debug)]
pub struct Root {
    #[expect(dead_code, reason = "not written yet")]
    folder: PathBuf,
}

/// Makes it, unless it is there.
pub fn ensure(_shell: &Shell) -> Result<Root> {
    bail!("rustup can't add the target, and there is no other way yet")
}

impl Root {
    /// Builds the library in it.
    pub fn build(&self, _shell: &Shell, _abi: Abi) -> Result<PathBuf> {
        bail!("not written yet")
    }
}
