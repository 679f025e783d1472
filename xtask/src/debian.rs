//! Debian in a folder: for compilers that this machine doesn't have. Made once, by root, and reused.

use crate::system;
use anyhow::{Context, Result, ensure};
use minnow_models::desktop;
use std::env;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// Written last, so that a root that was interrupted is made again.
const COMPLETE: &str = "minnow-root";

/// Where Debian keeps the certificates that are trusted.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What a root is made of.
pub struct Recipe {
    /// The name of its folder in the cache.
    pub name: &'static str,
    /// Debian's release.
    pub suite: &'static str,
    /// The packages to install, with commas between them.
    pub packages: &'static str,
    /// How long it takes and how large it gets, for who waits.
    pub cost: &'static str,
}

/// A folder with Debian in it.
#[derive(Debug)]
pub struct Root(PathBuf);

/// Whether roots can be made and run here.
pub fn is_possible(shell: &Shell) -> Result<bool> {
    let user = cmd!(shell, "id -u").quiet().read()?;
    Ok(user == "0" && cmd!(shell, "unshare --mount true").quiet().ignore_stderr().run().is_ok())
}

/// Makes it, unless it is there.
pub fn ensure(shell: &Shell, recipe: &Recipe) -> Result<Root> {
    let Recipe { name, suite, packages, cost } = recipe;
    let root = desktop::cache_folder()?.join(name);
    if root.join(COMPLETE).exists() {
        return Ok(Root(root));
    }
    ensure!(is_possible(shell)?, "a Debian root can be made by root only, where there are mount namespaces");
    system::ensure_programs(shell, &[("debootstrap", "debootstrap")])?;
    println!("xtask: making a Debian root in {} ({cost})", root.display());
    shell.remove_path(&root)?;
    let mirror = mirror(shell)?;
    cmd!(shell, "debootstrap --variant=minbase --include={packages} {suite} {root} {mirror}").quiet().run()?;
    shell.write_file(root.join(COMPLETE), "made by cargo xtask\n")?;
    Ok(Root(root))
}

/// Where this machine's own packages come from.
fn mirror(shell: &Shell) -> Result<String> {
    let (format, what) = ("$(REPO_URI)", "Created-By: Packages");
    let addresses = cmd!(shell, "apt-get indextargets --format {format} {what}").quiet().read()?;
    addresses.lines().next().map(str::to_owned).context("this machine's apt knows no mirror")
}

impl Root {
    /// Runs a script inside, which sees folders of this machine under other names. The mounts are in a namespace that ends with it.
    pub fn run(&self, shell: &Shell, folders: &[(&Path, &str)], script: &str) -> Result<()> {
        let root = &self.0;
        let mut mounts = vec![
            format!("mount -t proc proc '{}'", root.join("proc").display()),
            format!("cp /etc/resolv.conf '{}'", root.join("etc").display()),
        ];
        // whom this machine trusts, which may be more than Debian does
        if Path::new(CERTIFICATES).exists() {
            mounts.push(format!("cp '{CERTIFICATES}' '{}{CERTIFICATES}'", root.display()));
        }
        for (outside, name) in [(Path::new("/dev"), "dev")].iter().chain(folders) {
            let mount = root.join(name);
            shell.create_dir(&mount)?;
            mounts.push(format!("mount --bind '{}' '{}'", outside.display(), mount.display()));
        }
        let outer = format!(r#"{} && exec chroot "$0" sh -c "$1""#, mounts.join(" && "));
        let command = cmd!(shell, "unshare --mount sh -c {outer} {root} {script}").quiet();
        // What this process was told about rustup's Rust doesn't hold inside.
        let rustup =
            env::vars().map(|(name, _)| name).filter(|name| name.starts_with("RUSTUP_") || name.starts_with("CARGO"));
        rustup.fold(command, |command, name| command.env_remove(name)).run()?;
        Ok(())
    }
}
