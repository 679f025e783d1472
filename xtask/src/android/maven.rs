//! Maven: the build of the Kotlin side that needs nothing from Google's repositories, hence the one that CI proves.
//!
//! The versions of everything Android stand in `android/pom.xml`; this module is also where the other tasks read them.

use crate::{demo, model, system};
use anyhow::{Context, Result};
use std::path::Path;
use std::time::Instant;
use xshell::{Cmd, Shell, cmd};

/// The parent of all modules.
const POM: &str = "android/pom.xml";
/// Programs that the build calls, each with the Debian package that brings it.
const PROGRAMS: [(&str, &str); 3] = [("javac", "default-jdk-headless"), ("mvn", "maven"), ("aapt2", "aapt")];
/// Warnings and worse, and the tests with their counts: Maven's own `--quiet` hides the latter.
const LOG: [&str; 3] = [
    "-Dstyle.color=never",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.org.apache.maven.plugin.surefire=info",
];

/// `cargo xtask android test`: compiles the Kotlin code strictly and runs its tests against this machine's native library.
pub fn test(shell: &Shell) -> Result<()> {
    test_with(shell, &demo::build_all(shell)?)
}

/// The same with the native library in a folder.
pub fn test_with(shell: &Shell, library: &Path) -> Result<()> {
    ensure(shell)?;
    let (model, encoder) = (model::ensure(shell)?, model::ensure_encoder(shell)?);
    let begun = Instant::now();
    maven(shell, POM, &["-Pstrict", "verify"])
        .arg(format!("-Dminnow.library.path={}", library.display()))
        .env("MINNOW_TEST_MODEL", model)
        .env("MINNOW_TEST_ENCODER", encoder)
        .run()?;
    println!("xtask: the Kotlin code is compiled and tested ({:.0} s)", begun.elapsed().as_secs_f32());
    Ok(())
}

/// Makes sure that there are a JDK, Maven and the resource compiler.
pub fn ensure(shell: &Shell) -> Result<()> {
    system::ensure_programs(shell, &PROGRAMS)
}

/// Maven on this file, printing little.
pub fn maven<'shell>(shell: &'shell Shell, pom: impl AsRef<Path>, arguments: &[&str]) -> Cmd<'shell> {
    let pom = pom.as_ref();
    cmd!(shell, "mvn --batch-mode --no-transfer-progress {LOG...} --file {pom} {arguments...}").quiet()
}

/// The value of a property in `android/pom.xml`, such as `jna.version`.
pub fn property(shell: &Shell, name: &str) -> Result<String> {
    let pom = shell.read_file(POM)?;
    element(&pom, name).map(str::to_owned).with_context(|| format!("{POM} has no property {name}"))
}

/// The text of the first element with this name. The files are our own: no attributes, one line.
fn element<'xml>(xml: &'xml str, name: &str) -> Option<&'xml str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pom_has_the_version_of_the_workspace() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../android");
        for pom in ["pom.xml", "minnow/pom.xml", "bank/pom.xml", "consumer/pom.xml"] {
            let text = std::fs::read_to_string(root.join(pom)).unwrap_or_default();
            assert_eq!(element(&text, "version"), Some(env!("CARGO_PKG_VERSION")), "{pom}");
        }
    }

    #[test]
    fn gradle_has_the_versions_of_maven() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../android");
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
        let (pom, catalogue) = (read("pom.xml"), read("gradle/libs.versions.toml"));
        let pairs = [
            ("android.minSdk", "android-minSdk"),
            ("android.targetSdk", "android-targetSdk"),
            ("coroutines.version", "coroutines"),
            ("jna.version", "jna"),
            ("junit.version", "junit"),
            ("kotlin.stdlib.version", "kotlin-stdlib"),
            ("sqlite.version", "sqlite"),
        ];
        for (property, key) in pairs {
            let version = element(&pom, property).map(|version| format!("{key} = \"{version}\""));
            assert!(version.is_some_and(|line| catalogue.lines().any(|other| other == line)), "{property}");
        }
        for build in ["minnow/build.gradle.kts", "bank/build.gradle.kts"] {
            assert!(read(build).contains(&format!("\"{}\"", env!("CARGO_PKG_VERSION"))), "{build}");
        }
    }
}
