//! The static library for one kind of device: `libminnow_ffi.a`.
//!
//! Rust compiles for Apple's systems anywhere; nothing is linked until the app is. What would stop the app's linker is looked for here:
//! objects of another system or processor, a deployment target above the package's, missing functions, missing Metal. LLVM's linker, which
//! comes with rustc, then makes a shared library of it, with what only Apple's systems have left open: that shows what an app grows by.

use crate::ios::folder;
use crate::ios::platform::Platform;
use crate::mobile::{GENERATION, PACKAGE, PROFILE, RUSTFLAGS, SEPARATOR, cargo_variable, paths_without_this_machine};
use crate::rust;
use anyhow::{Context, Result, ensure};
use goblin::archive::Archive;
use goblin::mach::MachO;
use goblin::mach::constants::cputype::CPU_TYPE_ARM64;
use goblin::mach::load_command::CommandVariant;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;
use xshell::{Shell, cmd};

/// The file that the package becomes.
pub const FILE: &str = "libminnow_ffi.a";

/// The functions by which programs get at a GPU through Metal, on phones and on Macs.
const METAL: [&str; 2] = ["_MTLCreateSystemDefaultDevice", "_MTLCopyAllDevices"];

/// A library that was built and checked.
#[derive(Debug)]
pub struct Library {
    /// What it is for.
    pub platform: Platform,
    /// Where it is.
    pub path: PathBuf,
    /// What an app links beside it, as `ios/Package.swift` begins to say it: `.linkedFramework("Metal"`.
    pub linked: BTreeSet<String>,
}

/// Builds for one kind of device.
pub fn build(shell: &Shell, platform: Platform) -> Result<Library> {
    let begun = Instant::now();
    // A folder for each: build scripts of some crates run again when RUSTC_BOOTSTRAP comes or goes, and all that stands on them.
    let (triple, target) = (platform.triple(), folder()?.join("target").join(platform.name()));
    let native = folder()?.join(format!("{platform}.native"));
    let mut flags = paths_without_this_machine()?;
    let mut arguments = vec!["--package", PACKAGE, "--lib", "--profile", PROFILE, "--target", triple];
    let (variable, version) = platform.deployment_target();
    let _target = shell.push_env("CARGO_TARGET_DIR", &target);
    let _version = shell.push_env(variable, version);
    // llguidance becomes a shared library too, whether anybody wants that or not. Away from Apple's linker that step is left out.
    let linker = format!("{}_LINKER", cargo_variable(triple));
    let _linker = (!cfg!(target_os = "macos")).then(|| shell.push_env(linker, "true"));
    let mut _nightly = None;
    if !rust::ensure_target(shell, triple)? {
        println!("xtask: compiling it from its sources");
        let sources = rust::ensure_sources(shell)?;
        flags.push(format!("--remap-path-prefix={}=/rust", sources.display()));
        arguments.push("-Zbuild-std=std,panic_unwind");
        // `build-std` is not stable; this compiler is, and takes the flag all the same
        _nightly = Some(shell.push_env("RUSTC_BOOTSTRAP", "1"));
    }
    let _flags = shell.push_env(RUSTFLAGS, flags.join(SEPARATOR));
    let print = format!("--print=native-static-libs={}", native.display());
    cmd!(shell, "cargo rustc {arguments...} --crate-type staticlib -- {GENERATION} {print}").run()?;

    let built = target.join(triple).join(PROFILE).join(FILE);
    let path = folder()?.join(platform.slice()).join(FILE);
    shell.create_dir(path.parent().unwrap_or(&target))?;
    // Local names stay: without them, `rust-objcopy` writes relocations for Apple's systems that no linker reads.
    rust::objcopy(shell, &["--strip-debug"], &built, &path)?;
    check(&shell.read_binary_file(&path)?, platform).with_context(|| path.display().to_string())?;
    let (bytes, grows) = (path.metadata()?.len(), linked_bytes(shell, &path, platform)?);
    println!(
        "xtask: {}: {bytes} bytes, of which an app keeps {grows}, {:.0} s",
        path.display(),
        begun.elapsed().as_secs_f32()
    );
    Ok(Library { platform, path, linked: linked(&shell.read_file(&native)?) })
}

/// What every program of Apple's systems links.
const ALWAYS_LINKED: [&str; 3] = ["System", "c", "m"];

/// The entries of rustc's list of what to link, `-framework Metal -lobjc …`.
fn linked(list: &str) -> BTreeSet<String> {
    let words: Vec<&str> = list.split_whitespace().collect();
    let frameworks = words.windows(2).filter(|pair| pair[0] == "-framework");
    let frameworks = frameworks.map(|pair| format!(".linkedFramework(\"{}\"", pair[1]));
    let libraries =
        words.iter().filter_map(|word| word.strip_prefix("-l")).filter(|name| !ALWAYS_LINKED.contains(name));
    frameworks.chain(libraries.map(|name| format!(".linkedLibrary(\"{name}\""))).collect()
}

/// Links what Swift can call, and counts the bytes.
fn linked_bytes(shell: &Shell, library: &Path, platform: Platform) -> Result<u64> {
    let (linker, folder) = (rust::linker(shell)?, shell.create_temp_dir()?);
    let (output, (system, version)) =
        (folder.path().join("library"), (platform.name(), platform.deployment_target().1));
    let options = ["-undefined", "dynamic_lookup", "-dead_strip", "-all_load", "-x", "-S"];
    let exports = ["-exported_symbol", "_ffi_*", "-exported_symbol", "_uniffi_*"];
    cmd!(shell, "{linker} -flavor darwin -arch arm64 -platform_version {system} {version} {version} -dylib {options...} {exports...} -o {output} {library}")
        .quiet()
        .run()
        .context("LLVM's linker can't link it")?;
    Ok(output.metadata()?.len())
}

/// Fails where an app's linker would.
fn check(library: &[u8], platform: Platform) -> Result<()> {
    let archive = Archive::parse(library)?;
    let (mut defined, mut wanted) = (BTreeSet::new(), BTreeSet::new());
    let mut objects = 0;
    for name in archive.members() {
        let object = MachO::parse(archive.extract(name, library)?, 0).with_context(|| name.to_owned())?;
        check_object(&object, platform).with_context(|| name.to_owned())?;
        for symbol in object.symbols() {
            let (name, symbol) = symbol?;
            if symbol.is_global() {
                if symbol.is_undefined() { &mut wanted } else { &mut defined }.insert(name.to_owned());
            }
        }
        objects += 1;
    }
    ensure!(objects > 0, "there is no object in it");
    ensure!(defined.iter().any(|name| name.starts_with("_ffi_minnow")), "nothing that Swift calls is in it");
    ensure!(
        METAL.iter().any(|name| wanted.contains(*name)),
        "Metal is not in it: none of {} is called",
        METAL.join(", ")
    );
    Ok(())
}

fn check_object(object: &MachO<'_>, platform: Platform) -> Result<()> {
    let processor = object.header.cputype();
    ensure!(processor == CPU_TYPE_ARM64, "the processor is {processor:#x}, that of arm64 is {CPU_TYPE_ARM64:#x}");
    // assembly without code carries none
    let mut versions = object.load_commands.iter().filter_map(|command| match command.command {
        CommandVariant::BuildVersion(version) => Some((version.platform, version.minos)),
        _ => None,
    });
    if let Some((system, oldest)) = versions.next() {
        ensure!(system == platform.macho(), "the platform is {system}, that of {platform} is {}", platform.macho());
        let version = format!("{}.{}", oldest >> 16, oldest >> 8 & 0xff);
        let (_, expected) = platform.deployment_target();
        ensure!(at_most(&version, expected), "it needs {version}, the package promises {expected}");
    }
    Ok(())
}

/// Whether one version number, `16.0`, is at most another.
fn at_most(version: &str, limit: &str) -> bool {
    let numbers = |text: &str| text.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect::<Vec<u32>>();
    numbers(version) <= numbers(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_read_from_what_rustc_prints() {
        let list = "-framework QuartzCore -lobjc -framework Metal -framework Metal -lSystem";
        let found: Vec<_> = linked(list).into_iter().collect();
        assert_eq!(
            found,
            [r#".linkedFramework("Metal""#, r#".linkedFramework("QuartzCore""#, r#".linkedLibrary("objc""#]
        );
    }

    #[test]
    fn versions_are_compared_by_number() {
        assert!(at_most("9.0", "16.0"));
        assert!(at_most("16.0", "16.0"));
        assert!(!at_most("16.1", "16.0"));
        assert!(!at_most("26.0", "16.0"));
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        assert!(check(b"!<arch>\n", Platform::Ios).unwrap_err().to_string().contains("there is no object in it"));
        assert!(check(b"something else", Platform::Ios).is_err());
    }
}
