//! What is kept of a measurement: a page, its plot and every run.

use super::peer::Build;
use super::run::Series;
use super::{plot, table};
use crate::machine::Machine;
use anyhow::Result;
use serde::Serialize;
use std::path::Path;
use xshell::Shell;

/// A measurement, and where it comes from. As JSON this is the record of all runs.
#[derive(Debug, Serialize)]
pub struct Report {
    pub date: String,
    pub machine: Machine,
    /// Minnow's version and commit.
    pub minnow: String,
    pub peer: Option<Build>,
    pub gpu: bool,
    pub series: Vec<Series>,
}

/// Minnow's version: what the program says, and the commit it was built from unless somebody brought it along.
pub fn version(printed: &str, commit: Option<&str>) -> String {
    let number = printed.trim().trim_start_matches("minnow ");
    match commit {
        Some(commit) => format!("{number}, commit {commit}, release build"),
        None => format!("{number}, a program built before"),
    }
}

impl Report {
    /// The name of its files.
    pub fn name(&self) -> &'static str {
        if self.gpu { "gpu" } else { "cpu" }
    }

    /// What computed.
    pub fn device(&self) -> &str {
        let runs = self.series.iter().flat_map(|series| &series.pairs);
        let card = || runs.filter_map(|pair| pair.ours.device.as_deref()).next().unwrap_or("a GPU");
        if self.gpu { card() } else { &self.machine.cpu }
    }

    /// Machine, versions and date, as a table in Markdown.
    pub fn origin(&self) -> String {
        let Machine { cpu, cores, extensions } = &self.machine;
        let options = if self.gpu { "--gpu" } else { "--peer" };
        let peer = self.peer.as_ref().map_or_else(
            || "none".to_owned(),
            |Build { version, system, .. }| format!("llama.cpp {version}, built for this machine: {}", escape(system)),
        );
        format!(
            "Written by `cargo xtask bench {options}` on {}; every run is in [{name}.json]({name}.json).\n\n| | |\n|---|---|\n\
             | Processor | {}, {cores} cores ({}) |\n| Minnow | {} |\n| Peer | {peer} |\n",
            self.date,
            escape(cpu),
            extensions.join(", "),
            self.minnow,
            name = self.name(),
        )
    }

    /// Writes all of it.
    pub fn write(&self, shell: &Shell, folder: &Path) -> Result<()> {
        let file = |extension| folder.join(self.name()).with_extension(extension);
        shell.write_file(file("md"), table::markdown(self))?;
        shell.write_file(file("json"), serde_json::to_string_pretty(self)? + "\n")?;
        match plot::svg(self) {
            Some(svg) => shell.write_file(file("svg"), svg)?,
            None => shell.remove_path(file("svg"))?,
        }
        println!("xtask: written to {}", file("md").display());
        Ok(())
    }
}

/// Text for a cell.
fn escape(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
pub mod tests {
    use super::super::run::{Pair, Run};
    use super::*;

    /// A run that decodes so many tokens a second.
    pub fn run(decode_tps: f64) -> Run {
        Run {
            load_s: 0.25,
            first_token_s: 0.5,
            restored_first_token_s: Some(0.05),
            prefill_tps: 2.0 * decode_tps,
            decode_tps,
            peak_rss_bytes: Some(150_000_000),
            device: Some("Card 9000".to_owned()),
        }
    }

    /// Minnow at 200 tokens a second, the peer at 80.
    pub fn report(gpu: bool) -> Report {
        let pair = Pair { ours: run(200.0), peer: Some(run(80.0)) };
        let python_bytes = 50_000_000;
        Report {
            date: "2026-11-26".to_owned(),
            machine: Machine { cpu: "Some CPU".to_owned(), cores: 2, extensions: vec!["avx2"] },
            minnow: version("minnow 0.1.0\n", Some("abc")),
            peer: Some(Build { version: "0.5.0".into(), system: "CPU : A | B".into(), vulkan: gpu, python_bytes }),
            gpu,
            series: vec![Series { case: "same-file", threads: 1, pairs: vec![pair; 2] }],
        }
    }

    #[test]
    fn a_page_says_where_its_numbers_come_from() {
        let origin = report(false).origin();
        assert!(origin.contains("| Processor | Some CPU, 2 cores (avx2) |"), "{origin}");
        assert!(origin.contains("| Minnow | 0.1.0, commit abc, release build |"), "{origin}");
        assert!(origin.contains("| Peer | llama.cpp 0.5.0, built for this machine: CPU : A \\| B |"), "{origin}");
        assert_eq!([report(false).device(), report(true).device()], ["Some CPU", "Card 9000"]);
    }
}
