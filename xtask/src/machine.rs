//! Where and from which sources a number comes.

use anyhow::Result;
use serde::Serialize;
use std::thread;
use xshell::{Shell, cmd};

/// The extensions that matter to one engine or the other, as Linux names them (x86, then Arm).
const EXTENSIONS: [&str; 10] =
    ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8", "asimddp", "i8mm", "sve", "sve2", "sme"];

/// A computer.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// The processor's name, or at least its family.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Which of [`EXTENSIONS`] it has; empty where the system isn't Linux.
    pub extensions: Vec<&'static str>,
}

impl Machine {
    /// This one.
    pub fn this(shell: &Shell) -> Result<Self> {
        // on Linux only; elsewhere the family of the processor has to do
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let family = || cmd!(shell, "uname -m").quiet().read();
        Ok(Self {
            cpu: field(&info, &["model name"]).map_or_else(family, |name| Ok(name.to_owned()))?,
            cores: thread::available_parallelism()?.get(),
            extensions: extensions(&info),
        })
    }
}

/// The value of the first line `NAME : VALUE` of /proc/cpuinfo.
fn field<'a>(info: &'a str, names: &[&str]) -> Option<&'a str> {
    let mut lines = info.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(name, _)| names.contains(&name.trim())).map(|(_, value)| value.trim())
}

fn extensions(info: &str) -> Vec<&'static str> {
    let all: Vec<_> = field(info, &["flags", "Features"]).unwrap_or_default().split_whitespace().collect();
    EXTENSIONS.into_iter().filter(|name| all.contains(name)).collect()
}

/// The commit that is checked out, and whether something beside `results` has been changed since.
pub fn commit(shell: &Shell, results: &str) -> Result<String> {
    let commit = cmd!(shell, "git rev-parse --short=10 HEAD").quiet().read()?;
    let others = format!(":!{results}");
    let changes = cmd!(shell, "git status --porcelain --untracked-files=no -- . {others}").quiet().read()?;
    Ok(if changes.is_empty() { commit } else { format!("{commit} with changes") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_extensions_are_read_from_cpuinfo() {
        let x86 = "processor\t: 0\nmodel name\t: Some(R) CPU\nflags\t\t: fpu avx2 avx512f\n\nprocessor\t: 1\n";
        assert_eq!(field(x86, &["model name"]), Some("Some(R) CPU"));
        assert_eq!(extensions(x86), ["avx2", "avx512f"]);
        assert_eq!(extensions("Features\t: fp asimd i8mm asimddp\n"), ["asimddp", "i8mm"]);
        assert!(extensions("").is_empty());
    }
}
