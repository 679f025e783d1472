//! `bench`: speed and memory, after a warm-up.

use crate::args::{GlobalArgs, ModelArg};
use crate::errors::Result;
use crate::{engine, output};
use clap::value_parser;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget};
use minnow::{CancelToken, Engine, SessionOptions};
use serde::Serialize;
use std::time::Instant;

/// `minnow bench`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub model: ModelArg,
    #[command(flatten)]
    pub lengths: Lengths,
}

/// What is run, and how often.
#[derive(Debug, clap::Args)]
pub struct Lengths {
    /// Tokens of the prompt
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = value_parser!(u32).range(1..))]
    pub prefill: u32,
    /// Tokens to generate
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = value_parser!(u32).range(1..))]
    pub decode: u32,
    /// Timed runs; the median is printed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = value_parser!(u32).range(1..))]
    pub repeat: u32,
}

/// Tokens of the prompt that the time to the first token is taken with.
const FIRST_TOKEN_PROMPT: usize = 200;
/// Tokens of it that are no fixed prompt but a question, where the rest is restored from a snapshot.
const QUESTION_TOKENS: usize = 16;

/// What `--json` prints; times and rates are medians of the repeats.
#[derive(Serialize)]
struct Report {
    load_s: f64,
    prefill_tps: f64,
    decode_tps: f64,
    first_token_s: f64,
    /// The same where all but the last tokens of the prompt are restored from a snapshot on disk; `null` where the prompt is too short, or
    /// no snapshot can be kept.
    restored_first_token_s: Option<f64>,
    /// `null` where the system doesn't tell.
    peak_rss_bytes: Option<u64>,
    device: String,
    threads: usize,
}

/// Runs it.
///
/// # Errors
/// For lengths that don't fit into the model's context, or a failed device.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    report(&args.model.model, &args.lengths, global)
}

/// Measures a model and prints the report.
///
/// # Errors
/// As [`run`].
pub fn report(model: &str, lengths: &Lengths, global: &GlobalArgs) -> Result<()> {
    let started = Instant::now();
    let engine = engine::open(model, global)?;
    let load_s = started.elapsed().as_secs_f64();
    let (prefill, decode) = (lengths.prefill as usize, lengths.decode as usize);
    let bar = ProgressBar::with_draw_target(Some(u64::from(lengths.repeat)), ProgressDrawTarget::stderr());
    measure(&engine, FIRST_TOKEN_PROMPT.min(prefill), 1)?;
    let mut runs = Vec::new();
    let (mut first, mut restored) = (Vec::new(), Vec::new());
    for _ in 0..lengths.repeat {
        runs.push(measure(&engine, prefill, decode)?);
        first.push(measure(&engine, FIRST_TOKEN_PROMPT.min(prefill), 0)?.0);
        restored.extend(measure_restored(&engine, FIRST_TOKEN_PROMPT.min(prefill))?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let rate = |tokens: usize, seconds: f64| tokens as f64 / seconds.max(1e-9);
    let report = Report {
        load_s,
        prefill_tps: rate(prefill, median(runs.iter().map(|run| run.0).collect())),
        decode_tps: rate(decode, median(runs.iter().map(|run| run.1).collect())),
        first_token_s: median(first),
        restored_first_token_s: (!restored.is_empty()).then(|| median(restored)),
        peak_rss_bytes: peak_resident_bytes(),
        device: engine.device().name.clone(),
        threads: engine.threads(),
    };
    output::print(global.json, &report, human)
}

/// Ids that are arbitrary but the same each time.
fn prompt(engine: &Engine, length: usize) -> Vec<u32> {
    let vocab_size = engine.config().vocab_size;
    (0..length).map(|index| ((index * 7919 + 13) % vocab_size) as u32).collect()
}

/// Seconds to the first token of a prompt whose snapshot is restored, but for the question at its end.
fn measure_restored(engine: &Engine, length: usize) -> Result<Option<f64>> {
    let ids = prompt(engine, length);
    let Some((fixed, question)) = ids.split_at_checked(length.saturating_sub(QUESTION_TOKENS)) else { return Ok(None) };
    let cancel = CancelToken::new();
    let begun = || -> Result<Option<f64>> {
        let mut session = engine.session(SessionOptions::default().context_tokens(length))?;
        let started = Instant::now();
        let restored = session.feed_prefix(fixed, &cancel)?;
        session.feed(question, &cancel)?;
        Ok(restored.then(|| started.elapsed().as_secs_f64()))
    };
    // the first time, it may have to be made
    match begun()? {
        Some(seconds) => Ok(Some(seconds)),
        None => begun(),
    }
}

/// Seconds of one prefill, and of `decode` greedy steps after it.
fn measure(engine: &Engine, prefill: usize, decode: usize) -> Result<(f64, f64)> {
    let ids = prompt(engine, prefill);
    let mut session = engine.session(SessionOptions::default().context_tokens(prefill + decode.max(1)))?;
    let cancel = CancelToken::new();
    let started = Instant::now();
    session.feed(&ids, &cancel)?;
    let prefill_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    for _ in 0..decode {
        // fed as ids, so that a stop token doesn't end the measurement
        let logits = session.logits().unwrap_or_default();
        let next = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap_or(0);
        session.feed(&[next as u32], &cancel)?;
    }
    Ok((prefill_s, started.elapsed().as_secs_f64()))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The most memory that this process had at once, mapped files included.
fn peak_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| 1024 * kilobytes)
}

fn human(report: &Report) -> String {
    let memory = report.peak_rss_bytes.map_or("unknown".to_owned(), |bytes| HumanBytes(bytes).to_string());
    let restored = report.restored_first_token_s;
    let restored = restored.map_or_else(String::new, |seconds| format!(", {seconds:.3} s where the prompt was kept"));
    format!(
        "device       {}, {} threads\nload         {:.3} s\nprefill      {:.1} tokens/s\ndecode       {:.1} tokens/s\n\
         first token  {:.3} s{restored}\npeak memory  {memory}\n",
        report.device, report.threads, report.load_s, report.prefill_tps, report.decode_tps, report.first_token_s
    )
}
