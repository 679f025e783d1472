//! The library itself: `libminnow_ffi.so`, which Kotlin loads through JNA.
//!
//! It is built with a profile of its own and as a `cdylib` alone: cargo optimises over all crates together only where nothing is
//! to be linked against later. What comes out is kept twice, with symbols (cargo's target folder) and without (`jniLibs`).

use crate::android::abi::Abi;
use crate::android::bionic::LEVEL;
use crate::android::{folder, root, stubs};
use crate::mobile::{GENERATION, PACKAGE, PROFILE, RUSTFLAGS, SEPARATOR, cargo_variable, paths_without_this_machine};
use crate::rust;
use anyhow::{Context, Result};
use std::env;
use std::path::{Path, PathBuf};
use std::time::Instant;
use xshell::{Shell, cmd};

/// The file that the package becomes.
pub const FILE: &str = "libminnow_ffi.so";

/// What a library can run models on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processors {
    /// The CPU, and the GPU where the kind of device has one that can be used
    All,
    /// The CPU
    CpuOnly,
}

impl Processors {
    /// What cargo is told about features.
    pub fn features(self, abi: Abi) -> &'static [&'static str] {
        if self == Self::All && abi.has_gpu() { &[] } else { &["--no-default-features"] }
    }
}

/// Builds for one kind of device and returns where the library for apps is.
pub fn build(shell: &Shell, abi: Abi, processors: Processors) -> Result<PathBuf> {
    let begun = Instant::now();
    let library = with_symbols(shell, abi, processors)?;
    let stripped = stripped(abi)?;
    rust::strip(shell, &library, &stripped)?;
    let bytes = stripped.metadata().with_context(|| stripped.display().to_string())?.len();
    println!("xtask: {}: {bytes} bytes, {:.0} s", stripped.display(), begun.elapsed().as_secs_f32());
    Ok(stripped)
}

/// Where the library for apps is put.
pub fn stripped(abi: Abi) -> Result<PathBuf> {
    Ok(folder()?.join("jniLibs").join(abi.name()).join(FILE))
}

/// Builds for one kind of device and returns where the library with symbols is.
pub fn with_symbols(shell: &Shell, abi: Abi, processors: Processors) -> Result<PathBuf> {
    let target = folder()?.join("target");
    let _target = shell.push_env("CARGO_TARGET_DIR", &target);
    let package = [&["--package", PACKAGE, "--lib", "--profile", PROFILE], processors.features(abi)].concat();
    let (triple, link) = (abi.triple(), link_arguments(abi));
    let mut flags = paths_without_this_machine()?;
    match Kit::find(shell, abi)? {
        Kit::Ndk(ndk) => {
            println!("xtask: building {FILE} for {abi} with the NDK in {}", ndk.display());
            let _flags = shell.push_env(RUSTFLAGS, flags.join(SEPARATOR));
            let _ndk = shell.push_env("ANDROID_NDK_HOME", &ndk);
            rust::ensure_target(shell, abi.triple())?;
            let (abi, level) = (abi.name(), LEVEL.to_string());
            let cargo =
                cmd!(shell, "cargo ndk --target {abi} --platform {level} rustc {package...} --crate-type cdylib --");
            cargo.args(for_driver(&link)).arg(GENERATION).run()?;
        }
        Kit::Rust => {
            println!("xtask: building {FILE} for {abi} without the NDK: a check and not a release");
            flags.extend(stub_flags(&stubs::ensure(shell, abi)?));
            let _flags = shell.push_env(RUSTFLAGS, flags.join(SEPARATOR));
            let _linker = shell.push_env(format!("{}_LINKER", cargo_variable(abi.triple())), rust::linker(shell)?);
            let cargo = cmd!(shell, "cargo rustc {package...} --target {triple} --crate-type cdylib --");
            cargo.args(words(&link)).arg(GENERATION).run()?;
        }
        Kit::Root(root) => {
            println!(
                "xtask: building {FILE} for {abi} without the NDK and with Debian's Rust: a check and not a release"
            );
            return root.build(shell, abi, processors);
        }
    }
    Ok(target.join(triple).join(PROFILE).join(FILE))
}

/// What there is to build with.
enum Kit {
    /// Google's NDK and cargo-ndk, as for releases
    Ndk(PathBuf),
    /// rustup's standard library, rustc's linker and our stubs
    Rust,
    /// A Debian root that holds everything
    Root(root::Root),
}

impl Kit {
    fn find(shell: &Shell, abi: Abi) -> Result<Self> {
        if let Some(ndk) = ndk() {
            if cmd!(shell, "cargo ndk --version").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
                return Ok(Self::Ndk(ndk));
            }
            println!("xtask: there is an NDK in {}, but no cargo-ndk (cargo install cargo-ndk)", ndk.display());
        }
        Ok(if rust::ensure_target(shell, abi.triple())? { Self::Rust } else { Self::Root(root::ensure(shell)?) })
    }
}

/// The NDK that the usual variables name, or the newest of the SDK.
fn ndk() -> Option<PathBuf> {
    let named = ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT"].iter().filter_map(env::var_os).map(PathBuf::from);
    let sdk = ["ANDROID_HOME", "ANDROID_SDK_ROOT"].iter().filter_map(env::var_os);
    let side_by_side = sdk.filter_map(|sdk| newest(&Path::new(&sdk).join("ndk")));
    named.chain(side_by_side).find(|folder| folder.join("toolchains/llvm").is_dir())
}

/// The subfolder with the highest version number for a name.
fn newest(folder: &Path) -> Option<PathBuf> {
    let version = |path: &PathBuf| -> Vec<u64> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.split('.').map(|part| part.parse().unwrap_or(0)).collect()
    };
    folder.read_dir().ok()?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).max_by_key(version)
}

/// What the linker is told, whichever it is.
pub fn link_arguments(abi: Abi) -> Vec<String> {
    let mut arguments = vec![
        format!("-soname={FILE}"),
        // crash reports name the build by it
        "--build-id=sha1".to_owned(),
        // phones with pages of 16 KiB load nothing else
        "-z max-page-size=16384".to_owned(),
        "--no-undefined".to_owned(),
        // the bounds of the lists that the GPU compiler collects at link time are nobody else's business
        "-z start-stop-visibility=hidden".to_owned(),
        // one copy of functions that compile to the same code
        "--icf=all".to_owned(),
    ];
    // Android reads packed relocations from level 23 on; glibc never does, and x86_64 is what `host-test` loads.
    if abi != Abi::X86_64 {
        arguments.push("--pack-dyn-relocs=android".to_owned());
    }
    arguments
}

/// As arguments of rustc, for a linker that a compiler driver calls.
pub fn for_driver(link: &[String]) -> impl Iterator<Item = String> {
    link.iter().map(|argument| format!("-Clink-arg=-Wl,{}", argument.replace(' ', ",")))
}

/// As arguments of rustc, for a linker that is called without a compiler driver.
pub fn words(link: &[String]) -> impl Iterator<Item = String> {
    link.iter().flat_map(|argument| argument.split(' ')).map(|word| format!("-Clink-arg={word}"))
}

/// What rustc is told about the stubs, for every crate: llguidance becomes a shared library too, whether anybody wants that or not.
fn stub_flags(stubs: &Path) -> [String; 2] {
    // Debian's unwinder asks for glibc's libpthread and libdl; on Android both are part of what is linked anyway.
    [format!("-Lnative={}", stubs.display()), "-Clink-arg=--no-dependent-libraries".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_ndk_is_the_one_with_the_highest_number() {
        let sdk = Shell::new().unwrap().create_temp_dir().unwrap();
        for version in ["9.0.1", "27.2.12479018", "27.10.1"] {
            std::fs::create_dir(sdk.path().join(version)).unwrap();
        }
        assert_eq!(newest(sdk.path()), Some(sdk.path().join("27.10.1")));
        assert_eq!(newest(&sdk.path().join("none")), None);
    }

    #[test]
    fn every_word_is_an_argument_of_its_own() {
        let words: Vec<_> = words(&["-z max-page-size=16384".to_owned()]).collect();
        assert_eq!(words, ["-Clink-arg=-z", "-Clink-arg=max-page-size=16384"]);
        let words: Vec<_> = for_driver(&["-z max-page-size=16384".to_owned()]).collect();
        assert_eq!(words, ["-Clink-arg=-Wl,-z,max-page-size=16384"]);
    }
}
