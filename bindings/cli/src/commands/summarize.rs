//! `summarize`: a text in a few sentences.

use crate::args::{GlobalArgs, TaskModelArg, TextArgs};
use crate::errors::Result;
use crate::{engine, output, text_input};
use indicatif::{ProgressBar, ProgressDrawTarget};
use minnow::task::summarize::summarize;
use minnow::{CancelToken, SummarizeOptions};

/// `minnow summarize`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub model: TaskModelArg,
    /// The most sentences
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub sentences: usize,
    /// The most words
    #[arg(long, value_name = "N")]
    pub max_words: Option<usize>,
    #[command(flatten)]
    pub text: TextArgs,
}

/// Runs it.
///
/// # Errors
/// For a text that can't be read or a limit of zero.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let text = text_input::read(&args.text)?;
    let engine = engine::open(&args.model.model, global)?;
    let mut options = SummarizeOptions::default().sentences(args.sentences);
    if let Some(words) = args.max_words {
        options = options.max_words(words);
    }
    let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
    let summary = summarize(&engine, &text, &options, &CancelToken::new(), |share| {
        bar.set_position((100.0 * share) as u64);
    });
    bar.finish_and_clear();
    output::print(global.json, &summary?, |summary| match summary.sentences.len() {
        0 => "nothing to summarise".to_owned(),
        _ => summary.text.clone(),
    })
}
