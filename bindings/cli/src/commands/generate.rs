//! `generate`: a continuation, streamed to a terminal.

use crate::args::{GlobalArgs, ModelArg};
use crate::errors::{CliError, Result};
use crate::{engine, output, text_input};
use clap::ArgGroup;
use minnow::{
    CancelToken, Engine, Finish, GenerateOptions, Message, RenderOptions, Role, Sampling, SessionOptions, Shape,
};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// `minnow generate`
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("input").required(true).args(["prompt", "ids"]))]
pub struct Args {
    #[command(flatten)]
    pub model: ModelArg,
    /// The text to continue
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// The token ids to continue, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    pub ids: Vec<u32>,
    /// Put the prompt into the model's chat template, as the user's turn
    #[arg(long, conflicts_with = "ids")]
    pub chat: bool,
    /// The most tokens to generate
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub max_new: usize,
    /// Always take the most likely token (the default unless --temperature is given)
    #[arg(long, conflicts_with_all = ["temperature", "top_p"])]
    pub greedy: bool,
    /// Sample at this temperature; 0 is --greedy
    #[arg(long, value_name = "T", value_parser = temperature)]
    pub temperature: Option<f32>,
    /// Sample from the smallest set of tokens that has this probability
    #[arg(long, value_name = "P", value_parser = probability, requires = "temperature")]
    pub top_p: Option<f32>,
    /// The same seed and settings give the same text
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// A JSON Schema file that the text will satisfy
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
}

fn temperature(text: &str) -> Result<f32, &'static str> {
    parse_within(text, |value| value >= 0.0).ok_or("expected a number from 0")
}

fn probability(text: &str) -> Result<f32, &'static str> {
    parse_within(text, |value| value > 0.0 && value <= 1.0).ok_or("expected a number above 0, up to 1")
}

fn parse_within(text: &str, allowed: impl Fn(f32) -> bool) -> Option<f32> {
    text.parse::<f32>().ok().filter(|value| value.is_finite() && allowed(*value))
}

/// What `--json` prints.
#[derive(Serialize)]
struct Answer {
    ids: Vec<u32>,
    text: String,
    finish: Finish,
    prefill_tokens: usize,
    prefill_s: f64,
    decode_tokens: usize,
    decode_s: f64,
    first_token_s: Option<f64>,
    device: String,
}

/// Runs it.
///
/// # Errors
/// For a prompt that doesn't fit, a schema that can't be enforced, or a failed device.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let options = options(args)?;
    let engine = engine::open(&args.model.model, global)?;
    let ids = prompt(args, &engine)?;
    let cancel = CancelToken::new();
    let context = ids.len().saturating_add(args.max_new.max(1)).min(engine.config().context_length);
    let mut session = engine.session(SessionOptions::default().context_tokens(context))?;
    let started = Instant::now();
    session.feed(&ids, &cancel)?;
    let prefill_s = started.elapsed().as_secs_f64();
    // a reader that has gone away ends the command, once the token at hand is done
    let mut written = Ok(());
    let answer = session.generate(&options, &cancel, |piece| {
        if !global.json {
            written = output::write(piece);
            if written.is_err() {
                cancel.cancel();
            }
        }
    })?;
    written?;
    let result = Answer {
        prefill_tokens: ids.len(),
        prefill_s,
        decode_tokens: answer.ids.len(),
        decode_s: answer.total.as_secs_f64(),
        first_token_s: answer.first_token.map(|time| prefill_s + time.as_secs_f64()),
        device: engine.device().name.clone(),
        ids: answer.ids,
        text: answer.text,
        finish: answer.finish,
    };
    output::print(global.json, &result, |_| "\n".to_owned())
}

fn prompt(args: &Args, engine: &Engine) -> Result<Vec<u32>> {
    match &args.prompt {
        None => Ok(args.ids.clone()),
        Some(text) if args.chat => {
            let messages = [Message::new(Role::User, text.as_str())];
            let options = RenderOptions::default().add_generation_prompt(true);
            Ok(engine.template()?.encode_chat(engine.tokenizer()?, &messages, &options)?)
        }
        Some(text) => engine::prompt_ids(engine, text),
    }
}

fn options(args: &Args) -> Result<GenerateOptions> {
    let mut options = GenerateOptions::default().max_new_tokens(args.max_new);
    if let Some(temperature) = args.temperature.filter(|temperature| *temperature > 0.0) {
        let (top_p, seed) = (args.top_p.unwrap_or(1.0), args.seed.unwrap_or(0));
        options = options.sampling(Sampling::Random { temperature, top_p, seed });
    }
    if let Some(path) = &args.schema {
        let schema = serde_json::from_str(&text_input::read_file(path)?).map_err(|error| CliError::Input {
            what: format!("the schema is no JSON: {error}"),
            at: path.display().to_string(),
        })?;
        options = options.shape(Shape::JsonSchema(schema));
    }
    Ok(options)
}
