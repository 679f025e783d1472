//! From what follows `--model` to a file or folder on this machine.

use crate::args::GlobalArgs;
use crate::errors::{CliError, Result, escape_controls};
use crate::progress::Bar;
use minnow_models::{CancelToken, FetchOptions, ModelEntry, ModelsError, Store};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

/// The path of a model: a catalogue name, which is fetched and verified if it isn't stored, or a path.
///
/// # Errors
/// [`CliError::Models`] if a catalogue model can't be had; [`CliError::Input`] if it is neither a name nor a path.
pub fn resolve(model: &str, global: &GlobalArgs) -> Result<PathBuf> {
    let store = minnow_models::desktop::store()?;
    match store.path(model) {
        Ok(path) => Ok(path),
        Err(ModelsError::NotStored { .. }) => fetch(&store, model, global),
        Err(ModelsError::UnknownModel { known, .. }) => {
            let path = Path::new(model);
            let what = || format!("no such file or folder, and no model of that name (the catalogue has {known})");
            if path.exists() {
                Ok(path.to_owned())
            } else {
                Err(CliError::Input { what: what(), at: model.to_owned() })
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// Fetches a catalogue model, showing progress.
///
/// # Errors
/// [`CliError::Models`].
pub fn fetch(store: &Store, name: &str, global: &GlobalArgs) -> Result<PathBuf> {
    let bar = Bar::new();
    let fetch = |accepted| {
        let options = FetchOptions::default().accept_licence(accepted);
        store.fetch(name, options, &mut |progress| bar.show(progress), &CancelToken::new())
    };
    match fetch(global.accept_licence) {
        Err(error @ ModelsError::LicenceNotAccepted { .. }) => {
            if !accepts(store.catalogue().get(name)?) {
                return Err(error.into());
            }
            Ok(fetch(true)?)
        }
        outcome => Ok(outcome?),
    }
}

/// Whether the person at the terminal accepts a model's terms. A script has asked for the model by its name and can't be
/// asked back: the terms are named on stderr, and fetching goes on.
fn accepts(model: &ModelEntry) -> bool {
    let licence = &model.licence;
    let terms = escape_controls(&format!("{} comes under the {} ({})", model.name, licence.name, licence.url));
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        say(&format!("note: {terms}; fetching it accepts them\n"));
        return true;
    }
    say(&format!("{terms}. Do you accept them? [y/N] "));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Writes to stderr; if that is closed, there is nobody to tell.
fn say(text: &str) {
    let _: io::Result<()> = io::Write::write_all(&mut io::stderr(), text.as_bytes());
}
