//! What the NDK would bring for linking: Android's C library as stubs, and an unwinder.
//!
//! A stub is a shared library that holds names and no code: linking needs no more, since the phone has the real one. Its symbols
//! carry bionic's versions, so that the library we build asks for them exactly as a release does. The unwinder becomes part of
//! the library; without one, a panic couldn't become an error at the language border.

use crate::android::abi::Abi;
use crate::android::bionic::{Bionic, Symbol};
use crate::android::{apt, folder, tools};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// LLVM versions whose unwinder will do, the preferred one first: what Debian and Ubuntu have of them differs by release.
const UNWINDERS: [u8; 6] = [19, 18, 17, 16, 15, 14];
/// The glibc names that Debian's unwinder wants.
const UNWINDER_NAMES: &str = "android/native/unwinder.rs";

/// Makes everything in one folder, and returns what a linker must be given.
pub fn ensure(shell: &Shell, abi: Abi) -> Result<Stubs> {
    let stubs = Stubs { folder: folder()?.join("stubs").join(abi.name()) };
    shell.create_dir(&stubs.folder)?;
    let bionic = Bionic::load(shell)?;
    for library in bionic.libraries() {
        let symbols: Vec<_> = bionic.symbols(abi).filter(|symbol| symbol.library == library).collect();
        stub(shell, abi, library, &symbols, &stubs.folder)?;
    }
    unwinder(shell, abi, &stubs.folder)?;
    let (triple, names) = (abi.triple(), stubs.unwinder_names());
    let options = ["--crate-type", "lib", "--crate-name", "unwinder_names", "--edition", "2024", "--emit", "obj"];
    cmd!(shell, "rustc --target {triple} {options...} -Copt-level=s -o {names} {UNWINDER_NAMES}").quiet().run()?;
    Ok(stubs)
}

/// Where the stubs are.
#[derive(Debug)]
pub struct Stubs {
    folder: PathBuf,
}

impl Stubs {
    /// What holds the libraries.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// An object file to be linked in.
    pub fn unwinder_names(&self) -> PathBuf {
        self.folder.join("unwinder_names.o")
    }
}

/// Links one stub library. rustc is the assembler, since it is one for every system.
fn stub(shell: &Shell, abi: Abi, library: &str, symbols: &[Symbol<'_>], folder: &Path) -> Result<()> {
    let work = shell.create_temp_dir()?;
    let path = |name: &str| work.path().join(name);
    let (source, object, versions) = (path("stub.rs"), path("stub.o"), path("versions"));
    shell.write_file(&source, assembly(symbols)?)?;
    shell.write_file(&versions, version_script(symbols)?)?;
    let (linker, triple, output) = (tools::linker(shell)?, abi.triple(), folder.join(library));
    cmd!(shell, "rustc --target {triple} --crate-type lib --crate-name stub --emit obj -o {object} {source}")
        .quiet()
        .run()?;
    let options = ["-flavor", "gnu", "-shared", "-soname", library, "--version-script"];
    cmd!(shell, "{linker} {options...} {versions} -o {output} {object}").quiet().run()?;
    Ok(())
}

/// Names without code behind them. All are called functions, variables too: to a shared library it makes no difference.
fn assembly(symbols: &[Symbol<'_>]) -> Result<String> {
    let mut source = String::from("#![no_std]\ncore::arch::global_asm!(\"\n.data\n");
    for Symbol { name, .. } in symbols {
        writeln!(source, ".globl {name}\n.type {name}, %function\n{name}:")?;
    }
    source.push_str(".byte 0\n\");\n");
    Ok(source)
}

/// Says which version each symbol belongs to, in the linker's language.
pub fn version_script(symbols: &[Symbol<'_>]) -> Result<String> {
    let mut versions: Vec<_> = symbols.iter().map(|symbol| symbol.version).collect();
    versions.dedup();
    let mut script = String::new();
    for (index, version) in versions.iter().enumerate() {
        writeln!(script, "{version} {{\nglobal:")?;
        for symbol in symbols.iter().filter(|symbol| symbol.version == *version) {
            writeln!(script, "{};", symbol.name)?;
        }
        // What isn't named stays inside; the first version says so for all.
        script.push_str(if index == 0 { "local: *;\n};\n" } else { "};\n" });
    }
    Ok(script)
}

/// Fetches the unwinder unless it is there.
fn unwinder(shell: &Shell, abi: Abi, folder: &Path) -> Result<()> {
    let library = folder.join("libunwind.a");
    if library.exists() {
        return Ok(());
    }
    println!("xtask: fetching LLVM's unwinder for {abi} from Debian");
    let unpacked = folder.join("unwinder");
    apt::unpack(shell, abi, &UNWINDERS.map(|version| format!("libunwind-{version}-dev")), &unpacked)?;
    let versions = shell.read_dir(unpacked.join("usr/lib"))?;
    let archives = versions.iter().map(|version| version.join("lib/libunwind.a"));
    let archive = archives.into_iter().find(|path| path.exists()).context("the package holds no lib/libunwind.a")?;
    shell.copy_file(archive, &library)?;
    shell.remove_path(&unpacked)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYMBOLS: [Symbol<'_>; 3] = [
        Symbol { library: "libc.so", version: "LIBC", name: "abort" },
        Symbol { library: "libc.so", version: "LIBC", name: "environ" },
        Symbol { library: "libc.so", version: "LIBC_N", name: "preadv" },
    ];

    #[test]
    fn symbols_stand_under_their_versions_and_nothing_else_is_exported() {
        let expected = "LIBC {\nglobal:\nabort;\nenviron;\nlocal: *;\n};\nLIBC_N {\nglobal:\npreadv;\n};\n";
        assert_eq!(version_script(&SYMBOLS).unwrap(), expected);
    }

    #[test]
    fn every_symbol_is_defined() {
        let source = assembly(&SYMBOLS).unwrap();
        assert!(SYMBOLS.iter().all(|symbol| source.contains(&format!("\n{}:\n", symbol.name))));
    }
}
