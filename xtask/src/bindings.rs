//! `cargo xtask bindings`: the Kotlin and Swift that UniFFI writes from the built library.
//!
//! What it writes is checked in, so that a reader, an IDE and the Gradle and Swift builds need no Rust; CI fails where it differs from
//! what the library says today.

use crate::demo;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// Each generated file: where the generator puts it, and where it is kept.
const FILES: [(&str, &str); 4] = [
    ("kotlin/dev/minnow/ffi/minnow.kt", "android/minnow/src/main/kotlin/dev/minnow/ffi/minnow.kt"),
    ("swift/MinnowFFI.swift", "ios/Sources/MinnowFFI/MinnowFFI.swift"),
    ("swift/CMinnow.h", "ios/Sources/CMinnow/include/CMinnow.h"),
    ("swift/module.modulemap", "ios/Sources/CMinnow/include/module.modulemap"),
];

/// How a declaration begins in the Kotlin that is written; the last two are those of functions.
const DECLARATIONS: [&str; 11] = [
    "class ",
    "data class ",
    "enum class ",
    "inline fun ",
    "interface ",
    "object ",
    "open class ",
    "abstract class ",
    "sealed class ",
    "fun ",
    "suspend fun ",
];

/// How the generators name and lay out what they write.
const CONFIG: [&str; 2] = ["--config", "bindings/uniffi.toml"];

/// Writes them anew; with `check` it only compares and fails where one differs.
pub fn run(shell: &Shell, check: bool) -> Result<()> {
    let programs = demo::build_all(shell)?;
    let fresh = shell.create_temp_dir()?;
    generate(shell, &programs, fresh.path())?;
    let root = shell.current_dir();
    let mut drifted = Vec::new();
    for (made, kept) in FILES {
        let text = fs::read_to_string(fresh.path().join(made)).with_context(|| format!("no {made} was made"))?;
        let text = if made.ends_with(".kt") { tidy(&internal(&text)) } else { tidy(&text) };
        let target = root.join(kept);
        if fs::read_to_string(&target).is_ok_and(|old| old == text) {
            continue;
        }
        drifted.push(kept);
        if !check {
            shell.create_dir(target.parent().unwrap_or(&root))?;
            fs::write(&target, text).with_context(|| format!("can't write {kept}"))?;
            println!("xtask: wrote {kept}");
        }
    }
    ensure!(
        !check || drifted.is_empty(),
        "{} differ from what the library says: run `cargo xtask bindings` and commit what it writes",
        drifted.join(", ")
    );
    println!("xtask: the Kotlin and Swift bindings are those of the library");
    Ok(())
}

fn generate(shell: &Shell, programs: &Path, folder: &Path) -> Result<()> {
    let library = library(programs);
    let (kotlin, swift) = (folder.join("kotlin"), folder.join("swift"));
    let generator = programs.join("uniffi-bindgen");
    cmd!(shell, "{generator} generate {library} --language kotlin --out-dir {kotlin} --no-format {CONFIG...}")
        .quiet()
        .run()?;
    let generator = programs.join("uniffi-bindgen-swift");
    cmd!(shell, "{generator} --swift-sources --headers {CONFIG...} {library} {swift}").quiet().run()?;
    let map = ["--modulemap", "--module-name", "CMinnow", "--modulemap-filename", "module.modulemap"];
    cmd!(shell, "{generator} {map...} {CONFIG...} {library} {swift}").quiet().run()?;
    Ok(())
}

/// The host's library in a build folder.
pub fn library(programs: &Path) -> PathBuf {
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    programs.join(format!("{prefix}minnow_ffi{suffix}"))
}

/// Kotlin that only its own module sees: `dev.minnow` is the API, and the generator has no option for it.
fn internal(kotlin: &str) -> String {
    let mut lines = Vec::new();
    for line in kotlin.lines() {
        // Members are indented by four spaces and more, or override something; a function of the file comes after five, or after
        // the end of its comment.
        let (before, declaration) = match line.split_once("*/ ") {
            Some((comment, declaration)) => (&line[..comment.len() + 3], declaration),
            None => line.split_at(if line.starts_with("     suspend fun") { 5 } else { 0 }),
        };
        let declaration = declaration.strip_prefix("public ").unwrap_or(declaration);
        let declares = DECLARATIONS.iter().any(|start| declaration.starts_with(start));
        lines.push(if declares { format!("{before}internal {declaration}") } else { line.to_owned() });
    }
    lines.join("\n")
}

/// The generator leaves spaces at the ends of lines, and lines at the end of the file.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declaration_of_the_kotlin_file_is_internal_and_no_member() {
        let kotlin = "public object A {\n    public fun `a`()\n    suspend fun `b`()\n}\n     suspend fun `c`() {\n}\n     */ fun `d`() =\n";
        let expected = "internal object A {\n    public fun `a`()\n    suspend fun `b`()\n}\n     internal suspend fun `c`() {\n}\n     */ internal fun `d`() =";
        assert_eq!(internal(kotlin), expected);
    }

    #[test]
    fn what_is_kept_has_no_trailing_spaces() {
        assert_eq!(tidy("class A {  \n\n}\n\n\n"), "class A {\n\n}\n");
    }
}
