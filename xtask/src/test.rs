//! `cargo xtask test`: all tests of the workspace, documentation included, in one profile.

use crate::{model, system};
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader, Write};
use std::ops::AddAssign;
use std::process::{Command, Stdio};
use std::time::Instant;
use xshell::{Shell, cmd};

/// Sets up and runs them.
pub fn run(shell: &Shell, arguments: &[String]) -> Result<()> {
    system::ensure_vulkan(shell)?;
    model::ensure(shell)?;
    model::ensure_encoder(shell)?;
    let begun = Instant::now();
    let mut command: Command = cmd!(shell, "cargo test --workspace --no-fail-fast {arguments...}").into();
    let mut cargo = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = cargo.stdout.take().context("the output of cargo test can't be read")?;
    let mut total = Counts::default();
    // Lines are passed on as bytes: a test may print anything.
    for line in BufReader::new(output).split(b'\n') {
        let mut line = line?;
        total += Counts::of_line(&String::from_utf8_lossy(&line));
        line.push(b'\n');
        std::io::stdout().write_all(&line)?;
    }
    let status = cargo.wait()?;
    let Counts { binaries, passed, failed, ignored } = total;
    println!(
        "xtask: {passed} passed, {failed} failed, {ignored} ignored in {binaries} test programs, {:.0} s",
        begun.elapsed().as_secs_f32()
    );
    ensure!(status.success(), "cargo test failed ({status})");
    Ok(())
}

/// What the closing lines of test programs add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    binaries: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Counts {
    /// Reads `test result: ok. 3 passed; 0 failed; 0 ignored; …`; any other line counts nothing.
    fn of_line(line: &str) -> Self {
        let Some((_, numbers)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return Self::default();
        };
        let count = |word: &str| {
            let mut parts = numbers.split("; ").filter_map(|part| part.split_once(' '));
            parts.find(|(_, name)| *name == word).and_then(|(number, _)| number.parse().ok()).unwrap_or(0)
        };
        Self { binaries: 1, passed: count("passed"), failed: count("failed"), ignored: count("ignored") }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.binaries += other.binaries;
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted_and_others_are_not() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 1.0s";
        assert_eq!(Counts::of_line(line), Counts { binaries: 1, passed: 12, failed: 2, ignored: 1 });
        assert_eq!(Counts::of_line("test tests::a ... ok"), Counts::default());
    }
}
