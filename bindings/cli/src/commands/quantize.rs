//! `quantize`: a model file in another block format.

use crate::args::GlobalArgs;
use crate::errors::{CliError, Result};
use crate::output;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget};
use minnow::Quantized;
use minnow::format::BlockFormat;
use std::path::PathBuf;

/// `minnow quantize`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The GGUF file to read, or an encoder's folder with config.json, model.safetensors and tokenizer.json
    #[arg(long = "in", value_name = "MODEL")]
    pub input: PathBuf,
    /// The GGUF file to write
    #[arg(long = "out", value_name = "FILE")]
    pub output: PathBuf,
    /// The format of its matrices: q4_0, q4_1, q5_0, q5_1, q8_0, f16, bf16 or f32
    #[arg(long = "type", value_name = "TYPE", value_parser = format)]
    pub format: BlockFormat,
}

/// Runs it.
///
/// # Errors
/// For a file that can't be read or written, and a format that this program doesn't write.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    if args.output.extension().is_none_or(|extension| extension != "gguf") {
        let what = "expected the name of a .gguf file".to_owned();
        return Err(CliError::Input { what, at: args.output.display().to_string() });
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let written = minnow::quantize(&args.input, &args.output, args.format, &mut |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    output::print(global.json, &written?, human)
}

/// A format by its name.
pub fn format(name: &str) -> Result<BlockFormat, String> {
    BlockFormat::from_name(name).ok_or_else(|| format!("no block format is called `{name}`"))
}

fn human(written: &Quantized) -> String {
    let counts: Vec<String> = written.type_counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    format!("{} written: {} tensors\n", HumanBytes(written.bytes), counts.join(", "))
}
