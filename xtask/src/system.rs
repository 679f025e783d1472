//! Packages of the operating system: installed where that is allowed, else named with the exact command.

use anyhow::{Result, bail};
use std::env;
use std::path::Path;
use xshell::{Shell, cmd};

/// Where Vulkan loaders look for driver manifests.
const DRIVER_FOLDERS: [&str; 3] = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];
/// Where Debian and Ubuntu keep shared libraries.
const LIBRARY_FOLDERS: [&str; 4] =
    ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib"];

/// Makes sure that a GPU path exists for the tests, if need be Mesa's software driver. On other systems than Linux the
/// graphics driver is part of the system.
pub fn ensure_vulkan(shell: &Shell) -> Result<()> {
    if !cfg!(target_os = "linux") || (has_loader() && has_driver()) {
        return Ok(());
    }
    if !install(shell, &["libvulkan1", "mesa-vulkan-drivers"])? {
        println!("xtask: without them the tests of the GPU path skip themselves or fail");
    }
    Ok(())
}

/// Makes sure that packages can be downloaded. Returns whether that changed anything.
pub fn ensure_pip(shell: &Shell) -> Result<bool> {
    if minnow_models::desktop::Pip::is_installed() { Ok(false) } else { install(shell, &["python3-pip"]) }
}

/// Makes sure that programs are there, each named with the package that brings it.
pub fn ensure_programs(shell: &Shell, needed: &[(&str, &str)]) -> Result<()> {
    let is_missing = |program: &str| {
        !env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(program).is_file())
    };
    let (programs, packages): (Vec<&str>, Vec<&str>) =
        needed.iter().filter(|(program, _)| is_missing(program)).copied().unzip();
    if !packages.is_empty() && !install(shell, &packages)? {
        bail!("these programs are missing: {}", programs.join(", "));
    }
    Ok(())
}

/// Installs Debian packages if this process may. Otherwise says how and returns false.
fn install(shell: &Shell, packages: &[&str]) -> Result<bool> {
    let has_apt = Path::new("/usr/bin/apt-get").exists();
    let is_root = cmd!(shell, "id -u").quiet().ignore_stderr().read().is_ok_and(|id| id == "0");
    if has_apt && is_root {
        let _environment = shell.push_env("DEBIAN_FRONTEND", "noninteractive");
        let wait = "DPkg::Lock::Timeout=120";
        // The list of packages may be old or empty; if it can't be renewed, the installation shows whether that matters.
        cmd!(shell, "apt-get update -qq -o {wait}").ignore_status().run()?;
        let options = ["-y", "-qq", "--no-install-recommends", "-o", wait];
        if cmd!(shell, "apt-get install {options...} {packages...}").run().is_ok() {
            return Ok(true);
        }
    }
    let packages = packages.join(" ");
    match has_apt {
        true => println!("xtask: please run: sudo apt-get install -y {packages}"),
        false => println!("xtask: please install what Debian calls {packages}"),
    }
    Ok(false)
}

fn has_loader() -> bool {
    LIBRARY_FOLDERS.iter().any(|folder| Path::new(folder).join("libvulkan.so.1").exists())
}

/// Whether there is a driver that needs no hardware (Mesa's lavapipe), or one that somebody has chosen.
fn has_driver() -> bool {
    let chosen = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"].iter().any(|name| env::var_os(name).is_some());
    let folders = DRIVER_FOLDERS.iter().filter_map(|folder| Path::new(folder).read_dir().ok());
    chosen || folders.flatten().flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("lvp_icd"))
}
