//! The runs: Minnow and the peer in turn, a process each.

use super::cases::Case;
use super::peer::Peer;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;
use xshell::{Cmd, Shell, cmd};

/// Tokens of the prompt that prefill is measured with.
pub const PREFILL_TOKENS: u32 = 512;
/// Tokens that are decoded after it.
pub const DECODE_TOKENS: u32 = 128;
/// Tokens of the prompt that both programs take the time to the first token with.
pub const FIRST_TOKEN_PROMPT: u32 = 200;
/// Tokens of it that Minnow runs where it restores the rest.
pub const QUESTION_TOKENS: u32 = 16;

/// What either program prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// Seconds until the model is ready for a prompt.
    pub load_s: f64,
    /// Seconds from a prompt to the first token, on a loaded model.
    pub first_token_s: f64,
    /// The same where most of the prompt is restored from a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_first_token_s: Option<f64>,
    /// Prompt tokens a second.
    pub prefill_tps: f64,
    /// Generated tokens a second.
    pub decode_tps: f64,
    /// The most memory that the process had at once, mapped files included.
    pub peak_rss_bytes: Option<u64>,
    /// What computed, as Minnow names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// A run of each, one right after the other.
#[derive(Debug, Clone, Serialize)]
pub struct Pair {
    pub ours: Run,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<Run>,
}

/// All runs of a case with a number of threads.
#[derive(Debug, Clone, Serialize)]
pub struct Series {
    /// The name of the case.
    pub case: &'static str,
    pub threads: u32,
    pub pairs: Vec<Pair>,
}

/// How to run.
#[derive(Debug)]
pub struct Bench<'a> {
    pub shell: &'a Shell,
    /// The program that is measured.
    pub minnow: &'a Path,
    pub peer: Option<&'a Peer>,
    pub gpu: bool,
    /// Pairs of a series.
    pub repeat: u32,
}

/// How much a run computes.
struct Work {
    prefill: u32,
    decode: u32,
}

impl Bench<'_> {
    /// Measures a case with each number of threads.
    pub fn case(&self, case: &Case, threads: &[&u32]) -> Result<Vec<Series>> {
        println!("\nxtask: {} ({})", case.title, case.name);
        let ours = case.ours.file(self.shell, self.minnow)?;
        let peer =
            self.peer.map(|peer| case.peer.file(self.shell, self.minnow).map(|file| (peer, file))).transpose()?;
        let pair = |threads, work: Work| -> Result<Pair> {
            let peer = peer.as_ref();
            Ok(Pair {
                ours: self.ours(&ours, threads, &work)?,
                peer: peer.map(|(peer, file)| self.peer(peer, file, threads, &work)).transpose()?,
            })
        };
        let mut all = Vec::new();
        for &&threads in threads {
            // Not counted: brings the files into memory, and lets either engine put by what it keeps from run to run.
            pair(threads, Work { prefill: 16, decode: 1 })?;
            let mut pairs = Vec::new();
            for number in 1..=self.repeat {
                let pair = pair(threads, Work { prefill: PREFILL_TOKENS, decode: DECODE_TOKENS })?;
                let (threads, progress) = (self::threads(threads), pair.progress());
                println!("xtask: {threads}, {number} of {}: {progress}", self.repeat);
                pairs.push(pair);
            }
            all.push(Series { case: case.name, threads, pairs });
        }
        Ok(all)
    }

    /// One run of Minnow. One repeat a process, so that the median of one engine meets no best of several from the other.
    fn ours(&self, file: &Path, threads: u32, work: &Work) -> Result<Run> {
        let Self { shell, minnow, .. } = self;
        let Work { prefill, decode } = work;
        let (prefill, decode, threads) = (prefill.to_string(), decode.to_string(), threads.to_string());
        let device = if self.gpu { "gpu" } else { "cpu" };
        let command = cmd!(shell, "{minnow} bench --json --device {device} --threads {threads} --model {file}");
        read(command.args(["--prefill", &prefill, "--decode", &decode, "--repeat", "1"]))
    }

    /// One run of the peer.
    fn peer(&self, peer: &Peer, file: &Path, threads: u32, work: &Work) -> Result<Run> {
        let (shell, Peer { python, script, .. }) = (self.shell, peer);
        let Work { prefill, decode } = work;
        let (prefill, decode, threads) = (prefill.to_string(), decode.to_string(), threads.to_string());
        let command = cmd!(shell, "{python} {script} {file} --threads {threads} --prefill {prefill} --decode {decode}");
        read(command.args(["--repeat", "1"]).args(self.gpu.then_some("--gpu")))
    }
}

/// Runs a command that prints a [`Run`].
fn read(command: Cmd<'_>) -> Result<Run> {
    let name = command.to_string();
    serde_json::from_str(&command.quiet().read()?).with_context(|| format!("unknown output of {name}"))
}

/// A number of threads in words.
pub fn threads(count: u32) -> String {
    if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") }
}

impl Pair {
    /// A line for who waits.
    fn progress(&self) -> String {
        let rates = |run: &Run| format!("decode {:.1}, prefill {:.1} tokens/s", run.decode_tps, run.prefill_tps);
        let peer = self.peer.as_ref().map_or_else(String::new, |peer| format!("; llama.cpp {}", rates(peer)));
        format!("Minnow {}{peer}", rates(&self.ours))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_either_program_is_a_run() -> Result<()> {
        let ours = r#"{"load_s":0.1,"prefill_tps":800.0,"decode_tps":200.0,"first_token_s":0.2,"peak_rss_bytes":null,
            "device":"CPU (AVX2)","threads":1}"#;
        let peer = r#"{"engine": "llama.cpp via llama-cpp-python", "model": "m.gguf", "threads": 1, "load_s": 0.2,
            "first_token_s": 1.1, "prefill_tps": 170.0, "prefill_cpu_tps": 171.0, "decode_tps": 70.0,
            "decode_cpu_tps": 71.0, "peak_rss_bytes": 200000000}"#;
        assert_eq!(serde_json::from_str::<Run>(ours)?.device.as_deref(), Some("CPU (AVX2)"));
        assert_eq!(serde_json::from_str::<Run>(peer)?.peak_rss_bytes, Some(200_000_000));
        Ok(())
    }
}
