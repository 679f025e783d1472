//! A file that is there whole or not at all.

use std::fs;
use std::path::Path;

use crate::{Error, Result};

/// Has `write` make the file beside `path`, under another name, and gives it its own when it is whole. What was there before is replaced then, and left
/// alone where that fails.
///
/// # Errors
/// Those of `write`; `Io` where it can't be renamed.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let partial = Path::new(&name);
    let written =
        write(partial).and_then(|()| fs::rename(partial, path).map_err(|error| Error::io("rename", partial, error)));
    if written.is_err() {
        // what can't be removed either was never made
        let _ = fs::remove_file(partial);
    }
    written
}
