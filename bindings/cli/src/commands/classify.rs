//! `classify`: which of some labels a text belongs to.

use crate::args::{GlobalArgs, TextArgs};
use crate::errors::{Result, escape_controls};
use crate::{engine, output, text_input};
use minnow::{Assistant, CancelToken, Classification, Classifier, ClassifyOptions};
use std::path::PathBuf;

/// `minnow classify`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A chat model for --labels, an encoder for --head: a name from `minnow models list`, a .gguf file, or a folder with config.json and
    /// model.safetensors [default: smollm2-135m-instruct-q4_1 for --labels, all-minilm-l6-v2 for --head]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    /// The labels to choose from, separated by commas
    #[arg(
        long,
        required_unless_present = "head",
        conflicts_with = "head",
        value_delimiter = ',',
        value_name = "LABELS"
    )]
    pub labels: Vec<String>,
    /// A head from `minnow train-head`
    #[arg(long, value_name = "HEAD")]
    pub head: Option<PathBuf>,
    /// Below this confidence, 0 to 1, the answer is "I don't know" [default: a little over a guess for --labels, 0 for --head]
    #[arg(long, value_name = "P")]
    pub min_confidence: Option<f32>,
    /// With --head: the share of named labels that shall be right, 0 to 1
    #[arg(long, value_name = "P", requires = "head")]
    pub accuracy: Option<f32>,
    /// With --head: the share of texts of known labels that may be refused so that those of none are found [default: 0.0125]
    #[arg(long, value_name = "P", requires = "head")]
    pub refused: Option<f32>,
    /// With --head: name the words that carried the answer
    #[arg(long, requires = "head")]
    pub evidence: bool,
    #[command(flatten)]
    pub text: TextArgs,
}

/// Runs it.
///
/// # Errors
/// For labels that can't be told apart, a head of another encoder, or a text that is empty or doesn't fit.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let text = text_input::read(&args.text)?;
    let (model, cancel) = (args.model.as_deref(), CancelToken::new());
    let mut options = ClassifyOptions::default().evidence(args.evidence);
    (options.min_confidence, options.accuracy, options.refused) = (args.min_confidence, args.accuracy, args.refused);
    let answer = match &args.head {
        Some(head) => {
            let encoder = engine::open_encoder_in_8_bits(model.unwrap_or(minnow_models::DEFAULT_ENCODER), global)?;
            Classifier::load(&encoder, head, &cancel)?.classify(&text, &options, &cancel)?
        }
        None => {
            let labels: Vec<String> = args.labels.iter().map(|label| label.trim().to_owned()).collect();
            let assistant = Assistant::new(engine::open(model.unwrap_or(minnow_models::DEFAULT_MODEL), global)?);
            assistant.classify(&text, &labels, &options, &cancel)?
        }
    };
    output::print(global.json, &answer, human)
}

fn human(answer: &Classification) -> String {
    let label = answer.label.as_deref().unwrap_or("I don't know");
    let words: Vec<&str> = answer.evidence.iter().map(|evidence| evidence.word.as_str()).collect();
    let because =
        if words.is_empty() { String::new() } else { format!(", by: {}", escape_controls(&words.join(", "))) };
    format!("{} ({:.0} %){because}", escape_controls(label), 100.0 * answer.confidence)
}
