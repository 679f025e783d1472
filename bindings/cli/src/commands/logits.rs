//! `logits`: one prefill, and what the model makes of it.

use crate::args::{GlobalArgs, ModelArg};
use crate::errors::{Result, escape_controls};
use crate::{engine, output};
use minnow::{CancelToken, Engine, SessionOptions, log_sum_exp};
use serde::Serialize;
use std::num::NonZeroUsize;

/// `minnow logits`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub model: ModelArg,
    /// The token ids, separated by commas
    #[arg(long, required = true, value_delimiter = ',', value_name = "IDS")]
    pub ids: Vec<u32>,
    /// Print only the K largest logits of the last position, and the logarithm of the sum of all exponentials
    #[arg(long, value_name = "K")]
    pub top: Option<NonZeroUsize>,
    /// Print the most likely id at every position instead of the last only
    #[arg(long)]
    pub all: bool,
}

/// What `--json` prints: `last_logits`, or `top` and `logsumexp`.
#[derive(Serialize)]
struct Logits {
    argmax: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_logits: Option<Vec<f32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<Top>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logsumexp: Option<f32>,
}

#[derive(Serialize)]
struct Top {
    ids: Vec<usize>,
    logits: Vec<f32>,
}

/// Runs it.
///
/// # Errors
/// For ids past the vocabulary or more of them than the model's context.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let engine = engine::open(&args.model.model, global)?;
    let (context, cancel) = (engine.config().context_length, CancelToken::new());
    let mut session = engine.session(SessionOptions::default().context_tokens(args.ids.len().min(context)))?;
    let mut argmax = Vec::new();
    if args.all {
        session.feed_each(&args.ids, &cancel, |_, logits| argmax.extend(largest(logits, 1)))?;
    } else {
        session.feed(&args.ids, &cancel)?;
    }
    let last = session.logits().unwrap_or_default();
    if !args.all {
        argmax = largest(last, 1);
    }
    let result = match args.top {
        None => Logits { argmax, last_logits: Some(last.to_vec()), top: None, logsumexp: None },
        Some(count) => {
            let ids = largest(last, count.get());
            let logits = ids.iter().map(|id| last[*id]).collect();
            Logits { argmax, last_logits: None, top: Some(Top { ids, logits }), logsumexp: Some(log_sum_exp(last)) }
        }
    };
    output::print(global.json, &result, |_| human(&engine, last, args.top.map_or(20, NonZeroUsize::get)))
}

/// Ids of the `count` largest logits, the largest first; of equal ones, the lower id first.
fn largest(logits: &[f32], count: usize) -> Vec<usize> {
    let mut ids: Vec<usize> = (0..logits.len()).collect();
    let order = |a: &usize, b: &usize| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b));
    if count < ids.len() {
        ids.select_nth_unstable_by(count, order);
        ids.truncate(count);
    }
    ids.sort_unstable_by(order);
    ids
}

fn human(engine: &Engine, logits: &[f32], count: usize) -> String {
    let total = log_sum_exp(logits);
    let row = |id: usize| {
        let piece = engine.tokenizer().ok().and_then(|tokenizer| tokenizer.piece(id as u32)).unwrap_or_default();
        format!(
            "{id:>8} {:>9.4} {:>7.3} %  {}\n",
            logits[id],
            100.0 * (logits[id] - total).exp(),
            escape_controls(&piece)
        )
    };
    largest(logits, count).into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_ties_by_id() {
        assert_eq!(largest(&[1.0, 3.0, 3.0, 2.0], 3), [1, 2, 3]);
        assert_eq!(largest(&[1.0, 2.0], 9), [1, 0]);
        assert!(largest(&[], 1).is_empty());
    }
}
