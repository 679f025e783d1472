//! A Debian root with a Rust of its own and that Rust's sources: for machines where rustup can't fetch a standard library.
//!
//! Debian's unstable branch has a recent rustc. It brings no standard library for Android, but its sources, and cargo compiles
//! them along. Everything else is as without the root: the same stubs, the same kind of linker.

use crate::android::abi::Abi;
use crate::android::{folder, library, stubs};
use crate::system;
use anyhow::{Context, Result, ensure};
use minnow_models::desktop;
use std::env;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// What is installed in it.
const PACKAGES: &str = "ca-certificates,cargo,gcc,libc6-dev,lld,rust-src,rustc";
/// Written last, so that a root that was interrupted is made again.
const COMPLETE: &str = "minnow-root";

/// The root's folder.
#[derive(Debug)]
pub struct Root(PathBuf);

/// Makes it, unless it is there.
pub fn ensure(shell: &Shell) -> Result<Root> {
    let root = desktop::cache_folder()?.join("android-root");
    if root.join(COMPLETE).exists() {
        return Ok(Root(root));
    }
    let user = cmd!(shell, "id -u").quiet().read()?;
    ensure!(user == "0", "a Debian root can be made by root only; `rustup target add` needs nobody's permission");
    system::ensure_programs(shell, &[("debootstrap", "debootstrap")])?;
    println!("xtask: making a Debian root in {} (some minutes, 2 GB)", root.display());
    shell.remove_path(&root)?;
    let mirror = mirror(shell)?;
    cmd!(shell, "debootstrap --variant=minbase --include={PACKAGES} sid {root} {mirror}").run()?;
    shell.write_file(root.join(COMPLETE), "made by cargo xtask android root\n")?;
    Ok(Root(root))
}

/// Where this machine's own packages come from.
fn mirror(shell: &Shell) -> Result<String> {
    let (format, what) = ("$(REPO_URI)", "Created-By: Packages");
    let addresses = cmd!(shell, "apt-get indextargets --format {format} {what}").quiet().read()?;
    addresses.lines().next().map(str::to_owned).context("this machine's apt knows no mirror")
}

impl Root {
    /// Builds the library in it, and returns where the library with symbols is.
    pub fn build(&self, shell: &Shell, abi: Abi) -> Result<PathBuf> {
        stubs::ensure(shell, abi)?;
        let (root, android, target) = (&self.0, folder()?, "target-of-root");
        let cargo_home = library::cargo_home()?;
        // Files seen from inside, beside the system's own. The mounts are in a namespace that ends with the command.
        let inside = |outside: &Path, name: &str| {
            let mount = root.join(name);
            shell.create_dir(&mount).map(|_| format!("mount --bind '{}' '{}'", outside.display(), mount.display()))
        };
        let mounts = [
            inside(Path::new("/dev"), "dev")?,
            inside(&shell.current_dir(), "minnow")?,
            inside(&cargo_home, "cargo-home")?,
            inside(&android, "android")?,
            format!("mount -t proc proc '{}'", root.join("proc").display()),
            format!("cp /etc/resolv.conf '{}'", root.join("etc").display()),
        ];
        let (triple, link) =
            (abi.triple(), library::words(&library::link_arguments(abi)).collect::<Vec<_>>().join(" "));
        let variable = library::cargo_variable(abi);
        let flags = library::stub_flags(&Path::new("/android/stubs").join(abi.name())).join(" ");
        let build = format!(
            "cd /minnow && PATH=/usr/bin:/bin RUSTC_BOOTSTRAP=1 CARGO_HOME=/cargo-home CARGO_TARGET_DIR=/android/{target} \
             {variable}_LINKER=ld.lld {variable}_RUSTFLAGS=\"{flags}\" \
             cargo rustc --package {package} --lib --profile {profile} --target {triple} -Zbuild-std=std,panic_unwind \
             --crate-type cdylib -- {link} {generation}",
            generation = library::generation(),
            package = library::PACKAGE,
            profile = library::PROFILE,
        );
        let script = format!("{} && exec chroot '{}' sh -c '{build}'", mounts.join(" && "), root.display());
        // What this process was told about rustup's Rust doesn't hold inside.
        let command = cmd!(shell, "unshare --mount sh -c {script}");
        let rustup =
            env::vars().map(|(name, _)| name).filter(|name| name.starts_with("RUSTUP_") || name.starts_with("CARGO"));
        rustup.fold(command, |command, name| command.env_remove(name)).run()?;
        Ok(android.join(target).join(triple).join(library::PROFILE).join(library::FILE))
    }
}
