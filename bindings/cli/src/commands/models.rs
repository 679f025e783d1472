//! `models list`, `models fetch NAME`, `models verify [NAME]`, `models remove NAME`.

use crate::args::GlobalArgs;
use crate::errors::{CliError, Result};
use crate::progress::Bar;
use crate::{model_source, output};
use clap::Subcommand;
use indicatif::HumanBytes;
use minnow_models::{CancelToken, ModelEntry, ModelState, ModelsError, Store, desktop};
use serde::Serialize;

/// `minnow models`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows the catalogue and what of it is stored
    List,
    /// Downloads a model (going on where an earlier try stopped) and verifies it
    Fetch {
        /// A name from `minnow models list`
        name: String,
    },
    /// Checks the checksums of what is stored
    Verify {
        /// A name from `minnow models list` [default: everything that is stored]
        name: Option<String>,
    },
    /// Deletes a stored model, and what broken-off downloads of it have left
    Remove {
        /// A name from `minnow models list`
        name: String,
    },
}

/// A model as `--json` shows it.
#[derive(Debug, Serialize)]
struct Row<'a> {
    name: &'a str,
    architecture: &'a str,
    quantisation: &'a str,
    bytes: u64,
    licence: &'a str,
    state: &'static str,
}

impl<'a> Row<'a> {
    fn new(model: &'a ModelEntry, state: ModelState) -> Self {
        Self {
            name: &model.name,
            architecture: &model.architecture,
            quantisation: &model.quantisation,
            bytes: model.bytes(),
            licence: &model.licence.name,
            state: state.as_str(),
        }
    }
}

/// Runs it.
///
/// # Errors
/// [`CliError::Models`]; [`CliError::Output`].
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let store = desktop::store()?;
    match &args.action {
        Action::List => {
            let rows: Vec<_> = store.list().map(|(model, state)| Row::new(model, state)).collect();
            output::print(global.json, &rows, |rows| table(rows))
        }
        Action::Fetch { name } => {
            let path = model_source::fetch(&store, name, global)?;
            let rows = [Row::new(store.catalogue().get(name)?, ModelState::Available)];
            output::print(global.json, &rows, |_| path.display().to_string())
        }
        Action::Verify { name } => verify(&store, name.as_deref(), global),
        Action::Remove { name } => {
            store.remove(name, &CancelToken::new())?;
            let model = store.catalogue().get(name)?;
            let rows = [Row::new(model, store.state(model))];
            output::print(global.json, &rows, |rows| table(rows))
        }
    }
}

/// Verifies one model, or all that are stored, and prints what was found before it fails for the damaged ones.
fn verify(store: &Store, name: Option<&str>, global: &GlobalArgs) -> Result<()> {
    let models = match name {
        Some(name) => vec![store.catalogue().get(name)?],
        None => store.catalogue().models().iter().collect(),
    };
    let mut rows = Vec::new();
    let mut damaged: Option<ModelsError> = None;
    let bar = Bar::new();
    for model in models {
        match store.verify(&model.name, &mut |progress| bar.show(progress), &CancelToken::new()) {
            Ok(()) => rows.push(Row::new(model, ModelState::Available)),
            Err(ModelsError::NotStored { .. }) if name.is_none() => {}
            Err(error @ ModelsError::Damaged { .. }) => {
                rows.push(Row::new(model, ModelState::Downloadable));
                damaged.get_or_insert(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    drop(bar);
    output::print(global.json, &rows, |rows| match &rows[..] {
        [] => "nothing is stored".to_owned(),
        rows => table(rows),
    })?;
    damaged.map_or(Ok(()), |error| Err(CliError::Models(error)))
}

/// Columns for people.
fn table(rows: &[Row<'_>]) -> String {
    let size = |row: &Row<'_>| HumanBytes(row.bytes).to_string();
    let cells = |row: &Row<'_>| {
        [row.name.to_owned(), row.architecture.to_owned(), row.quantisation.to_owned(), size(row), row.state.to_owned()]
    };
    let mut widths = [0; 5];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(cells(row)) {
            *width = (*width).max(cell.len());
        }
    }
    let line = |row: &Row<'_>| {
        let padded = cells(row).into_iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}  {}\n", padded.collect::<Vec<_>>().join("  "), row.licence)
    };
    rows.iter().map(line).collect()
}
