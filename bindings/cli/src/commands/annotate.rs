//! `annotate`: transactions in, one JSON object a line; annotations out, as they come.

use crate::args::GlobalArgs;
use crate::errors::{CliError, Result};
use crate::{engine, output};
use minnow::{Annotator, CancelToken, Classifier, Transaction};
use serde::Deserialize;
use std::io::{self, BufRead};
use std::path::PathBuf;

/// `minnow annotate`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A head from `minnow train-head`, for categories
    #[arg(long, value_name = "HEAD")]
    pub head: Option<PathBuf>,
    /// The head's encoder: a name from `minnow models list`, a .gguf file, or a folder with config.json and model.safetensors
    #[arg(long, value_name = "MODEL", default_value = minnow_models::DEFAULT_ENCODER)]
    pub model: String,
    /// Transactions, each a line of JSON with `description`, `amount` (12.34, negative for money that goes out) and `date` (2026-11-27); without it,
    /// stdin is read
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// A transaction as statements are exported.
#[derive(Deserialize)]
struct Line {
    description: String,
    amount: f64,
    date: String,
}

/// Runs it. A reader that is slow makes the source wait: a line is read when the answer to the one before it was written.
///
/// # Errors
/// For a line that is no transaction, with its number; a head of another encoder.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let cancel = CancelToken::new();
    let classifier = match &args.head {
        Some(head) => Some(Classifier::load(&engine::open_encoder_in_8_bits(&args.model, global)?, head, &cancel)?),
        None => None,
    };
    let (source, at): (Box<dyn BufRead>, _) = match &args.file {
        Some(path) => {
            let file = std::fs::File::open(path).map_err(CliError::io("read", path))?;
            (Box::new(io::BufReader::new(file)), path.display().to_string())
        }
        None => (Box::new(io::stdin().lock()), "stdin".to_owned()),
    };
    let mut annotator = Annotator::new(classifier);
    for (index, line) in source.lines().enumerate() {
        let line = line.map_err(CliError::io("read", at.as_ref()))?;
        if line.trim().is_empty() {
            continue;
        }
        let annotation = annotator.annotate(&transaction(&line, index + 1, &at)?, &cancel)?;
        // one value a line, as they come: --json changes nothing
        output::print(true, &annotation, |_| String::new())?;
    }
    Ok(())
}

fn transaction(line: &str, number: usize, at: &str) -> Result<Transaction> {
    let wrong = |what: &str| CliError::Input { what: format!("line {number} {what}"), at: at.to_owned() };
    // the parser's own words may quote the line
    let missing = || wrong("has no description, amount and date (2026-11-27)");
    let Line { description, amount, date } = serde_json::from_str(line).map_err(|_| missing())?;
    let date = date.parse().map_err(|_: jiff::Error| missing())?;
    let cents = (amount * 100.0).round();
    if cents.is_nan() || cents.abs() >= 9e15 {
        return Err(wrong("has an amount that is too large"));
    }
    Ok(Transaction { description, amount: cents as i64, date })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_transactions_or_named() {
        let read = |line: &str| transaction(line, 3, "stdin");
        let right =
            read(r#"{"description": "TESCO", "amount": -12.34, "date": "2026-11-27", "currency": "GBP"}"#).unwrap();
        assert_eq!((right.amount, right.date.to_string().as_str()), (-1234, "2026-11-27"));
        let error = read(r#"{"description": "TESCO"}"#).unwrap_err().to_string();
        assert_eq!(error, "line 3 has no description, amount and date (2026-11-27) (stdin)");
        assert!(read(r#"{"description": "a", "amount": 1e300, "date": "2026-11-27"}"#).is_err());
    }
}
