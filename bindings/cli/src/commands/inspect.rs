//! `inspect`: what a model file holds.

use crate::args::{GlobalArgs, ModelArg};
use crate::errors::{Result, escape_controls};
use crate::{model_source, output};
use indicatif::HumanCount;
use minnow::ModelInfo;

/// `minnow inspect`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub model: ModelArg,
}

/// Runs it.
///
/// # Errors
/// For a model that can't be found or read.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let info = minnow::inspect(model_source::resolve(&args.model.model, global)?)?;
    output::print(global.json, &info, human)
}

fn human(info: &ModelInfo) -> String {
    let context = info.context.map_or("unknown".to_owned(), |tokens| format!("{tokens} tokens"));
    let mut text = format!(
        "architecture  {}\nparameters    {}\ncontext       {context}\ntensors       {}\n",
        escape_controls(&info.architecture),
        HumanCount(info.parameters),
        info.tensors.len()
    );
    for tensor in &info.tensors {
        let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
        text += &format!("  {:5} {:>14}  {}\n", tensor.format, shape.join(" x "), escape_controls(&tensor.name));
    }
    text
}
