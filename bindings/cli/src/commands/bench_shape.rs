//! `bench-shape`: speed and memory of a model of this size, whatever it would say.
//!
//! The file is complete, so that another engine can be measured on it too.

use super::bench::{self, Lengths};
use super::quantize::format;
use crate::args::GlobalArgs;
use crate::errors::{CliError, Result};
use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use indicatif::{ProgressBar, ProgressDrawTarget};
use minnow::format::gguf::{TensorSpec, Writer};
use minnow::format::{Array, BlockFormat, Metadata, Text, Value};
use minnow::quantize_row;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// `minnow bench-shape`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The family
    #[arg(long, value_enum)]
    pub architecture: Architecture,
    /// The model whose shape is taken
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(SHAPES.iter().map(|shape| shape.name)))]
    pub shape: String,
    /// The format of its matrices: q4_0, q4_1, q5_0, q5_1, q8_0, f16, bf16 or f32
    #[arg(long = "type", value_name = "TYPE", value_parser = format)]
    pub format: BlockFormat,
    /// Keeps the file, under this name
    #[arg(long, value_name = "FILE")]
    pub keep: Option<PathBuf>,
    #[command(flatten)]
    pub lengths: Lengths,
}

/// Families of models.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Architecture {
    /// Llama, SmolLM2, Mistral
    Llama,
}

/// A published model's dimensions.
struct Shape {
    name: &'static str,
    hidden: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    intermediate: usize,
    vocabulary: usize,
    context: u32,
    rope_theta: f32,
    /// Whether the embedding serves as the output matrix.
    tied: bool,
}

impl Shape {
    const fn new(name: &'static str, [hidden, layers, heads, kv_heads, intermediate]: [usize; 5]) -> Self {
        let smollm2 = (49_152, 8192, 100_000.0, true);
        let (vocabulary, context, rope_theta, tied) = smollm2;
        Self { name, hidden, layers, heads, kv_heads, intermediate, vocabulary, context, rope_theta, tied }
    }

    const fn llama3(self) -> Self {
        Self { vocabulary: 128_256, context: 131_072, rope_theta: 500_000.0, ..self }
    }

    const fn mistral(self) -> Self {
        Self { vocabulary: 32_768, context: 32_768, rope_theta: 1_000_000.0, tied: false, ..self }
    }
}

/// hidden size, layers, heads, key heads, intermediate size, as in the models' config.json.
const SHAPES: [Shape; 6] = [
    Shape::new("smollm2-135m", [576, 30, 9, 3, 1536]),
    Shape::new("smollm2-360m", [960, 32, 15, 5, 2560]),
    Shape { rope_theta: 130_000.0, ..Shape::new("smollm2-1.7b", [2048, 24, 32, 32, 8192]) },
    Shape::new("llama-3.2-1b", [2048, 16, 32, 8, 8192]).llama3(),
    Shape::new("llama-3.2-3b", [3072, 28, 24, 8, 8192]).llama3(),
    Shape::new("mistral-7b", [4096, 32, 32, 8, 14_336]).mistral(),
];

/// Runs it.
///
/// # Errors
/// For a format that this program doesn't write or rows that are no whole blocks of it, a disk that is full, and as `bench`.
pub fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let Architecture::Llama = args.architecture;
    let known = SHAPES.iter().find(|shape| shape.name == args.shape);
    let shape = known.ok_or_else(|| CliError::Usage { what: format!("no shape is called {}", args.shape) })?;
    let path = |path: &Path| path.display().to_string();
    match &args.keep {
        Some(file) => {
            write(shape, args.format, file)?;
            bench::report(&path(file), &args.lengths, global)
        }
        None => {
            let io = |source| CliError::Io { action: "create", path: std::env::temp_dir(), source };
            let folder = tempfile::tempdir().map_err(io)?;
            let file = folder.path().join("shape.gguf");
            write(shape, args.format, &file)?;
            bench::report(&path(&file), &args.lengths, global)
        }
    }
}

fn write(shape: &Shape, format: BlockFormat, path: &Path) -> Result<()> {
    let out = File::create(path).map_err(|source| CliError::Io { action: "create", path: path.to_owned(), source })?;
    let specs = tensors(shape, format);
    let mut writer = Writer::new(BufWriter::new(out), path, &metadata(shape), &specs)?;
    let bar = ProgressBar::with_draw_target(Some(specs.len() as u64), ProgressDrawTarget::stderr());
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for spec in &specs {
        let &[rows, cols] = spec.shape.as_slice() else {
            let ones: Vec<u8> = spec.shape.iter().flat_map(|length| 1f32.to_le_bytes().repeat(*length)).collect();
            writer.write_tensor(&spec.name, [Ok(ones)])?;
            continue;
        };
        let pool = Pool::new(format, cols, &mut numbers)?;
        writer.write_tensor(&spec.name, (0..rows).map(|_| Ok(pool.row(&mut numbers))))?;
        bar.inc(1);
    }
    writer.finish()?;
    bar.finish_and_clear();
    Ok(())
}

fn tensors(shape: &Shape, format: BlockFormat) -> Vec<TensorSpec> {
    let spec = |name: String, format, shape: &[usize]| TensorSpec { name, format, shape: shape.to_vec() };
    let matrix = |name: String, rows, cols| spec(name, format, &[rows, cols]);
    let norm = |name: String| spec(name, BlockFormat::F32, &[shape.hidden]);
    let (hidden, kv) = (shape.hidden, shape.hidden / shape.heads * shape.kv_heads);
    let mut all = vec![matrix("token_embd.weight".into(), shape.vocabulary, hidden)];
    for layer in 0..shape.layers {
        let name = |part: &str| format!("blk.{layer}.{part}.weight");
        all.extend([
            norm(name("attn_norm")),
            matrix(name("attn_q"), hidden, hidden),
            matrix(name("attn_k"), kv, hidden),
            matrix(name("attn_v"), kv, hidden),
            matrix(name("attn_output"), hidden, hidden),
            norm(name("ffn_norm")),
            matrix(name("ffn_gate"), shape.intermediate, hidden),
            matrix(name("ffn_up"), shape.intermediate, hidden),
            matrix(name("ffn_down"), hidden, shape.intermediate),
        ]);
    }
    all.push(norm("output_norm.weight".into()));
    if !shape.tied {
        all.push(matrix("output.weight".into(), shape.vocabulary, hidden));
    }
    all
}

fn metadata(shape: &Shape) -> Metadata {
    let number = |x: usize| Value::U32(x as u32);
    // the 256 bytes as byte-level BPE writes them, one merge, an end, and as many other tokens as the model has
    let bytes = (0..=255u32).map(|byte| match byte {
        33..=126 | 161..=172 | 174..=255 => byte,
        0..=32 => 256 + byte,
        127..=160 => 256 + 33 + byte - 127,
        _ => 256 + 67,
    });
    let mut tokens: Vec<String> = bytes.filter_map(char::from_u32).map(String::from).collect();
    tokens.extend(["he".to_owned(), "<|end|>".to_owned()]);
    let end = tokens.len() - 1;
    tokens.extend((tokens.len()..shape.vocabulary).map(|i| format!("token{i}")));
    let types: Vec<i32> = (0..tokens.len()).map(|i| if i == end { 3 } else { 1 }).collect();
    let entries: [(&str, Value); 19] = [
        ("general.architecture", "llama".into()),
        ("general.name", shape.name.into()),
        ("llama.block_count", number(shape.layers)),
        ("llama.context_length", shape.context.into()),
        ("llama.embedding_length", number(shape.hidden)),
        ("llama.feed_forward_length", number(shape.intermediate)),
        ("llama.attention.head_count", number(shape.heads)),
        ("llama.attention.head_count_kv", number(shape.kv_heads)),
        ("llama.attention.layer_norm_rms_epsilon", 1e-5.into()),
        ("llama.rope.dimension_count", number(shape.hidden / shape.heads)),
        ("llama.rope.freq_base", shape.rope_theta.into()),
        ("llama.vocab_size", number(shape.vocabulary)),
        ("tokenizer.ggml.model", "gpt2".into()),
        ("tokenizer.ggml.pre", "smollm".into()),
        ("tokenizer.ggml.tokens", Array::of_strings(&tokens).into()),
        ("tokenizer.ggml.token_type", Array::of_i32s(&types).into()),
        ("tokenizer.ggml.merges", Array::of_strings(&["h e"]).into()),
        ("tokenizer.ggml.bos_token_id", number(end)),
        ("tokenizer.ggml.eos_token_id", number(end)),
    ];
    Metadata::from_entries(entries.map(|(key, value)| (Text::from(key), value)))
}

/// Random numbers, the same each time (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Rows to choose from: enough that no cache holds what it shouldn't, few enough to be made in no time.
struct Pool {
    rows: Vec<u8>,
    row_bytes: usize,
}

impl Pool {
    const ROWS: usize = 256;

    /// Rows between -0.035 and 0.035, whose deviation of 0.02 is that of freshly initialised models: numbers stay numbers through all layers.
    fn new(format: BlockFormat, cols: usize, numbers: &mut Numbers) -> Result<Self> {
        let elements: Vec<f32> =
            (0..Self::ROWS * cols).map(|_| ((numbers.next() >> 40) as f32 / (1 << 23) as f32 - 1.0) * 0.035).collect();
        let row_bytes = format.row_bytes(cols).ok_or_else(|| CliError::Input {
            what: format!("rows of {cols} elements are no whole number of blocks"),
            at: format.name().to_owned(),
        })?;
        let mut rows = vec![0; Self::ROWS * row_bytes];
        quantize_row(format, &elements, &mut rows)?;
        Ok(Self { rows, row_bytes })
    }

    fn row(&self, numbers: &mut Numbers) -> &[u8] {
        let start = (numbers.next() >> 33) as usize % Self::ROWS * self.row_bytes;
        &self.rows[start..start + self.row_bytes]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_the_parameters_that_their_names_say() {
        let millions = |name: &str| {
            let shape = SHAPES.iter().find(|shape| shape.name == name).unwrap();
            tensors(shape, BlockFormat::Q4_0).iter().map(|spec| spec.shape.iter().product::<usize>()).sum::<usize>()
                / 1_000_000
        };
        let found = SHAPES.each_ref().map(|shape| millions(shape.name));
        assert_eq!(found, [134, 361, 1711, 1235, 3212, 7248]);
    }

    #[test]
    fn tokens_are_as_many_as_rows_and_all_different() {
        let metadata = metadata(&SHAPES[0]);
        let mut tokens = metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap();
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), SHAPES[0].vocabulary);
    }
}
