//! The guide's code, compiled as an app would compile it: against the packed AAR and what its POM names.
//!
//! Each marked fence of docs/android.md is a file of its own, in a package of its own unless it names one, with its lines where the
//! page has them, so that the compiler's messages lead to the page.

use super::maven;
use crate::guide::{self, Fence, MARK};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use xshell::Shell;

/// The page with the quick start.
const GUIDE: &str = "docs/android.md";
/// The project that compiles it.
const PROJECT: &str = "android/consumer";

/// Compiles the guide against the AAR in a repository, whose classes are these.
pub fn compile(shell: &Shell, repository: &Path, classes: &[u8]) -> Result<()> {
    let guide =
        shell.read_file(GUIDE).with_context(|| format!("{GUIDE} holds the code that is compiled against the AAR"))?;
    let fences = guide::fences(&guide, "kotlin").with_context(|| format!("{GUIDE} is malformed"))?;
    ensure!(!fences.is_empty(), "{GUIDE} has no ```kotlin fence with {MARK} on the line before it");

    let folder = shell.current_dir().join(PROJECT).join("target");
    let (sources, jar) = (folder.join("guide"), folder.join("classes.jar"));
    shell.remove_path(&folder)?;
    shell.write_file(&jar, classes)?;
    for fence in &fences {
        shell.write_file(sources.join(format!("AndroidMdLine{}.kt", fence.line)), file(fence))?;
    }
    maven::maven(shell, format!("{PROJECT}/pom.xml"), &["-Pstrict", "compile"])
        .arg(format!("-Dminnow.repository={}", repository.display()))
        .arg(format!("-Dminnow.classes={}", jar.display()))
        .arg(format!("-Dminnow.guide={}", sources.display()))
        .run()
        .with_context(|| format!("the code of {GUIDE} does not compile (a file's number is the line of its fence)"))?;
    println!("xtask: the code of {GUIDE} compiles against the AAR (files: {})", fences.len());
    Ok(())
}

/// A fence as a Kotlin file.
fn file(Fence { line, code }: &Fence) -> String {
    let names_package = code.lines().any(|line| line.starts_with("package "));
    let package = if names_package { String::new() } else { format!("package guide{line}") };
    format!("{package}{}{code}\n", "\n".repeat(*line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_page_s_lines() {
        let text = file(&Fence { line: 6, code: "fun a() {}".to_owned() });
        assert_eq!(text, "package guide6\n\n\n\n\n\nfun a() {}\n");
        assert_eq!(text.lines().nth(6), Some("fun a() {}"));
        let named = file(&Fence { line: 10, code: "package x\nval b = 1".to_owned() });
        assert_eq!(named.lines().nth(10), Some("package x"));
    }
}
