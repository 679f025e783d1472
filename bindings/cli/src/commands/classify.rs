//! `classify`: which of some labels a text belongs to.

use crate::args::{GlobalArgs, TaskModelArg, TextArgs};
use crate::errors::{Result, escape_controls};
use crate::{engine, output, text_input};
use minnow::{Assistant, CancelToken, ClassifyOptions};

/// `minnow classify`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub model: TaskModelArg,
    /// The labels to choose from, separated by commas
    #[arg(long, required = true, value_delimiter = ',', value_name = "LABELS")]
    pub labels: Vec<String>,
    /// Below this confidence, 0 to 1, the answer is "I don't know" [default: a little over a guess]
    #[arg(long, value_name = "P")]
    pub min_confidence: Option<f32>,
    #[command(flatten)]
    pub text: TextArgs,
}

/// Runs it.
///
/// # Errors
/// For labels that can't be told apart, or a text that is empty or doesn't fit.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let text = text_input::read(&args.text)?;
    let labels: Vec<String> = args.labels.iter().map(|label| label.trim().to_owned()).collect();
    let assistant = Assistant::new(engine::open(&args.model.model, global)?);
    let mut options = ClassifyOptions::default();
    options.min_confidence = args.min_confidence;
    let answer = assistant.classify(&text, &labels, &options, &CancelToken::new())?;
    output::print(global.json, &answer, |answer| {
        let label = answer.label.as_deref().unwrap_or("I don't know");
        format!("{} ({:.0} %)", escape_controls(label), 100.0 * answer.confidence)
    })
}
