//! `cargo xtask bench --kernels`: the CPU's kernels alone, each beside a plain read of the same bytes.

use crate::machine::Machine;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt::Write;
use std::path::Path;
use xshell::{Shell, cmd};

/// The file of the results.
const PAGE: &str = "kernels.md";
/// A matrix-vector kernel's bytes a second by those of a plain read, at least.
const ASK: f64 = 0.7;
/// The block formats, as the bench names its groups.
const FORMATS: [&str; 11] = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "F16", "BF16", "F32"];

/// What Criterion writes of a measurement; times in nanoseconds.
#[derive(Deserialize)]
struct Estimates {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
}

/// What Criterion writes of what was measured.
#[derive(Deserialize)]
struct Benchmark {
    throughput: Throughput,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
enum Throughput {
    Bytes(f64),
    Elements(f64),
}

/// A format's kernels, in units of 10⁹ a second.
struct Row {
    format: &'static str,
    read: f64,
    copy: f64,
    kernel: f64,
    /// Multiplications with additions.
    prefill: f64,
}

/// Runs the bench and writes the table to `folder`.
pub fn run(shell: &Shell, folder: &Path) -> Result<()> {
    let records = shell.create_temp_dir()?;
    // the profile of everything else: the engine is optimised in it as in a release
    cmd!(shell, "cargo bench --profile dev --workspace --bench kernels").env("CRITERION_HOME", records.path()).run()?;
    let rate = |group: &str, name: &str| rate(shell, &records.path().join(group).join(name).join("new"));
    let row = |format| -> Result<Row> {
        let group = format!("mat-vec {format}");
        Ok(Row {
            format,
            read: rate(&group, "read")?,
            copy: rate(&group, "copy")?,
            kernel: rate(&group, "kernel")?,
            prefill: rate("prefill", format)?,
        })
    };
    let rows = FORMATS.into_iter().map(row).collect::<Result<Vec<_>>>()?;
    let date = cmd!(shell, "date -u +%F").quiet().read()?;
    let page = page(&Machine::this(shell)?, &date, &rows);
    println!("\n{page}");
    shell.write_file(folder.join(PAGE), page)?;
    Ok(())
}

/// Bytes or elements in a nanosecond: 10⁹ a second.
fn rate(shell: &Shell, folder: &Path) -> Result<f64> {
    let estimates: Estimates = read(shell, &folder.join("estimates.json"))?;
    let benchmark: Benchmark = read(shell, &folder.join("benchmark.json"))?;
    let (Throughput::Bytes(amount) | Throughput::Elements(amount)) = benchmark.throughput;
    Ok(amount / estimates.median.point_estimate)
}

fn read<T: DeserializeOwned>(shell: &Shell, path: &Path) -> Result<T> {
    serde_json::from_str(&shell.read_file(path)?).with_context(|| path.display().to_string())
}

fn page(machine: &Machine, date: &str, rows: &[Row]) -> String {
    let Machine { cpu, extensions, .. } = machine;
    let mut page = format!(
        "# Kernels on {cpu}\n\nWritten by `cargo xtask bench --kernels` on {date}, with {} on one thread; medians of Criterion's samples.\n\n\
         A matrix of 2048 × 8192 with one token's activations, beside a plain read and a copy of the same bytes in the same seconds \
         (asked: ≥ {ASK} of the read); and with 64 tokens' activations.\n\n\
         | format | read, GB/s | copy, GB/s | kernel, GB/s | of the read | 64 tokens, 10⁹ multiply-adds/s |\n|---|---|---|---|---|---|\n",
        extensions.join(", "),
    );
    for Row { format, read, copy, kernel, prefill } in rows {
        let ratio = kernel / read;
        let met = if ratio >= ASK { "met" } else { "missed" };
        let _ = writeln!(page, "| {format} | {read:.1} | {copy:.1} | {kernel:.1} | {ratio:.2}, {met} | {prefill:.1} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_criterion_writes_is_read() -> Result<()> {
        let shell = Shell::new()?;
        let folder = shell.create_temp_dir()?;
        let estimates =
            r#"{"mean": {"point_estimate": 9.0}, "median": {"confidence_interval": {}, "point_estimate": 50.0}}"#;
        shell.write_file(folder.path().join("estimates.json"), estimates)?;
        for throughput in [r#"{"Bytes": 200}"#, r#"{"Elements": 200}"#] {
            let benchmark = format!(r#"{{"group_id": "g", "throughput": {throughput}}}"#);
            shell.write_file(folder.path().join("benchmark.json"), benchmark)?;
            assert_eq!(rate(&shell, folder.path())?, 4.0);
        }
        Ok(())
    }

    #[test]
    fn a_row_says_whether_its_ask_is_met() {
        let machine = Machine { cpu: "Some CPU".to_owned(), cores: 2, extensions: vec!["avx2"] };
        let row = |kernel| Row { format: "Q4_0", read: 10.0, copy: 5.0, kernel, prefill: 50.0 };
        let page = page(&machine, "2026-11-26", &[row(8.0), row(6.0)]);
        assert!(page.contains("| Q4_0 | 10.0 | 5.0 | 8.0 | 0.80, met | 50.0 |"), "{page}");
        assert!(page.contains("0.60, missed"), "{page}");
        assert!(page.starts_with("# Kernels on Some CPU"), "{page}");
    }
}
