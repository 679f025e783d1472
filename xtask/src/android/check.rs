//! What must hold for the library before it goes into an app. Each rule says what is wrong and where; all are checked before any
//! fails.
//!
//! A library that breaks one of them isn't loaded at all on some phones, is refused by the store, or drags something along that
//! no app asked for. Graphics drivers are opened at run time, so that phones without Vulkan load the library too.

use crate::android::abi::Abi;
use crate::android::bionic::{Bionic, LEVEL};
use crate::android::elf::Library;
use crate::android::library;
use anyhow::{Context, Result, bail};
use xshell::Shell;

/// The page size of new phones: segments that are aligned to less can't be mapped there.
const PAGE: u64 = 0x4000;
/// What libraries of the system may be needed: all of bionic's, and the one behind windows, which wgpu names.
const NEEDED: [&str; 5] = ["libc.so", "libm.so", "libdl.so", "liblog.so", "libandroid.so"];
/// How the names of exported symbols begin: UniFFI's functions and what its generators read; llguidance's functions for C, which
/// rustc exports from every library that holds them. Java's entry is a whole name.
const EXPORTS: [&str; 4] = ["uniffi_", "ffi_", "UNIFFI_META_", "llg_"];
const JAVA_ENTRY: &str = "JNI_OnLoad";
/// The most bytes on phones. (Emulators are on desks.) The aim is 12 MB; until it is reached, this keeps what is.
const MAX_BYTES: u64 = 15_500_000;

/// Checks what `build` made.
pub fn run(shell: &Shell, abi: Abi) -> Result<()> {
    let path = library::stripped(abi)?;
    let build = || format!("{} (run `cargo xtask android build --abi {abi}` first)", path.display());
    let file = shell.read_binary_file(&path).with_context(build)?;
    let library = Library::parse(&file).with_context(build)?;
    let bionic = Bionic::load(shell)?;
    for import in library.imports.iter().filter(|import| import.weak) {
        println!("xtask: {abi}: {} is imported, but may be missing", import.name);
    }
    let problems = problems(&library, abi, &bionic);
    if !problems.is_empty() {
        bail!("{}:\n  {}", path.display(), problems.join("\n  "));
    }
    let Library { bytes, imports, exports, needed, .. } = library;
    println!(
        "xtask: {abi}: {bytes} bytes, {} imports that API level {LEVEL} has, {} exports, needs {}",
        imports.len(),
        exports.len(),
        needed.join(", "),
    );
    Ok(())
}

/// Everything that is wrong, in words.
fn problems(library: &Library, abi: Abi, bionic: &Bionic) -> Vec<String> {
    let rules = [
        kind(library, abi),
        pages(library),
        identity(library),
        needed(library),
        relocations(library),
        size(library, abi),
    ];
    rules.into_iter().flatten().chain(imports(library, abi, bionic)).chain(exports(library)).collect()
}

fn kind(library: &Library, abi: Abi) -> Vec<String> {
    let expected = abi.machine();
    let wrong = library.machine != expected;
    problem(wrong, || format!("the machine number is {}, that of {abi} is {expected}", library.machine))
}

fn pages(library: &Library) -> Vec<String> {
    let small = |(index, alignment): (usize, &u64)| {
        let text = format!("segment {index} is aligned to {alignment:#x}, phones with pages of 16 KiB need {PAGE:#x}");
        (*alignment < PAGE).then_some(text)
    };
    let none = problem(library.load_alignments.is_empty(), || "no segment is loaded".to_owned());
    library.load_alignments.iter().enumerate().filter_map(small).chain(none).collect()
}

fn identity(library: &Library) -> Vec<String> {
    let expected = library::FILE;
    let soname = problem(library.soname.as_deref() != Some(expected), || {
        format!("DT_SONAME is {:?}, expected {expected}", library.soname.as_deref().unwrap_or_default())
    });
    let build_id =
        problem(!library.has_build_id, || "there is no GNU build id, so crash reports name no build".to_owned());
    [soname, build_id].concat()
}

fn needed(library: &Library) -> Vec<String> {
    let others = library.needed.iter().filter(|name| !NEEDED.contains(&name.as_str()));
    let libraries = others.map(|name| format!("DT_NEEDED names {name}, expected nothing but {}", NEEDED.join(", ")));
    let paths = library.search_paths.iter().map(|path| format!("DT_RUNPATH names {path}, which no phone has"));
    libraries.chain(paths).collect()
}

fn relocations(library: &Library) -> Vec<String> {
    problem(library.has_text_relocations, || "there are text relocations, which Android refuses to load".to_owned())
}

fn size(library: &Library, abi: Abi) -> Vec<String> {
    let bytes = library.bytes;
    let over = abi == Abi::Arm64 && bytes > MAX_BYTES;
    problem(over, || format!("{bytes} bytes, {MAX_BYTES} at most (`cargo xtask android size` tells what takes them)"))
}

/// Each import must be in a library that is needed. Weak ones may be missing: the code asks before it calls.
fn imports(library: &Library, abi: Abi, bionic: &Bionic) -> Vec<String> {
    let strong = library.imports.iter().filter(|import| !import.weak);
    let problem = |name: &str| {
        let homes: Vec<_> =
            bionic.symbols(abi).filter(|symbol| symbol.name == name).map(|symbol| symbol.library).collect();
        match homes.as_slice() {
            [] => Some(format!("{name} is imported, but at API level {LEVEL} no library of {abi} has it")),
            homes if homes.iter().any(|home| library.needed.iter().any(|needed| needed == home)) => None,
            homes => Some(format!("{name} is imported, but DT_NEEDED doesn't name {}", homes.join(" or "))),
        }
    };
    strong.filter_map(|import| problem(&import.name)).collect()
}

fn exports(library: &Library) -> Vec<String> {
    let known = |name: &str| name == JAVA_ENTRY || EXPORTS.iter().any(|prefix| name.starts_with(prefix));
    let others = library.exports.iter().filter(|name| !known(name));
    let mut problems: Vec<_> =
        others.map(|name| format!("{name} is exported, expected only what Kotlin calls")).collect();
    if !library.exports.iter().any(|name| name.starts_with("ffi_")) {
        problems.push("nothing that Kotlin calls is exported".to_owned());
    }
    problems
}

fn problem(wrong: bool, text: impl FnOnce() -> String) -> Vec<String> {
    if wrong { vec![text()] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::android::elf::Import;
    use std::path::Path;

    /// What a faultless library says.
    fn library() -> Library {
        let import = |name: &str| Import { name: name.to_owned(), weak: false };
        Library {
            bytes: 1_000,
            machine: Abi::Arm64.machine(),
            load_alignments: vec![PAGE, PAGE],
            soname: Some("libminnow_ffi.so".to_owned()),
            needed: vec!["libc.so".to_owned(), "libm.so".to_owned()],
            has_build_id: true,
            imports: vec![import("malloc"), import("sinf")],
            exports: vec!["JNI_OnLoad".to_owned(), "ffi_minnow_uniffi_contract_version".to_owned()],
            ..Library::default()
        }
    }

    fn found(change: impl FnOnce(&mut Library)) -> Vec<String> {
        let shell = Shell::new().unwrap();
        shell.change_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        let mut library = library();
        change(&mut library);
        problems(&library, Abi::Arm64, &Bionic::load(&shell).unwrap())
    }

    #[test]
    fn a_faultless_library_passes() {
        assert_eq!(found(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn another_machine_is_found() {
        let text = "the machine number is 62, that of arm64-v8a is 183";
        assert_eq!(found(|library| library.machine = Abi::X86_64.machine()), [text]);
    }

    #[test]
    fn small_pages_are_found() {
        let text = "segment 1 is aligned to 0x1000, phones with pages of 16 KiB need 0x4000";
        assert_eq!(found(|library| library.load_alignments[1] = 0x1000), [text]);
        assert_eq!(found(|library| library.load_alignments.clear()), ["no segment is loaded"]);
    }

    #[test]
    fn a_missing_or_wrong_name_is_found() {
        let text = "DT_SONAME is \"\", expected libminnow_ffi.so";
        assert_eq!(found(|library| library.soname = None), [text]);
        let text = "DT_SONAME is \"libother.so\", expected libminnow_ffi.so";
        assert_eq!(found(|library| library.soname = Some("libother.so".to_owned())), [text]);
    }

    #[test]
    fn a_missing_build_id_is_found() {
        let text = "there is no GNU build id, so crash reports name no build";
        assert_eq!(found(|library| library.has_build_id = false), [text]);
    }

    #[test]
    fn a_needed_graphics_library_is_found() {
        let text =
            "DT_NEEDED names libvulkan.so, expected nothing but libc.so, libm.so, libdl.so, liblog.so, libandroid.so";
        assert_eq!(found(|library| library.needed.push("libvulkan.so".to_owned())), [text]);
    }

    #[test]
    fn a_search_path_is_found() {
        let text = "DT_RUNPATH names /home/me/lib, which no phone has";
        assert_eq!(found(|library| library.search_paths.push("/home/me/lib".to_owned())), [text]);
    }

    #[test]
    fn text_relocations_are_found() {
        let text = "there are text relocations, which Android refuses to load";
        assert_eq!(found(|library| library.has_text_relocations = true), [text]);
    }

    #[test]
    fn a_byte_too_many_is_found() {
        assert_eq!(found(|library| library.bytes = MAX_BYTES), Vec::<String>::new());
        let text = "15500001 bytes, 15500000 at most (`cargo xtask android size` tells what takes them)";
        assert_eq!(found(|library| library.bytes = MAX_BYTES + 1), [text]);
    }

    #[test]
    fn imports_that_came_later_are_found_unless_they_are_weak() {
        let import = |weak| Import { name: "getrandom".to_owned(), weak };
        let text = "getrandom is imported, but at API level 24 no library of arm64-v8a has it";
        assert_eq!(found(|library| library.imports.push(import(false))), [text]);
        assert_eq!(found(|library| library.imports.push(import(true))), Vec::<String>::new());
    }

    #[test]
    fn imports_from_a_library_that_is_not_needed_are_found() {
        let text = "sinf is imported, but DT_NEEDED doesn't name libm.so";
        assert_eq!(found(|library| library.needed.retain(|name| name == "libc.so")), [text]);
    }

    #[test]
    fn foreign_exports_are_found() {
        let text = "rust_eh_personality is exported, expected only what Kotlin calls";
        assert_eq!(found(|library| library.exports.push("rust_eh_personality".to_owned())), [text]);
        let text = "nothing that Kotlin calls is exported";
        assert_eq!(found(|library| library.exports.retain(|name| name == "JNI_OnLoad")), [text]);
    }
}
