//! Arguments that several commands share.

use clap::{Args, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// What every command takes, before or after its name.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// Where to compute; `auto` measures and picks
    #[arg(long, global = true, value_enum, default_value_t)]
    pub device: DeviceArg,
    /// CPU threads [default: one per core]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Print one JSON value on stdout and nothing else
    #[arg(long, global = true)]
    pub json: bool,
    /// Log to stderr, and add the chain of causes to an error
    #[arg(long, global = true)]
    pub verbose: bool,
    /// Accept the terms of a model that asks for it, without being asked on the terminal
    #[arg(long, global = true)]
    pub accept_licence: bool,
}

/// The devices that can be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceArg {
    /// The faster of the two, by measurement
    #[default]
    Auto,
    /// The GPU, or an error
    Gpu,
    /// The CPU
    Cpu,
}

/// The model of a command that must be told which.
#[derive(Debug, Args)]
pub struct ModelArg {
    /// A name from `minnow models list`, a .gguf file, or a folder with config.json and model.safetensors
    #[arg(long, value_name = "MODEL")]
    pub model: String,
}

/// The model of a command that has a usual one.
#[derive(Debug, Args)]
pub struct TaskModelArg {
    /// A name from `minnow models list`, a .gguf file, or a folder with config.json and model.safetensors
    #[arg(long, value_name = "MODEL", default_value = minnow_models::DEFAULT_MODEL)]
    pub model: String,
}

/// One text: the argument, a file, or else stdin. Read it with [`crate::text_input::read`].
#[derive(Debug, Args)]
pub struct TextArgs {
    /// The text; without it and --file, stdin is read
    #[arg(value_name = "TEXT", conflicts_with = "file")]
    pub text: Option<String>,
    /// A UTF-8 file that holds the text; `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}
