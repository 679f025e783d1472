//! `chat`: a conversation in the terminal.

use crate::args::{GlobalArgs, TaskModelArg};
use crate::errors::{CliError, Result};
use crate::{engine, output};
use minnow::{Assistant, CancelToken, GenerateOptions, SessionOptions};
use std::io::{self, BufRead, IsTerminal};
use std::path::Path;

/// Bytes of one line: more fits into no context.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// `minnow chat`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pub model: TaskModelArg,
    /// What the model is told before the first turn
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// The most tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub max_new: usize,
}

/// Runs it: a line in, an answer out, until the input ends.
///
/// # Errors
/// For a model without a chat template. A line that can't be answered is told, and the conversation goes on.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let assistant = Assistant::new(engine::open(&args.model.model, global)?);
    let mut chat = assistant.chat(args.system.as_deref(), SessionOptions::default())?;
    let options = GenerateOptions::default().max_new_tokens(args.max_new);
    let prompts = io::stdin().is_terminal();
    if prompts {
        output::write("Type a message; an empty line or Ctrl-D ends the chat.\n")?;
    }
    loop {
        if prompts {
            output::write("> ")?;
        }
        let Some(line) = read_line()? else { return Ok(()) };
        let cancel = CancelToken::new();
        let mut written = Ok(());
        let answer = chat.say(&line, &options, &cancel, |piece| {
            written = output::write(piece);
            if written.is_err() {
                cancel.cancel();
            }
        });
        written?;
        match answer {
            Ok(_) => output::write("\n")?,
            Err(error @ (minnow::Error::ContextFull { .. } | minnow::Error::InvalidInput { .. })) => {
                output::write(&format!("({error})\n"))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The next line; `None` at the end or for an empty one.
fn read_line() -> Result<Option<String>> {
    let mut line = String::new();
    let mut source = io::Read::take(io::stdin().lock(), MAX_LINE_BYTES);
    source.read_line(&mut line).map_err(CliError::io("read", Path::new("stdin")))?;
    let line = line.trim();
    Ok((!line.is_empty()).then(|| line.to_owned()))
}
