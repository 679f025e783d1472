//! What the NDK would bring for linking: Android's C library as stubs, and an unwinder.
//!
//! A stub is a shared library that holds names and no code: linking needs no more, since the phone has the real one. Its symbols
//! carry bionic's versions, so that the library we build asks for them exactly as a release does. The unwinder becomes part of
//! the library; without one, a panic couldn't become an error at the language border.

use crate::android::abi::Abi;
use crate::android::bionic::{Bionic, Symbol};
use crate::android::{apt, folder};
use crate::rust;
use anyhow::{Context, Result};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// LLVM versions whose unwinder will do, the preferred one first: what Debian and Ubuntu have of them differs by release.
const UNWINDERS: [u8; 6] = [19, 18, 17, 16, 15, 14];
/// Names of glibc in Debian's unwinder, and what of bionic is called instead. The first is the same function; the other two say
/// the unwinder's last words before it aborts, which are left out.
const RENAMED: [&str; 3] = ["__errno_location=__errno", "__assert_fail=abort", "__fprintf_chk=fflush"];

/// Makes everything in one folder, and returns it.
pub fn ensure(shell: &Shell, abi: Abi) -> Result<PathBuf> {
    let stubs = folder()?.join("stubs").join(abi.name());
    shell.create_dir(&stubs)?;
    let bionic = Bionic::load(shell)?;
    for library in bionic.libraries() {
        let symbols: Vec<_> = bionic.symbols(abi).filter(|symbol| symbol.library == library).collect();
        stub(shell, abi, library, &symbols, &stubs)?;
    }
    unwinder(shell, abi, &stubs)?;
    Ok(stubs)
}

/// Links one stub library, out of nothing but names.
fn stub(shell: &Shell, abi: Abi, library: &str, symbols: &[Symbol<'_>], folder: &Path) -> Result<()> {
    let work = shell.create_temp_dir()?;
    let (names, versions) = (work.path().join("names"), work.path().join("versions"));
    shell.write_file(&names, symbols.iter().map(|symbol| format!("{} = 0;\n", symbol.name)).collect::<String>())?;
    shell.write_file(&versions, version_script(symbols)?)?;
    let (linker, machine, output) = (rust::linker(shell)?, abi.linker(), folder.join(library));
    let options = ["-flavor", "gnu", "-m", machine, "-shared", "-soname", library, "--version-script"];
    cmd!(shell, "{linker} {options...} {versions} -o {output} {names}").quiet().run()?;
    Ok(())
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
    let renames: Vec<&str> = RENAMED.iter().flat_map(|names| ["--redefine-sym", names]).collect();
    rust::objcopy(shell, &renames, &archive, &library)?;
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
}
