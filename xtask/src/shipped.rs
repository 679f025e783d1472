//! What goes into a phone app holds no C code and no TLS stack.
//!
//! C code breaks the cross builds and bloats the SDK; TLS belongs to the app, which owns the network. The check asks
//! cargo for the normal and build dependencies of the shipped crates, on this machine and on both phone systems.

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

/// The crates that an app gets.
const SHIPPED: [&str; 3] = ["minnow", "minnow-models", "minnow-ffi"];
/// The systems that they are shipped for, beside this machine.
const PHONES: [&str; 2] = ["aarch64-linux-android", "aarch64-apple-ios"];
/// Crates that compile or bring C code, or are a TLS stack.
const BANNED: [&str; 14] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "bindgen",
    "cc",
    "cmake",
    "libz-sys",
    "native-tls",
    "onig",
    "onig_sys",
    "openssl",
    "openssl-sys",
    "ring",
    "rustls",
    "zstd-sys",
];

/// Fails naming the banned crates and the command that shows who wants them.
pub fn check(shell: &Shell) -> Result<()> {
    let packages = SHIPPED.iter().flat_map(|name| ["--package", name]);
    let targets = [Vec::new()].into_iter().chain(PHONES.map(|phone| vec!["--target", phone]));
    for target in targets {
        let (packages, target) = (packages.clone(), &target);
        let tree = cmd!(shell, "cargo tree {packages...} {target...} --edges normal,build --prefix none");
        let tree = tree.quiet().read()?;
        let found: Vec<_> = BANNED.into_iter().filter(|name| has(&tree, name)).collect();
        ensure!(
            found.is_empty(),
            "the shipped crates depend on {}; `cargo tree --workspace --invert NAME --edges normal,build` shows why",
            found.join(", "),
        );
    }
    println!("xtask: no C code and no TLS in {}", SHIPPED.join(", "));
    Ok(())
}

/// Whether a package with this name is one of the lines `NAME vVERSION …`.
fn has(tree: &str, name: &str) -> bool {
    tree.lines().any(|line| line.split(' ').next() == Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_match() {
        let tree = "cc-traits v1.0.0\nring v0.17.14 (*)\n";
        assert!(has(tree, "ring"));
        assert!(!has(tree, "cc"));
    }
}
