//! `embed`: texts as vectors, for search and likeness.

use crate::args::GlobalArgs;
use crate::errors::Result;
use crate::{engine, output, progress, text_input};
use minnow::CancelToken;
use serde::Serialize;
use std::path::PathBuf;

/// `minnow embed`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An encoder: a name from `minnow models list`, a .gguf file, or a folder with config.json and model.safetensors
    #[arg(long, value_name = "MODEL", default_value = minnow_models::DEFAULT_ENCODER)]
    pub model: String,
    /// The texts, one an argument
    #[arg(value_name = "TEXT", conflicts_with = "file", required_unless_present = "file")]
    pub texts: Vec<String>,
    /// A UTF-8 file with a text on each line
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Embedded {
    embeddings: Vec<Vec<f32>>,
    dimensions: usize,
}

/// Runs it.
///
/// # Errors
/// For a model that is no encoder, or a file that can't be read.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let texts = match &args.file {
        Some(path) => text_input::read_file(path)?.lines().map(str::to_owned).collect(),
        None => args.texts.clone(),
    };
    let encoder = engine::open_encoder(&args.model, global)?;
    let bar = progress::counted(texts.len());
    let embeddings = encoder.embed(&texts, &CancelToken::new(), |done| bar.set_position(done as u64));
    bar.finish_and_clear();
    let embedded = Embedded { embeddings: embeddings?, dimensions: encoder.dimensions() };
    output::print(global.json, &embedded, |embedded| {
        let line = |embedding: &Vec<f32>| {
            let numbers: Vec<String> = embedding.iter().map(|x| format!("{x:.6}")).collect();
            numbers.join(" ") + "\n"
        };
        embedded.embeddings.iter().map(line).collect()
    })
}
