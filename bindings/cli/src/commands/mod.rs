//! The commands, one file each. A new one is a file, a row of the enum and an arm of `run`.

mod annotate;
mod batch;
mod bench;
mod bench_shape;
mod chat;
mod classify;
mod embed;
mod generate;
mod inspect;
mod logits;
mod models;
mod perplexity;
mod quantize;
mod schedule;
mod summarize;
mod tokenize;
mod train_head;

use crate::args::GlobalArgs;
use crate::errors::Result;
use clap::Subcommand;

/// What `minnow` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Notes merchant, category and what stands out beside transactions
    Annotate(annotate::Args),
    /// Answers the rows of an evaluation set
    Batch(batch::Args),
    /// Measures speed and memory
    Bench(bench::Args),
    /// Measures random weights in the shape of a named model
    BenchShape(bench_shape::Args),
    /// Holds a conversation in the terminal
    Chat(chat::Args),
    /// Says which of some labels a text has
    Classify(classify::Args),
    /// Turns texts into vectors
    Embed(embed::Args),
    /// Continues a prompt
    Generate(generate::Args),
    /// Shows what a model file holds
    Inspect(inspect::Args),
    /// Runs ids once and shows what the model makes of them
    Logits(logits::Args),
    /// Lists, fetches and verifies the models of the catalogue
    Models(models::Args),
    /// Measures how well a model predicts a text
    Perplexity(perplexity::Args),
    /// Writes a model file in another block format
    Quantize(quantize::Args),
    /// Finds the calendar events that a text speaks of
    Schedule(schedule::Args),
    /// Summarises a text in its own sentences
    Summarize(summarize::Args),
    /// Shows the token ids of a text
    Tokenize(tokenize::Args),
    /// Trains a classifier on labelled texts
    TrainHead(train_head::Args),
}

impl Command {
    /// Does it.
    pub fn run(self, global: &GlobalArgs) -> Result<()> {
        match self {
            Self::Annotate(args) => annotate::run(&args, global),
            Self::Batch(args) => batch::run(&args, global),
            Self::Bench(args) => bench::run(&args, global),
            Self::BenchShape(args) => bench_shape::run(&args, global),
            Self::Chat(args) => chat::run(&args, global),
            Self::Classify(args) => classify::run(&args, global),
            Self::Embed(args) => embed::run(&args, global),
            Self::Generate(args) => generate::run(&args, global),
            Self::Inspect(args) => inspect::run(&args, global),
            Self::Logits(args) => logits::run(&args, global),
            Self::Models(args) => models::run(&args, global),
            Self::Perplexity(args) => perplexity::run(&args, global),
            Self::Quantize(args) => quantize::run(&args, global),
            Self::Schedule(args) => schedule::run(&args, global),
            Self::Summarize(args) => summarize::run(&args, global),
            Self::Tokenize(args) => tokenize::run(&args, global),
            Self::TrainHead(args) => train_head::run(&args, global),
        }
    }
}
