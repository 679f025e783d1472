//! `cargo xtask android apk`: the sample bank as a signed package, without Android's SDK.
//!
//! Maven compiles the classes and links the resources; Debian's dx turns the classes into Dalvik's format, and this module packs,
//! aligns and signs. It proves that the manifest, the resources, the classes and the native libraries fit together, as far as that
//! shows without a phone. The key is a debug key made on this machine: for a release, use the Gradle project.

use super::abi::Abi;
use super::library::FILE;
use super::{aar, maven};
use crate::archive::{self, Archive};
use crate::system;
use anyhow::{Context, Result, ensure};
use std::io::Read;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// What the build of the bank leaves behind.
const TARGET: &str = "android/bank/target";
/// What the app reads at its first start; the app for iOS has the same.
const ASSETS: &str = "tests/data/bank/assets";
/// Programs that only this task needs, each with the Debian package that brings it.
const PROGRAMS: [(&str, &str); 2] = [("apksigner", "apksigner"), ("zipalign", "zipalign")];
/// JNA for Android, classes and native libraries.
const JNA: &str = "apk/jna.aar";
/// Phones map native code straight out of the package: it must begin on a page, and pages have up to 16 KiB.
const PAGE: u16 = 16_384;
/// The password that Android's tools give every debug key.
const PASSWORD: &str = "android";

/// Builds, packs for these kinds of device, signs, checks, and says what came out.
pub fn run(shell: &Shell, abis: &[Abi]) -> Result<()> {
    let native = aar::native_libraries(abis)?;
    maven::ensure(shell)?;
    system::ensure_programs(shell, &PROGRAMS)?;
    maven::maven(shell, "android/pom.xml", &["-Pstrict,apk", "-Dmaven.test.skip", "clean", "package"]).run()?;

    let folder = super::folder()?;
    let temporary = shell.create_temp_dir()?;
    let dex = dex(shell, temporary.path())?;
    let mut apk = Archive::default();
    apk.add_archive(archive::open(&bank("android/resources.apk"))?, |name| Some(name.to_owned()))?;
    apk.add_folder("", &dex, |_| true)?;
    apk.add_folder("assets/", Path::new(ASSETS), |_| true)?;
    // By these files Java finds implementations, and coroutines the main thread.
    for jar in jars()? {
        let is_service = |name: &str| name.starts_with("META-INF/services/").then(|| name.to_owned());
        apk.add_archive(archive::open(&jar)?, is_service)?;
    }
    for (abi, library) in &native {
        apk.add_file(format!("lib/{abi}/{}", FILE), library)?;
        let jna = format!("jni/{abi}/");
        let library = |name: &str| name.strip_prefix(&jna).map(|file| format!("lib/{abi}/{file}"));
        apk.add_archive(archive::open(&bank(JNA))?, library)?;
    }

    let (unsigned, signed) = (temporary.path().join("unsigned.apk"), folder.join("bank.apk"));
    shell.write_file(&unsigned, apk.to_bytes(alignment)?)?;
    sign(shell, &unsigned, &signed, &folder.join("debug.keystore"))?;
    check(shell, &signed)
}

/// A path that the build of the bank made.
fn bank(path: &str) -> PathBuf {
    Path::new(TARGET).join(path)
}

/// The jars that go into the package.
fn jars() -> Result<Vec<PathBuf>> {
    let folder = bank("apk/jars");
    let entries = folder.read_dir().with_context(|| format!("{} can't be read", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Translates every class that runs on the phone and returns the folder of the classes*.dex.
fn dex(shell: &Shell, temporary: &Path) -> Result<PathBuf> {
    // Not for phones: descriptions of modules, and the variants of classes for newer Java versions.
    let is_class =
        |name: &str| name.ends_with(".class") && !name.starts_with("META-INF/") && !name.ends_with("module-info.class");
    let keep_class = |name: &str| is_class(name).then(|| name.to_owned());
    let mut classes = Archive::default();
    classes.add_folder("", &bank("classes"), is_class)?;
    for jar in jars()? {
        classes.add_archive(archive::open(&jar)?, keep_class)?;
    }
    let mut jna = Vec::new();
    archive::open(&bank(JNA))?.by_name("classes.jar")?.read_to_end(&mut jna)?;
    classes.add_archive(archive::parse(&jna)?, keep_class)?;

    let (jar, folder) = (temporary.join("classes.jar"), shell.create_dir(temporary.join("dex"))?);
    shell.write_file(&jar, classes.compressed()?)?;
    let (dx, min_sdk) = (bank("apk/dalvik-dx.jar"), maven::property(shell, "android.minSdk")?);
    let options = ["--dex", "--multi-dex", &format!("--min-sdk-version={min_sdk}")];
    cmd!(shell, "java -Xmx2g -cp {dx} com.android.dx.command.Main {options...} --output={folder} {jar}")
        .quiet()
        .run()?;
    println!("xtask: {} classes are translated", classes.names().count());
    Ok(folder)
}

/// What is stored as it is, at a multiple of what; the rest is compressed.
fn alignment(name: &str) -> Option<u16> {
    match name {
        "resources.arsc" => Some(4),
        _ if name.starts_with("lib/") => Some(PAGE),
        _ => None,
    }
}

fn sign(shell: &Shell, unsigned: &Path, signed: &Path, keystore: &Path) -> Result<()> {
    let password = format!("pass:{PASSWORD}");
    if !keystore.exists() {
        let key = ["-alias", "debug", "-keyalg", "RSA", "-keysize", "2048", "-validity", "10000"];
        let name = ["-dname", "CN=Android Debug,O=Android,C=US", "-storepass", PASSWORD, "-keypass", PASSWORD];
        cmd!(shell, "keytool -genkeypair -keystore {keystore} {key...} {name...}")
            .quiet()
            .ignore_stdout()
            .ignore_stderr()
            .run()?;
    }
    let min_sdk = maven::property(shell, "android.minSdk")?;
    // The first scheme is for phones before Android 7, the fourth for installing while the file still arrives.
    let schemes = ["--v1-signing-enabled=false", "--v2-signing-enabled=true", "--v3-signing-enabled=true"];
    let schemes = schemes.into_iter().chain(["--v4-signing-enabled=false"]);
    cmd!(shell, "apksigner sign --ks {keystore} --ks-pass {password} --min-sdk-version {min_sdk} {schemes...}")
        .args(["--out".as_ref(), signed.as_os_str(), unsigned.as_os_str()])
        .quiet()
        .run()?;
    Ok(())
}

/// Holds the package to what a phone asks of it and prints what it says of itself.
fn check(shell: &Shell, apk: &Path) -> Result<()> {
    let verified = cmd!(shell, "apksigner verify --verbose {apk}").quiet().read()?;
    for scheme in ["v2", "v3"] {
        let is_signed =
            |line: &str| line.starts_with(&format!("Verified using {scheme} scheme")) && line.ends_with("true");
        ensure!(verified.lines().any(is_signed), "the package is not signed by scheme {scheme}:\n{verified}");
    }
    cmd!(shell, "zipalign -c -p 4 {apk}").quiet().ignore_stdout().run()?;
    let mut archive = archive::open(apk)?;
    for index in 0..archive.len() {
        let file = archive.by_index(index)?;
        let name = file.name()?;
        let is_placed = alignment(&name).is_none_or(|multiple| {
            file.compressed_size() == file.size()
                && file.data_start().is_some_and(|start| start % u64::from(multiple) == 0)
        });
        ensure!(is_placed, "{name} is compressed or out of place in the package");
    }
    let badging = cmd!(shell, "aapt2 dump badging {apk}").quiet().ignore_stderr().read()?;
    let facts =
        ["package:", "sdkVersion", "targetSdkVersion", "uses-permission", "application:", "launchable", "native-code"];
    for line in badging.lines().filter(|line| facts.iter().any(|fact| line.starts_with(fact))) {
        println!("xtask: {line}");
    }
    let bytes = apk.metadata()?.len();
    println!("xtask: {} is signed and verified ({:.1} MB)", apk.display(), bytes as f64 / 1e6);
    Ok(())
}
