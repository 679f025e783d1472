//! The tools that come with rustc: a linker, `objcopy`, and the standard library of other systems.

use crate::android::abi::Abi;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// LLVM's linker, as rustc ships it. It links for every system, which no C compiler on this machine may do.
pub fn linker(shell: &Shell) -> Result<PathBuf> {
    tool(shell, "rust-lld")
}

/// Writes `library` without what only debuggers read.
pub fn strip(shell: &Shell, library: &Path, stripped: &Path) -> Result<()> {
    let objcopy = tool(shell, "rust-objcopy")?;
    shell.create_dir(stripped.parent().context("the library is in no folder")?)?;
    cmd!(shell, "{objcopy} --strip-all {library} {stripped}").quiet().run()?;
    Ok(())
}

/// Makes sure that rustc can compile for such a device. Returns whether it can.
pub fn ensure_target(shell: &Shell, abi: Abi) -> Result<bool> {
    let triple = abi.triple();
    let libraries = PathBuf::from(cmd!(shell, "rustc --print target-libdir --target {triple}").quiet().read()?);
    if libraries.is_dir() {
        return Ok(true);
    }
    println!("xtask: Rust's standard library for {abi} is missing");
    Ok(cmd!(shell, "rustup target add {triple}").run().is_ok())
}

fn tool(shell: &Shell, name: &str) -> Result<PathBuf> {
    let sysroot = cmd!(shell, "rustc --print sysroot").quiet().read()?;
    let host = cmd!(shell, "rustc --print host-tuple").quiet().read()?;
    let path = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin").join(name);
    ensure!(path.exists(), "rustc came without {name} (expected {}): install Rust with rustup", path.display());
    Ok(path)
}
