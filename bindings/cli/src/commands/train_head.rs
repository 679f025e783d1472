//! `train-head`: trains a classifier on labelled texts, or goes on with one, and writes its head.

use crate::args::GlobalArgs;
use crate::errors::{CliError, Result};
use crate::{engine, output, progress, rows};
use minnow::{CancelToken, Classifier, ClassifierReport, Encoder, LabelledText, TrainOptions};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// `minnow train-head`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The encoder: a name from `minnow models list`, a .gguf file, or a folder with config.json and model.safetensors
    #[arg(long, value_name = "MODEL", default_value = minnow_models::DEFAULT_ENCODER)]
    pub model: String,
    /// JSON lines with `text` and `label`, gzipped or not; where they have a `split`, those of `train` are used
    #[arg(long, value_name = "ROWS")]
    pub train: PathBuf,
    /// The head to write
    #[arg(long, value_name = "HEAD")]
    pub out: PathBuf,
    /// A head that learns the rows, with new labels or old ones, instead of one that is trained anew: quick, for a few corrections
    #[arg(long, value_name = "HEAD")]
    pub head: Option<PathBuf>,
    /// Which examples are held out together
    #[arg(long, value_name = "N", default_value_t)]
    pub seed: u64,
}

#[derive(Serialize)]
struct Trained {
    #[serde(flatten)]
    report: ClassifierReport,
    seconds: f32,
    bytes: u64,
}

/// Runs it.
///
/// # Errors
/// For rows without text or label, fewer than two labels, or a file that can't be written.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let examples = rows::examples(&rows::read(&args.train)?, &args.train)?;
    let encoder = engine::open_encoder_in_8_bits(&args.model, global)?;
    let started = Instant::now();
    let classifier = match &args.head {
        Some(head) => learned(&encoder, head, &examples)?,
        None => trained(&encoder, &examples, args.seed)?,
    };
    let seconds = started.elapsed().as_secs_f32();
    classifier.save(&args.out)?;
    let bytes = std::fs::metadata(&args.out).map_err(CliError::io("read", &args.out))?.len();
    output::print(global.json, &Trained { report: classifier.report(), seconds, bytes }, |trained| {
        let ClassifierReport { labels, examples, cross_validated_accuracy, expected_calibration_error, .. } =
            trained.report;
        format!(
            "{labels} labels from {examples} examples in {:.1} s: {:.1} % right on examples held out, confidence {:.3} off; {} bytes",
            trained.seconds,
            100.0 * cross_validated_accuracy,
            expected_calibration_error,
            trained.bytes
        )
    })
}

fn trained(encoder: &Encoder, examples: &[LabelledText], seed: u64) -> Result<Classifier> {
    let bar = progress::share();
    let show = |share: f32| bar.set_position((1000.0 * share) as u64);
    let options = TrainOptions::default().seed(seed);
    let classifier = Classifier::train(encoder, examples, &options, &CancelToken::new(), show);
    bar.finish_and_clear();
    Ok(classifier?)
}

fn learned(encoder: &Encoder, head: &Path, examples: &[LabelledText]) -> Result<Classifier> {
    let mut classifier = Classifier::load(encoder, head, &CancelToken::new())?;
    classifier.learn(examples, &CancelToken::new())?;
    Ok(classifier)
}
