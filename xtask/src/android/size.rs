//! Which crates take the space, from the symbol table of a build.
//!
//! A generic function counts for the crate that its name begins with, which for the method of a trait is the crate of the type.
//! Constants have no names (text, tables, what is mapped into the file at link time); they show in the table of sections only.

use crate::android::abi::Abi;
use crate::android::library::{self, Processors};
use crate::rust;
use anyhow::{Context, Result};
use goblin::elf::section_header::{SHF_ALLOC, SHT_NOBITS};
use goblin::elf::{Elf, sym};
use rustc_demangle::demangle;
use std::collections::{BTreeMap, HashSet};
use xshell::Shell;

/// Rows of the table of crates.
const ROWS: usize = 40;

/// Builds, then prints both tables.
pub fn run(shell: &Shell, abi: Abi) -> Result<()> {
    let path = library::with_symbols(shell, abi, Processors::All)?;
    let work = shell.create_temp_dir()?;
    let stripped = work.path().join(library::FILE);
    rust::strip(shell, &path, &stripped)?;
    let total = stripped.metadata()?.len();
    let file = shell.read_binary_file(&path)?;
    let elf = Elf::parse(&file).with_context(|| path.display().to_string())?;

    println!("\n{:>10}  {:>6}  section of {abi}, {total} bytes without symbols", "bytes", "share");
    print(&sections(&elf), total, usize::MAX);
    println!("\n{:>10}  {:>6}  crate", "bytes", "share");
    print(&crates(&elf), total, ROWS);
    Ok(())
}

/// The sections that a phone maps, by size in the file.
fn sections(elf: &Elf<'_>) -> Vec<(String, u64)> {
    let mapped = |flags: u64| flags & u64::from(SHF_ALLOC) != 0;
    let sections =
        elf.section_headers.iter().filter(|section| mapped(section.sh_flags) && section.sh_type != SHT_NOBITS);
    let name = |at| elf.shdr_strtab.get_at(at).unwrap_or("?").to_owned();
    sorted(sections.map(|section| (name(section.sh_name), section.sh_size)).collect())
}

/// The crates of all functions and named data. What has been folded into one is counted once.
fn crates(elf: &Elf<'_>) -> Vec<(String, u64)> {
    let mut sizes = BTreeMap::<String, u64>::new();
    let mut seen = HashSet::new();
    for symbol in elf.syms.iter().filter(|symbol| matches!(symbol.st_type(), sym::STT_FUNC | sym::STT_OBJECT)) {
        let in_file = elf.section_headers.get(symbol.st_shndx).is_some_and(|section| section.sh_type != SHT_NOBITS);
        if in_file && seen.insert(symbol.st_value) {
            let name = elf.strtab.get_at(symbol.st_name).unwrap_or_default();
            *sizes.entry(crate_of(name)).or_default() += symbol.st_size;
        }
    }
    sorted(sizes)
}

fn sorted(sizes: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by_key(|(name, bytes)| (std::cmp::Reverse(*bytes), name.clone()));
    sizes
}

fn print(sizes: &[(String, u64)], total: u64, rows: usize) {
    let share = |bytes: u64| 100.0 * bytes as f64 / total as f64;
    for (name, bytes) in sizes.iter().take(rows) {
        println!("{bytes:>10}  {:>5.1}%  {name}", share(*bytes));
    }
    if let Some(rest @ [_, ..]) = sizes.get(rows..) {
        let bytes = rest.iter().map(|(_, bytes)| bytes).sum();
        println!("{bytes:>10}  {:>5.1}%  {} others", share(bytes), rest.len());
    }
}

/// The crate that a symbol's name begins with: `naga` for `<naga::Module as core::clone::Clone>::clone`.
fn crate_of(symbol: &str) -> String {
    let name = format!("{:#}", demangle(symbol));
    if name == symbol {
        return if name.starts_with("anon.") || name.starts_with(".L") { "(data)" } else { "(C and exports)" }
            .to_owned();
    }
    // Past what stands before a path: `<`, `&mut `, `*const `, `dyn `, brackets.
    let mut rest = name.as_str();
    loop {
        rest = rest.trim_start_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
        match rest.split_once(' ') {
            Some(("mut" | "const" | "dyn" | "unsafe" | "extern" | "impl", after)) => rest = after,
            _ => break,
        }
    }
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    match rest.split_at(end) {
        (path, after) if after.starts_with("::") => path.to_owned(),
        _ => "(primitive types)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_belongs_to_the_crate_that_its_name_begins_with() {
        // legacy names and v0 names
        let plain = "_ZN4naga5front4wgsl5parse17h0123456789abcdefE";
        let of_trait = "_ZN51_$LT$naga..Module$u20$as$u20$core..clone..Clone$GT$5clone17h0123456789abcdefE";
        let reference = "_ZN44_$LT$$RF$T$u20$as$u20$core..fmt..Display$GT$3fmt17h0123456789abcdefE";
        assert_eq!([plain, of_trait].map(crate_of), ["naga", "naga"]);
        assert_eq!(crate_of(reference), "(primitive types)");
        assert_eq!(crate_of("_RNvCs1234_7mycrate3foo"), "mycrate");
        assert_eq!(crate_of("_RNvXCs1234_4nagaNtB2_6ModuleNtNtCs5678_4core5clone5Clone5clone"), "naga");
        assert_eq!(crate_of("_Unwind_Resume"), "(C and exports)");
    }
}
