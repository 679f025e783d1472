//! The tools that come with rustc: a linker, `objcopy`, and the standard library of other systems.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// LLVM's linker, as rustc ships it. It links for every system, which no C compiler on this machine may do.
pub fn linker(shell: &Shell) -> Result<PathBuf> {
    tool(shell, "rust-lld")
}

/// Writes `library` without what only debuggers read.
pub fn strip(shell: &Shell, library: &Path, stripped: &Path) -> Result<()> {
    shell.create_dir(stripped.parent().context("the library is in no folder")?)?;
    objcopy(shell, &["--strip-all"], library, stripped)
}

/// Writes `to` as `from` with changes.
pub fn objcopy(shell: &Shell, changes: &[&str], from: &Path, to: &Path) -> Result<()> {
    let objcopy = tool(shell, "rust-objcopy")?;
    // Unlike the linker, it shares rustc's copy of LLVM and doesn't know where that is.
    let variable = if cfg!(target_os = "macos") { "DYLD_FALLBACK_LIBRARY_PATH" } else { "LD_LIBRARY_PATH" };
    let _llvm = shell.push_env(variable, sysroot(shell)?.join("lib"));
    cmd!(shell, "{objcopy} {changes...} {from} {to}").quiet().run()?;
    Ok(())
}

/// Makes sure that rustc has a standard library for a system. Returns whether it has.
pub fn ensure_target(shell: &Shell, triple: &str) -> Result<bool> {
    let libraries = PathBuf::from(cmd!(shell, "rustc --print target-libdir --target {triple}").quiet().read()?);
    if libraries.is_dir() {
        return Ok(true);
    }
    println!("xtask: Rust's standard library for {triple} is missing");
    Ok(cmd!(shell, "rustup target add {triple}").run().is_ok())
}

/// Makes sure that the standard library's sources are there, and returns where.
pub fn ensure_sources(shell: &Shell) -> Result<PathBuf> {
    let sources = sysroot(shell)?.join("lib/rustlib/src/rust");
    if !sources.is_dir() {
        cmd!(shell, "rustup component add rust-src").run()?;
    }
    Ok(sources)
}

fn sysroot(shell: &Shell) -> Result<PathBuf> {
    Ok(cmd!(shell, "rustc --print sysroot").quiet().read()?.into())
}

fn tool(shell: &Shell, name: &str) -> Result<PathBuf> {
    let host = cmd!(shell, "rustc --print host-tuple").quiet().read()?;
    let path = sysroot(shell)?.join("lib/rustlib").join(host).join("bin").join(name);
    ensure!(path.exists(), "rustc came without {name} (expected {}): install Rust with rustup", path.display());
    Ok(path)
}
