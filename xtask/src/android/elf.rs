//! What an ELF file says about itself, as far as Android's linker and app stores mind.

use anyhow::{Context, Result};
use goblin::elf::dynamic::{DF_TEXTREL, DT_TEXTREL};
use goblin::elf::program_header::PT_LOAD;
use goblin::elf::{Elf, sym};

/// The name of the note that identifies a build, and its type.
const BUILD_ID: (&str, u32) = ("GNU", 3);

/// A shared library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Library {
    /// Size of the file
    pub bytes: u64,
    pub machine: u16,
    /// Alignment of each segment that is mapped
    pub load_alignments: Vec<u64>,
    /// The name that others know it by
    pub soname: Option<String>,
    /// The libraries that must be there
    pub needed: Vec<String>,
    /// Where to look for them
    pub search_paths: Vec<String>,
    pub has_text_relocations: bool,
    pub has_build_id: bool,
    pub imports: Vec<Import>,
    pub exports: Vec<String>,
}

/// A symbol that another library must have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    pub name: String,
    /// Whether it may be missing
    pub weak: bool,
}

impl Library {
    /// Reads a file.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let elf = Elf::parse(file).context("this is no ELF file")?;
        let loads = elf.program_headers.iter().filter(|header| header.p_type == PT_LOAD);
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let (mut imports, mut exports) = (Vec::new(), Vec::new());
        for symbol in elf.dynsyms.iter() {
            let name =
                elf.dynstrtab.get_at(symbol.st_name).context("a symbol's name is outside of the file")?.to_owned();
            match (name.is_empty(), symbol.is_import()) {
                (true, _) => {}
                (false, true) => imports.push(Import { name, weak: symbol.st_bind() == sym::STB_WEAK }),
                (false, false) if symbol.st_bind() == sym::STB_LOCAL || symbol.st_shndx == 0 => {}
                (false, false) => exports.push(name),
            }
        }
        let dynamic = elf.dynamic.as_ref();
        let has_text_relocations = dynamic.is_some_and(|dynamic| {
            dynamic.info.flags & DF_TEXTREL != 0 || dynamic.dyns.iter().any(|entry| entry.d_tag == DT_TEXTREL)
        });
        let notes = elf.iter_note_headers(file).into_iter().flatten().flatten();
        Ok(Self {
            bytes: file.len() as u64,
            machine: elf.header.e_machine,
            load_alignments: loads.map(|header| header.p_align).collect(),
            soname: elf.soname.map(str::to_owned),
            needed: owned(&elf.libraries),
            search_paths: [owned(&elf.rpaths), owned(&elf.runpaths)].concat(),
            has_text_relocations,
            has_build_id: notes.into_iter().any(|note| (note.name, note.n_type) == BUILD_ID && !note.desc.is_empty()),
            imports,
            exports,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_program_is_read() {
        let file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let program = Library::parse(&file).unwrap();
        assert_eq!(program.bytes, file.len() as u64);
        assert!(!program.load_alignments.is_empty());
        assert!(program.needed.iter().any(|name| name == "libc.so.6"), "{:?}", program.needed);
        assert!(program.imports.iter().any(|import| import.name == "memcpy" || import.name == "malloc"));
        assert!(program.imports.iter().any(|import| import.weak));
        assert!(!program.has_text_relocations);
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(Library::parse(b"MZ").unwrap_err().to_string(), "this is no ELF file");
    }
}
