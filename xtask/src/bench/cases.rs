//! What is compared with what, and how far ahead Minnow should be.

use crate::model;
use anyhow::Result;
use minnow_models::desktop;
use std::path::{Path, PathBuf};
use xshell::{Shell, cmd};

/// A comparison.
#[derive(Debug)]
pub struct Case {
    /// What `--only` calls it.
    pub name: &'static str,
    /// What the table calls it.
    pub title: &'static str,
    /// What Minnow runs.
    pub ours: Weights,
    /// What the peer runs.
    pub peer: Weights,
    /// Ratios of Minnow's values to the peer's.
    pub asks: Asks,
}

/// What a case asks for, on the CPU: at least for rates, at most for time and memory.
#[derive(Debug)]
pub struct Asks {
    /// Decoding on one thread and on two.
    pub decode: [f64; 2],
    pub prefill: f64,
    pub first_token: f64,
    pub memory: f64,
}

/// A model file, and how to come by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// The default model of the catalogue.
    Q4_1,
    /// The default model as Q4_0.
    Q4_0,
    /// Random weights in the shape of a larger model, as Q4_0.
    Large,
}

/// The first token where the prompt's snapshot is restored, by the same where it is run: at most.
pub const RESTORED_ASK: f64 = 0.15;

/// Every comparison, in the order of the tables.
pub const CASES: [Case; 3] = [
    Case {
        name: "same-file",
        title: "SmolLM2-135M, Q4_1: the same file",
        ours: Weights::Q4_1,
        peer: Weights::Q4_1,
        asks: Asks { decode: [2.5, 2.2], prefill: 4.0, first_token: 0.35, memory: 1.0 },
    },
    Case {
        name: "fastest-type",
        title: "SmolLM2-135M: Minnow on Q4_1, the peer on Q4_0 of the same weights, its fastest 4-bit type",
        ours: Weights::Q4_1,
        peer: Weights::Q4_0,
        asks: Asks { decode: [1.8, 1.8], prefill: 1.8, first_token: 0.6, memory: 0.8 },
    },
    Case {
        name: "large",
        title: "SmolLM2-1.7B in shape, random weights, Q4_0: the same file",
        ours: Weights::Large,
        peer: Weights::Large,
        asks: Asks { decode: [1.5, 1.5], prefill: 1.5, first_token: 0.8, memory: 1.0 },
    },
];

impl Weights {
    /// The file, made now unless it is in the cache. `minnow` is the program that makes it.
    pub fn file(self, shell: &Shell, minnow: &Path) -> Result<PathBuf> {
        match self {
            Self::Q4_1 => model::ensure(shell),
            Self::Q4_0 => made_once(shell, "smollm2-135m-q4_0.gguf", |file| {
                let from = model::ensure(shell)?;
                cmd!(shell, "{minnow} quantize --in {from} --out {file} --type q4_0").run()?;
                Ok(())
            }),
            Self::Large => made_once(shell, "smollm2-1.7b-shape-q4_0.gguf", |file| {
                let shape = ["--architecture", "llama", "--shape", "smollm2-1.7b", "--type", "q4_0"];
                // The file is what is wanted; the run that comes with it is as short as can be.
                let short = ["--device", "cpu", "--prefill", "1", "--decode", "1", "--repeat", "1"];
                cmd!(shell, "{minnow} bench-shape {shape...} {short...} --keep {file}").run()?;
                Ok(())
            }),
        }
    }
}

/// A file of the cache. Only a complete one gets its name.
fn made_once(shell: &Shell, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = desktop::cache_folder()?.join("bench");
    let file = folder.join(name);
    if !file.exists() {
        shell.create_dir(&folder)?;
        // still a .gguf, by which the command knows what to write
        let partial = folder.join(format!("partial-{name}"));
        make(&partial)?;
        std::fs::rename(&partial, &file)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct() {
        for (index, case) in CASES.iter().enumerate() {
            assert!(CASES.iter().skip(index + 1).all(|other| other.name != case.name), "{}", case.name);
        }
    }
}
