//! The library for Android, loaded on a Linux desktop: Kotlin's tests run against what an app gets.
//!
//! Android's C library is stood in for by small libraries that forward to glibc (android/native/host_shim.c tells how). They
//! are made for the imports of the library that was built, so an import that glibc lacks shows as a compiler's error here.
//! With them, `LD_LIBRARY_PATH=…/host-shim` and `-Djna.library.path=…/jniLibs/x86_64` are all that a JVM needs.

use crate::android::abi::Abi;
use crate::android::bionic::{Bionic, Symbol};
use crate::android::elf::Library;
use crate::android::library::Processors;
use crate::android::{folder, library, maven, stubs};
use anyhow::{Context, Result, ensure};
use std::collections::HashSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// The sources of the stand-ins and of the program that loads the library.
const SHIM: &str = "android/native/host_shim.c";
const LOAD: &str = "android/native/load.c";

/// Builds, makes the stand-ins, calls a function of the library, then runs Kotlin's tests on it.
pub fn run(shell: &Shell) -> Result<()> {
    ensure!(cfg!(all(target_os = "linux", target_arch = "x86_64")), "host-test needs Linux on x86_64");
    let library = library::build(shell, Abi::X86_64, Processors::All)?;
    let shim = shim(shell, &library)?;
    let program = shim.join("load");
    cmd!(shell, "cc -Wall -Wextra -o {program} {LOAD}").quiet().run()?;
    let _path = shell.push_env("LD_LIBRARY_PATH", &shim);
    cmd!(shell, "{program} {library}").quiet().run().context("the library for Android didn't load on this machine")?;
    maven::test_with(shell, folder_of(&library))
}

/// Makes the stand-ins for what `library` imports and returns their folder.
fn shim(shell: &Shell, library: &Path) -> Result<PathBuf> {
    let shim = folder()?.join("host-shim");
    shell.create_dir(&shim)?;
    let imports = Library::parse(&shell.read_binary_file(library)?)?.imports;
    let imports: HashSet<&str> = imports.iter().map(|import| import.name.as_str()).collect();
    let bionic = Bionic::load(shell)?;
    let source = shell.read_file(SHIM)?;
    let work = shell.create_temp_dir()?;
    let (list, versions) = (work.path().join("symbols.h"), work.path().join("versions"));
    for name in bionic.libraries() {
        let all: Vec<_> = bionic.symbols(Abi::X86_64).filter(|symbol| symbol.library == name).collect();
        let imported: Vec<_> = all.iter().filter(|symbol| imports.contains(symbol.name)).copied().collect();
        shell.write_file(&list, symbols(&imported, &source)?)?;
        shell.write_file(&versions, stubs::version_script(&all)?)?;
        let stem = name.trim_end_matches(".so");
        let (define, symbols) =
            (format!("-DSHIM_{}", stem.to_uppercase()), format!("-DSYMBOLS=\"{}\"", list.display()));
        let link = [format!("-Wl,-soname,{name}"), format!("-Wl,--version-script={}", versions.display())];
        let output = shim.join(name);
        cmd!(shell, "cc -O1 -fPIC -shared -Wall -Wextra {define} {symbols} -o {output} {SHIM} {link...} -Wl,--no-undefined -lm -ldl")
            .quiet()
            .run()?;
    }
    Ok(shim)
}

/// A line for each symbol: written out in `source`, or forwarded.
fn symbols(imported: &[Symbol<'_>], source: &str) -> Result<String> {
    let mut lines = String::new();
    for Symbol { name, version, .. } in imported {
        // A definition has the name with a parenthesis, comma or semicolon behind it.
        let own = ["(", ",", ";"].iter().any(|end| source.contains(&format!("bionic_{name}{end}")));
        writeln!(lines, "{}({name}, {version})", if own { "OWN" } else { "FORWARD" })?;
    }
    Ok(lines)
}

fn folder_of(library: &Path) -> &Path {
    library.parent().unwrap_or(library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shim_defines_is_not_forwarded() {
        let symbol = |name| Symbol { library: "libc.so", version: "LIBC", name };
        let source = "long bionic_sysconf(int name) {}\nFILE *bionic_stdin, *bionic_stderr;\n";
        let lines = symbols(&[symbol("sysconf"), symbol("stderr"), symbol("conf"), symbol("malloc")], source).unwrap();
        assert_eq!(lines, "OWN(sysconf, LIBC)\nOWN(stderr, LIBC)\nFORWARD(conf, LIBC)\nFORWARD(malloc, LIBC)\n");
    }
}
