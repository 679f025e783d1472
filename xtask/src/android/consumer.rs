//! The guide's code, compiled as an app would compile it: against the packed AAR and what its POM names.
//!
//! A fence of docs/android.md takes part if the line before it marks it:
//!
//! ````text
//! <!-- compile -->
//! ```kotlin
//! import dev.minnow.…
//! ````
//!
//! Each fence is a file of its own, in a package of its own unless it names one, with its lines where the page has them, so that
//! the compiler's messages lead to the page.

use super::maven;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use xshell::Shell;

/// The page with the quick start.
const GUIDE: &str = "docs/android.md";
/// The project that compiles it.
const PROJECT: &str = "android/consumer";
/// What marks a fence, on the line before it.
const MARK: &str = "<!-- compile -->";

/// Compiles the guide against the AAR in a repository, whose classes are these.
pub fn compile(shell: &Shell, repository: &Path, classes: &[u8]) -> Result<()> {
    let guide =
        shell.read_file(GUIDE).with_context(|| format!("{GUIDE} holds the code that is compiled against the AAR"))?;
    let files = files(&guide).with_context(|| format!("{GUIDE} is malformed"))?;
    ensure!(!files.is_empty(), "{GUIDE} has no ```kotlin fence with {MARK} on the line before it");

    let folder = shell.current_dir().join(PROJECT).join("target");
    let (sources, jar) = (folder.join("guide"), folder.join("classes.jar"));
    shell.remove_path(&folder)?;
    shell.write_file(&jar, classes)?;
    for (line, text) in &files {
        shell.write_file(sources.join(format!("AndroidMdLine{line}.kt")), text)?;
    }
    maven::maven(shell, format!("{PROJECT}/pom.xml"), &["-Pstrict", "compile"])
        .arg(format!("-Dminnow.repository={}", repository.display()))
        .arg(format!("-Dminnow.classes={}", jar.display()))
        .arg(format!("-Dminnow.guide={}", sources.display()))
        .run()
        .with_context(|| format!("the code of {GUIDE} does not compile (a file's number is the line of its fence)"))?;
    println!("xtask: the code of {GUIDE} compiles against the AAR (files: {})", files.len());
    Ok(())
}

/// The marked fences as Kotlin files, each with the number of its fence's line.
fn files(guide: &str) -> Result<Vec<(usize, String)>> {
    let mut files = Vec::new();
    let mut lines = guide.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end()));
    while let Some((mark, line)) = lines.next() {
        if line != MARK {
            continue;
        }
        let fence = lines.next().filter(|(_, line)| *line == "```kotlin");
        let (number, _) = fence.with_context(|| format!("line {mark}: {MARK} is not followed by ```kotlin"))?;
        let mut code = Vec::new();
        loop {
            let (_, line) = lines.next().with_context(|| format!("line {number}: the fence is not closed"))?;
            if line == "```" {
                break;
            }
            code.push(line);
        }
        let names_package = code.iter().any(|line| line.starts_with("package "));
        let package = if names_package { String::new() } else { format!("package guide{number}") };
        files.push((number, format!("{package}{}{}\n", "\n".repeat(number), code.join("\n"))));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_fences_become_files_with_the_page_s_lines() -> Result<()> {
        let guide = "# Guide\n```kotlin\nleft out\n```\n<!-- compile -->\n```kotlin\nfun a() {}\n```\n<!-- compile -->\n\
                     ```kotlin\npackage x\nval b = 1\n```\n";
        let files = files(guide)?;
        assert_eq!(files.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [6, 10]);
        assert_eq!(files[0].1, "package guide6\n\n\n\n\n\nfun a() {}\n");
        assert_eq!(files[0].1.lines().nth(6), Some("fun a() {}"));
        assert_eq!(files[1].1.lines().nth(10), Some("package x"));
        Ok(())
    }

    #[test]
    fn a_mark_without_a_fence_is_an_error() {
        let error = files("<!-- compile -->\n\n```kotlin\n```\n").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("line 1: <!-- compile --> is not followed by ```kotlin"));
        let error = files("<!-- compile -->\n```kotlin\nval a = 1\n").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("line 2: the fence is not closed"));
    }
}
