//! `batch`: the function that an evaluation set asks for, over all its rows, in the format that its scorer reads.

mod classify;
mod schedule;

use crate::args::GlobalArgs;
use crate::errors::{CliError, Result};
use crate::rows::{self, Row};
use crate::{output, progress};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};
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
    /// The model, an encoder where a label is asked for: a name from `minnow models list`, a .gguf file, or a folder with config.json and
    /// model.safetensors [default: all-minilm-l6-v2; for scheduling smollm2-135m-instruct-q4_1]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
}

/// Sets of ../shared/evals that are answered.
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
    /// Events in English sentences
    #[value(name = "scheduling_en")]
    SchedulingEn,
    /// Events in Chinese sentences
    #[value(name = "scheduling_zh")]
    SchedulingZh,
    /// Sentences without an event
    #[value(name = "scheduling_none")]
    SchedulingNone,
}

/// Answers rows, one at a time.
trait Answers {
    /// The fields of a prediction, the row's id left out.
    ///
    /// # Errors
    /// For a row that the function can't use.
    fn answer(&self, row: &Row) -> Result<Map<String, Value>>;
}

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
    let started = Instant::now();
    let answers: Box<dyn Answers> = match args.set {
        Set::SchedulingEn | Set::SchedulingZh | Set::SchedulingNone => {
            Box::new(schedule::Scheduler::open(args, global)?)
        }
        _ => Box::new(classify::Labeller::open(args, &input, global)?),
    };
    let (mut lines, mut times) = (String::new(), Vec::with_capacity(input.len()));
    let bar = progress::counted(input.len());
    for row in &input {
        let id = row.get("id").ok_or_else(|| missing("id", &args.input))?;
        let began = Instant::now();
        let mut line = answers.answer(row)?;
        times.push(began.elapsed().as_secs_f32() * 1000.0);
        line.insert("id".to_owned(), id.clone());
        lines += &format!("{}\n", Value::Object(line));
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

/// For a row that lacks something.
fn missing(what: &str, input: &Path) -> CliError {
    CliError::Input { what: format!("a row has no {what}"), at: input.display().to_string() }
}
