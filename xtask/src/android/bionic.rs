//! What Android's C library, bionic, offers to apps at our lowest level: the only symbols that the library may import.
//!
//! A phone resolves every import when it loads the library, so one symbol that came with a later Android closes the app at its
//! start. The list (android/native/bionic-24.txt tells its source and form) serves twice: the stubs that we link with hold these
//! symbols, and the check of what was built looks imports up in it.

use crate::android::abi::Abi;
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::path::Path;
use xshell::Shell;

/// The lowest API level that Minnow runs on (Android 7.0).
pub const LEVEL: u8 = 24;
/// The list for that level.
const LIST: &str = "android/native/bionic-24.txt";

/// The symbols of all libraries and architectures.
#[derive(Debug)]
pub struct Bionic {
    sections: Vec<Section>,
}

/// Symbols that share library, version and architectures.
#[derive(Debug)]
struct Section {
    library: String,
    version: String,
    abis: Vec<Abi>,
    symbols: Vec<String>,
}

/// A symbol of a library, with the name of the version that it is known under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// As in DT_NEEDED, such as `libc.so`
    pub library: &'a str,
    pub version: &'a str,
    pub name: &'a str,
}

impl Bionic {
    /// Reads the list of the repository.
    pub fn load(shell: &Shell) -> Result<Self> {
        Self::parse(&shell.read_file(Path::new(LIST))?).context(LIST)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut sections: Vec<Section> = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
            let at = || format!("line {}", index + 1);
            if let Some(title) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                sections.push(Section::parse(title).with_context(at)?);
            } else {
                let symbols = line.split_whitespace().map(str::to_owned);
                match sections.last_mut() {
                    Some(section) => section.symbols.extend(symbols),
                    None if line.trim().is_empty() => {}
                    None => bail!("{}: expected `[LIBRARY VERSION ABI…]` before the first symbol", at()),
                }
            }
        }
        Ok(Self { sections })
    }

    /// Every symbol that an app on such a device may import.
    pub fn symbols(&self, abi: Abi) -> impl Iterator<Item = Symbol<'_>> {
        let sections = self.sections.iter().filter(move |section| section.abis.contains(&abi));
        sections.flat_map(|Section { library, version, symbols, .. }| {
            symbols.iter().map(move |name| Symbol { library, version, name })
        })
    }

    /// The names of the libraries, each once.
    pub fn libraries(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.sections.iter().map(|section| section.library.as_str()).collect();
        names.dedup();
        names
    }
}

impl Section {
    /// Reads `LIBRARY VERSION ABI…`.
    fn parse(title: &str) -> Result<Self> {
        let mut words = title.split_whitespace();
        let mut word = |what| words.next().with_context(|| format!("the section has no {what}"));
        let (library, version) = (word("library")?.to_owned(), word("version")?.to_owned());
        let abis: Vec<Abi> = words
            .map(|name| Abi::from_str(name, false).map_err(|_| anyhow::anyhow!("no such ABI: {name}")))
            .collect::<Result<_>>()?;
        let abis = if abis.is_empty() { Abi::value_variants().to_vec() } else { abis };
        Ok(Self { library, version, abis, symbols: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> Bionic {
        Bionic::load(&repository()).unwrap()
    }

    fn repository() -> Shell {
        let shell = Shell::new().unwrap();
        shell.change_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        shell
    }

    fn has(bionic: &Bionic, abi: Abi, name: &str) -> bool {
        bionic.symbols(abi).any(|symbol| symbol.name == name)
    }

    #[test]
    fn every_library_is_listed_and_no_symbol_twice() {
        let bionic = list();
        assert_eq!(bionic.libraries(), ["libc.so", "libm.so", "libdl.so", "liblog.so", "libandroid.so"]);
        for &abi in Abi::value_variants() {
            let mut names: Vec<_> = bionic.symbols(abi).map(|symbol| (symbol.library, symbol.name)).collect();
            let before = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), before, "{abi}");
        }
    }

    #[test]
    fn later_levels_are_absent() {
        let bionic = list();
        for (name, level) in [("getrandom", 28), ("getentropy", 28), ("glob", 28), ("pthread_getname_np", 26)] {
            assert!(!has(&bionic, Abi::Arm64, name), "{name} came with {level}");
        }
        assert!(has(&bionic, Abi::Arm64, "pthread_setname_np"));
    }

    #[test]
    fn architectures_differ() {
        let bionic = list();
        assert!(has(&bionic, Abi::Arm32, "__aeabi_memcpy") && !has(&bionic, Abi::Arm64, "__aeabi_memcpy"));
        assert!(has(&bionic, Abi::Arm32, "dl_unwind_find_exidx") && !has(&bionic, Abi::X86_64, "dl_unwind_find_exidx"));
        assert!(has(&bionic, Abi::Arm64, "ns_get16") && !has(&bionic, Abi::Arm32, "ns_get16"));
    }

    #[test]
    fn damaged_lists_are_refused_with_their_line() {
        let message = |text: &str| format!("{:#}", Bionic::parse(text).unwrap_err());
        assert_eq!(message("# a\nabort\n"), "line 2: expected `[LIBRARY VERSION ABI…]` before the first symbol");
        assert_eq!(message("[libc.so]\n"), "line 1: the section has no version");
        assert_eq!(message("[libc.so LIBC mips]\n"), "line 1: no such ABI: mips");
    }
}
