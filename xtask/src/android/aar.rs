//! `cargo xtask android aar`: the library as an app gets it, in a folder that Gradle and Maven take for a repository.
//!
//! An AAR is a zip archive whose entries Android's build tools know by name; the Android Gradle Plugin's own documentation of
//! it is "AAR file anatomy". The native libraries are those that `cargo xtask android build` left. What is packed is read again and checked, then the guide's code is compiled against it.
//!
//! It signs nothing and uploads nothing.

use super::abi::Abi;
use super::library::{self, FILE};
use super::{consumer, maven};
use crate::archive::{self, Archive};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use xshell::Shell;

/// The library's module.
const LIBRARY: &str = "android/minnow";
/// The package that the manifest names. It is the group's too.
const PACKAGE: &str = "dev.minnow";
/// What every AAR of ours must hold, beside a native library.
const REQUIRED: [&str; 6] = [
    "AndroidManifest.xml",
    "LICENSE",
    "META-INF/com/android/build/gradle/aar-metadata.properties",
    "R.txt",
    "classes.jar",
    "proguard.txt",
];

/// Compiles, packs for these kinds of device, publishes to the folder, checks.
pub fn run(shell: &Shell, abis: &[Abi]) -> Result<()> {
    let native = native_libraries(abis)?;
    maven::ensure(shell)?;
    let project = format!("{LIBRARY}/pom.xml");
    // Classes of code that is gone would be packed too.
    maven::maven(shell, "android/pom.xml", &["-Pstrict", "--projects", "minnow", "clean", "compile"]).run()?;
    maven::maven(shell, project, &["dokka:dokka"]).ignore_stderr().run()?;

    let repository = super::folder()?.join("aar");
    let version = env!("CARGO_PKG_VERSION");
    let folder = repository.join(PACKAGE.replace('.', "/")).join("minnow").join(version);
    shell.remove_path(&folder)?;
    let publish =
        |suffix: &str, bytes: &[u8]| shell.write_file(folder.join(format!("minnow-{version}{suffix}")), bytes);
    let aar = pack(shell, &native)?.compressed()?;
    publish(".aar", &aar)?;
    publish(".pom", pom(shell)?.as_bytes())?;
    publish("-sources.jar", &jar(&Path::new(LIBRARY).join("src/main/kotlin"))?)?;
    publish("-javadoc.jar", &jar(&Path::new(LIBRARY).join("target/dokka"))?)?;

    let classes = check(&aar)?;
    println!("xtask: the repository is {}", repository.display());
    consumer::compile(shell, &repository, &classes)
}

/// The native libraries by the name of their ABI.
pub fn native_libraries(abis: &[Abi]) -> Result<BTreeMap<&'static str, PathBuf>> {
    let found = |abi: &Abi| {
        let path = library::stripped(*abi)?;
        let missing = || format!("{} is missing: run `cargo xtask android build --abi {abi}` first", path.display());
        ensure!(path.is_file(), missing());
        Ok((abi.name(), path))
    };
    abis.iter().map(found).collect()
}

fn pack(shell: &Shell, native: &BTreeMap<&str, PathBuf>) -> Result<Archive> {
    let min_sdk = maven::property(shell, "android.minSdk")?;
    let mut aar = Archive::default();
    let manifest = shell.read_file(format!("{LIBRARY}/src/main/AndroidManifest.xml"))?;
    aar.add("AndroidManifest.xml", complete_manifest(&manifest, &min_sdk)?)?;
    aar.add_file("LICENSE", "LICENSE")?;
    // The library has no resources, and an app may compile against any SDK that knows what it asks the phone for.
    aar.add("R.txt", "")?;
    let metadata = [
        "aarFormatVersion=1.0",
        "aarMetadataVersion=1.0",
        &format!("minCompileSdk={min_sdk}"),
        "minCompileSdkExtension=0",
        "minAndroidGradlePluginVersion=1.0.0",
        "coreLibraryDesugaringEnabled=false",
        "",
    ];
    aar.add("META-INF/com/android/build/gradle/aar-metadata.properties", metadata.join("\n"))?;
    aar.add("classes.jar", jar(&Path::new(LIBRARY).join("target/classes"))?)?;
    aar.add_file("proguard.txt", format!("{LIBRARY}/consumer-rules.pro"))?;
    for (abi, library) in native {
        aar.add_file(format!("jni/{abi}/{FILE}"), library)?;
    }
    Ok(aar)
}

/// The source's manifest with what Gradle's plugin keeps in the build file.
fn complete_manifest(source: &str, min_sdk: &str) -> Result<String> {
    let (head, body) = source.split_once("<manifest ").context("the library's manifest has no <manifest …>")?;
    let (body, tail) = body.rsplit_once("</manifest>").context("the library's manifest has no </manifest>")?;
    let sdk = format!("    <uses-sdk android:minSdkVersion=\"{min_sdk}\" />\n");
    Ok(format!("{head}<manifest package=\"{PACKAGE}\" {body}{sdk}</manifest>{tail}"))
}

/// The published description: the template with the versions that the library was compiled with.
fn pom(shell: &Shell) -> Result<String> {
    let mut pom = shell.read_file(format!("{LIBRARY}/aar-pom.xml"))?;
    pom = pom.replace("@{project.version}", env!("CARGO_PKG_VERSION"));
    while let Some((_, rest)) = pom.split_once("@{") {
        let (name, _) = rest.split_once('}').context("the template of the POM has a @{ without }")?;
        let value = maven::property(shell, name)?;
        pom = pom.replace(&format!("@{{{name}}}"), &value);
    }
    Ok(pom)
}

/// A whole folder as an archive.
fn jar(folder: &Path) -> Result<Vec<u8>> {
    let mut jar = Archive::default();
    jar.add_folder("", folder, |_| true)?;
    jar.compressed()
}

/// Reads the AAR again, as a build tool would, and returns its classes.jar.
fn check(aar: &[u8]) -> Result<Vec<u8>> {
    let mut aar = archive::parse(aar)?;
    let mut sizes = BTreeMap::<String, (u64, u64)>::new();
    for index in 0..aar.len() {
        let file = aar.by_index(index)?;
        // jni/arm64-v8a and classes.jar are worth a line each, the small files share one
        let name = file.name()?;
        let mut parts = name.split('/');
        let group = match (parts.next(), parts.next()) {
            (Some("jni"), Some(abi)) => format!("jni/{abi}"),
            (Some("classes.jar"), _) => "classes.jar".to_owned(),
            _ => "the rest".to_owned(),
        };
        let (packed, unpacked) = sizes.entry(group).or_default();
        *packed += file.compressed_size();
        *unpacked += file.size();
    }
    for name in REQUIRED {
        ensure!(aar.index_for_name(name).is_some(), "the AAR has no {name}");
    }
    ensure!(sizes.keys().any(|group| group.starts_with("jni/")), "the AAR has no native library");

    let mut classes = Vec::new();
    aar.by_name("classes.jar")?.read_to_end(&mut classes)?;
    check_classes(&classes)?;
    for (group, (packed, unpacked)) in sizes {
        println!(
            "xtask: {group:<20} {:>8} kB packed, {:>8} kB unpacked",
            packed.div_ceil(1000),
            unpacked.div_ceil(1000)
        );
    }
    Ok(classes)
}

/// An app brings the Kotlin library itself; two copies would clash, and so would anything else that isn't ours.
fn check_classes(classes: &[u8]) -> Result<()> {
    let jar = archive::parse(classes)?;
    let names = jar.file_names().collect::<Result<Vec<_>, _>>()?;
    let classes = || names.iter().filter(|name| name.ends_with(".class"));
    let folder = format!("{}/", PACKAGE.replace('.', "/"));
    if let Some(foreign) = classes().find(|name| !name.starts_with(&folder)) {
        bail!("classes.jar holds {foreign}, which is not the library's");
    }
    let is_api = |name: &str| name.strip_prefix(&folder).is_some_and(|class| !class.contains('/'));
    ensure!(classes().any(|name| is_api(name)), "classes.jar holds no class of the package {PACKAGE}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_gets_its_package_and_sdk() -> Result<()> {
        let source = "<?xml?>\n<manifest xmlns:android=\"a\">\n</manifest>\n";
        let expected = "<?xml?>\n<manifest package=\"dev.minnow\" xmlns:android=\"a\">\n    \
                        <uses-sdk android:minSdkVersion=\"26\" />\n</manifest>\n";
        assert_eq!(complete_manifest(source, "26")?, expected);
        Ok(())
    }

    #[test]
    fn foreign_classes_are_refused() -> Result<()> {
        let mut jar = Archive::default();
        jar.add("dev/minnow/Assistant.class", "")?;
        assert!(check_classes(&jar.compressed()?).is_ok());
        jar.add("kotlin/Unit.class", "")?;
        let error = check_classes(&jar.compressed()?).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("classes.jar holds kotlin/Unit.class, which is not the library's"));
        Ok(())
    }

    #[test]
    fn an_aar_without_native_code_is_refused() -> Result<()> {
        let mut aar = Archive::default();
        for name in REQUIRED {
            aar.add(name, "")?;
        }
        let error = check(&aar.compressed()?).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("the AAR has no native library"));
        Ok(())
    }
}
