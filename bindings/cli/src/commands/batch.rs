//! `batch`: the function that an evaluation set asks for, over all its rows, in the format that its scorer reads.

use crate::args::GlobalArgs;
use crate::errors::{CliError, Result};
use crate::rows::{self, Row};
use crate::{engine, output, progress};
use minnow::{CancelToken, Classification, Classifier, ClassifyOptions, Encoder, LabelledText, TrainOptions};
use serde::Serialize;
use serde_json::json;
use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::time::Instant;

/// `minnow batch`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The set
    #[arg(value_enum, value_name = "SET")]
    pub set: Set,
    /// The rows to answer: JSON lines, gzipped or not
    #[arg(long = "in", value_name = "ROWS")]
    pub input: PathBuf,
    /// Where the predictions go
    #[arg(long = "out", value_name = "PREDICTIONS")]
    pub output: PathBuf,
    /// Rows to train on; without them and --head, labels are known by their names alone
    #[arg(long, value_name = "ROWS", conflicts_with = "head")]
    pub train: Option<PathBuf>,
    /// A head from `minnow train-head`
    #[arg(long, value_name = "HEAD")]
    pub head: Option<PathBuf>,
    /// Train on this many examples of each label, drawn by --seed
    #[arg(long, value_name = "N", requires = "train")]
    pub shots: Option<usize>,
    /// The share of texts of known labels that may be refused so that those of none are found [default: 0.0125]
    #[arg(long, value_name = "P")]
    pub refused: Option<f32>,
    /// What is drawn and held out
    #[arg(long, value_name = "N", default_value_t)]
    pub seed: u64,
    /// The encoder: a name from `minnow models list`, a .gguf file, or a folder with config.json and model.safetensors
    #[arg(long, value_name = "MODEL", default_value = minnow_models::DEFAULT_ENCODER)]
    pub model: String,
}

/// Sets of ../shared/evals that ask for a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Set {
    /// Banking intents
    Banking77,
    /// Intents of an assistant; `oos` for a text of none
    Clinc150,
    /// Intents; slots are not filled
    #[value(name = "snips_slots")]
    SnipsSlots,
    /// Clauses of contracts
    #[value(name = "contract_clauses")]
    ContractClauses,
    /// Urgency of tickets
    #[value(name = "ticket_urgency")]
    TicketUrgency,
    /// Payments of an authority
    #[value(name = "transactions_ledger")]
    TransactionsLedger,
    /// Merchants by what they sell
    #[value(name = "merchant_categories")]
    MerchantCategories,
}

/// The label that stands for none, in clinc150.
const OUT_OF_SCOPE: &str = "oos";

#[derive(Serialize)]
struct Done {
    rows: usize,
    seconds: f32,
    p50_ms: f32,
    p95_ms: f32,
}

/// Runs it.
///
/// # Errors
/// For rows that the set's function can't use, or a file that can't be written.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let input = rows::read(&args.input)?;
    let encoder = engine::open_encoder_in_8_bits(&args.model, global)?;
    let started = Instant::now();
    let classifier = classifier(args, &encoder, &input)?;
    let (mut options, cancel) = (ClassifyOptions::default(), CancelToken::new());
    options.refused = args.refused;
    let (mut lines, mut times) = (String::new(), Vec::with_capacity(input.len()));
    let bar = progress::counted(input.len());
    for row in &input {
        let missing =
            |what: &str| CliError::Input { what: format!("a row has no {what}"), at: args.input.display().to_string() };
        let (id, text) = (row.get("id").ok_or_else(|| missing("id"))?, rows::text(row).ok_or_else(|| missing("text"))?);
        let began = Instant::now();
        let answer = classifier.classify(&text, &options, &cancel)?;
        times.push(began.elapsed().as_secs_f32() * 1000.0);
        let (label, confidence) = prediction(args.set, &answer);
        let mut line = json!({ "id": id, "label": label, "confidence": confidence });
        if args.set == Set::SnipsSlots {
            line["slots"] = json!([]);
        }
        lines += &format!("{line}\n");
        bar.inc(1);
    }
    bar.finish_and_clear();
    fs::write(&args.output, lines).map_err(CliError::io("write", &args.output))?;
    times.sort_by(f32::total_cmp);
    let at = |share: f32| times.get((share * times.len() as f32) as usize).copied().unwrap_or(0.0);
    let done = Done { rows: input.len(), seconds: started.elapsed().as_secs_f32(), p50_ms: at(0.5), p95_ms: at(0.95) };
    output::print(global.json, &done, |done| {
        format!(
            "{} rows in {:.1} s; a row took {:.1} ms (95 %: {:.1} ms)",
            done.rows, done.seconds, done.p50_ms, done.p95_ms
        )
    })
}

/// The label and its confidence. Sets without a label for none want the likeliest, however likely.
fn prediction(set: Set, answer: &Classification) -> (&str, f32) {
    let best = answer.scores.first().map_or("", |best| best.label.as_str());
    match (set, &answer.label) {
        (Set::Clinc150, None) => (OUT_OF_SCOPE, 1.0 - answer.confidence),
        _ => (best, answer.confidence),
    }
}

/// The classifier that the options ask for.
fn classifier(args: &Args, encoder: &Encoder, input: &[Row]) -> Result<Classifier> {
    let cancel = CancelToken::new();
    if let Some(head) = &args.head {
        return Ok(Classifier::load(encoder, head, &cancel)?);
    }
    let Some(path) = &args.train else {
        let mut labels: Vec<&str> =
            input.iter().filter_map(rows::label).filter(|label| *label != OUT_OF_SCOPE).collect();
        labels.sort_unstable();
        labels.dedup();
        return Ok(Classifier::from_labels(encoder, &labels, &cancel)?);
    };
    let mut examples = rows::examples(&rows::read(path)?, path)?;
    // what is out of scope can't be told by examples: anything is
    examples.retain(|example| args.set != Set::Clinc150 || example.label != OUT_OF_SCOPE);
    if let Some(shots) = args.shots {
        examples = draw(examples, shots, args.seed);
    }
    let bar = progress::share();
    let show = |share: f32| bar.set_position((1000.0 * share) as u64);
    let classifier = Classifier::train(encoder, &examples, &TrainOptions::default().seed(args.seed), &cancel, show);
    bar.finish_and_clear();
    Ok(classifier?)
}

/// Some examples of each label.
fn draw(examples: Vec<LabelledText>, shots: usize, seed: u64) -> Vec<LabelledText> {
    let order = |example: &LabelledText| {
        let mut hasher = DefaultHasher::new();
        (seed, example).hash(&mut hasher);
        hasher.finish()
    };
    let mut examples = examples;
    examples.sort_by_cached_key(order);
    let mut drawn: HashMap<String, usize> = HashMap::new();
    examples.retain(|example| {
        let count = drawn.entry(example.label.clone()).or_default();
        *count += 1;
        *count <= shots
    });
    examples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_has_the_same_number_of_each_label_and_depends_on_the_seed() {
        let examples: Vec<LabelledText> =
            (0..60).map(|i| LabelledText::new(format!("text {i}"), format!("label {}", i % 3))).collect();
        let drawn = draw(examples.clone(), 5, 1);
        assert_eq!(drawn.len(), 15);
        assert_eq!(drawn.iter().filter(|example| example.label == "label 1").count(), 5);
        assert_eq!(draw(examples.clone(), 5, 1), drawn);
        assert_ne!(draw(examples, 5, 2), drawn);
    }
}
