//! A Debian package of another architecture, unpacked into a folder of ours.
//!
//! apt does it with lists and downloads in folders of its own: this machine's apt never hears of the other architecture, and
//! nobody needs to be root.

use crate::android::abi::Abi;
use anyhow::{Context, Result, bail};
use std::path::Path;
use xshell::{Shell, cmd};

/// Downloads the first of the `packages` that there is, and unpacks it into `folder`, which is made anew.
pub fn unpack(shell: &Shell, abi: Abi, packages: &[String], folder: &Path) -> Result<()> {
    let work = shell.create_temp_dir()?;
    let (lists, archives) = (work.path().join("lists"), work.path().join("archives"));
    shell.create_dir(lists.join("partial"))?;
    shell.create_dir(archives.join("archives/partial"))?;
    let architecture = abi.debian();
    let settings = [
        format!("APT::Architecture={architecture}"),
        format!("APT::Architectures::={architecture}"),
        format!("Dir::State::lists={}", lists.display()),
        format!("Dir::Cache={}", archives.display()),
        "Acquire::Languages=none".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
    ];
    let options: Vec<&str> = settings.iter().flat_map(|setting| ["-o", setting]).collect();
    let options = &options;
    // One list of several may be unreachable; what matters is whether the package can be had.
    cmd!(shell, "apt-get -qq {options...} update").ignore_status().run().context("apt-get is needed, as on Debian")?;
    let _in_work = shell.push_dir(work.path());
    for package in packages {
        if cmd!(shell, "apt-get -qq {options...} download {package}").ignore_stderr().run().is_ok() {
            let archive =
                shell.read_dir(".")?.into_iter().find(|path| path.extension().is_some_and(|end| end == "deb"));
            let archive = archive.with_context(|| format!("apt-get downloaded no {package}"))?;
            shell.remove_path(folder)?;
            shell.create_dir(folder)?;
            cmd!(shell, "dpkg-deb --extract {archive} {folder}").run()?;
            return Ok(());
        }
    }
    bail!("none of these Debian packages can be had for {architecture}: {}", packages.join(", "));
}
