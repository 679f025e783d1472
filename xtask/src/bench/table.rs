//! From runs to rows: medians, ratios of neighbours, and the page that shows them.

use super::cases::{Asks, CASES, Case, RESTORED_ASK};
use super::report::Report;
use super::run::{DECODE_TOKENS, FIRST_TOKEN_PROMPT, PREFILL_TOKENS, QUESTION_TOKENS, Run, Series};
use std::fmt::Write;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    Decode,
    Prefill,
    FirstToken,
    Memory,
}

/// Minnow's values and the peer's, by one metric and one number of threads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub metric: Metric,
    pub threads: u32,
    /// The median of Minnow's runs.
    pub ours: f64,
    /// Missing where no peer was run.
    pub against: Option<Against>,
}

/// The peer beside Minnow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Against {
    /// The median of the peer's runs.
    pub peer: f64,
    /// The median of the pairs' ratios, Minnow's value by the peer's.
    pub ratio: f64,
    /// The lowest and the highest of them.
    pub range: [f64; 2],
    /// The ratio that is asked for, where one is.
    pub ask: Option<f64>,
}

/// The rows of a case.
#[derive(Debug)]
pub struct Table {
    pub title: &'static str,
    pub rows: Vec<Row>,
    /// By number of threads: seconds to the first token where the prompt's snapshot is restored, and by how much that is less than without.
    pub restored: Vec<(u32, f64, f64)>,
}

impl Metric {
    /// Those that mean something: a GPU's memory isn't the process's, and what takes its time there is the driver's start.
    fn all(gpu: bool) -> &'static [Self] {
        if gpu {
            &[Self::Decode, Self::Prefill]
        } else {
            &[Self::Decode, Self::Prefill, Self::FirstToken, Self::Memory]
        }
    }

    /// What tables and plots call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Prefill => "prefill",
            Self::FirstToken => "load to first token",
            Self::Memory => "peak memory",
        }
    }

    fn unit(self) -> &'static str {
        match self {
            Self::Decode | Self::Prefill => "tokens/s",
            Self::FirstToken => "s",
            Self::Memory => "MB",
        }
    }

    /// Whether a ratio above one is a lead.
    pub fn more_is_better(self) -> bool {
        matches!(self, Self::Decode | Self::Prefill)
    }

    /// The value of a run, `overhead` being memory that isn't the engine's. Missing where the system doesn't tell.
    fn of(self, run: &Run, overhead: u64) -> Option<f64> {
        match self {
            Self::Decode => Some(run.decode_tps),
            Self::Prefill => Some(run.prefill_tps),
            Self::FirstToken => Some(run.load_s + run.first_token_s),
            Self::Memory => run.peak_rss_bytes.map(|bytes| bytes.saturating_sub(overhead) as f64 / 1e6),
        }
    }

    fn ask(self, asks: &Asks, threads: u32) -> Option<f64> {
        let [one, two] = asks.decode;
        match (self, threads) {
            (Self::Decode, 1) => Some(one),
            (Self::Decode, 2) => Some(two),
            (Self::Prefill, 1 | 2) => Some(asks.prefill),
            (Self::FirstToken, 1 | 2) => Some(asks.first_token),
            (Self::Memory, 1 | 2) => Some(asks.memory),
            _ => None,
        }
    }
}

impl Against {
    /// Whether the ask is met, if there is one.
    pub fn is_met(&self, metric: Metric) -> Option<bool> {
        self.ask.map(|ask| if metric.more_is_better() { self.ratio >= ask } else { self.ratio <= ask })
    }
}

/// The middle value, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    match values.len() % 2 {
        1 => Some(upper),
        _ => values.get(values.len() / 2 - 1).map(|lower| (lower + upper) / 2.0),
    }
}

/// The row of a metric. `asks` and `overhead` belong to the peer's side.
fn row(metric: Metric, series: &Series, asks: Option<&Asks>, overhead: u64) -> Option<Row> {
    let ours = median(series.pairs.iter().filter_map(|pair| metric.of(&pair.ours, 0)).collect())?;
    let both = series.pairs.iter().filter_map(|pair| {
        let peer = metric.of(pair.peer.as_ref()?, overhead)?;
        Some((peer, metric.of(&pair.ours, 0)? / peer))
    });
    let (peer, ratios): (Vec<f64>, Vec<f64>) = both.unzip();
    let range = [ratios.iter().copied().fold(f64::INFINITY, f64::min), ratios.iter().copied().fold(0.0, f64::max)];
    let ask = asks.and_then(|asks| metric.ask(asks, series.threads));
    let against = median(peer).zip(median(ratios)).map(|(peer, ratio)| Against { peer, ratio, range, ask });
    Some(Row { metric, threads: series.threads, ours, against })
}

/// A table for each case that was measured.
pub fn tables(report: &Report) -> Vec<Table> {
    let overhead = report.peer.as_ref().map_or(0, |peer| peer.python_bytes);
    let rows = |case: &Case| -> Vec<Row> {
        let series = || report.series.iter().filter(|series| series.case == case.name);
        // The asks are for the CPU.
        let asks = (!report.gpu).then_some(&case.asks);
        let metrics = Metric::all(report.gpu).iter();
        metrics.flat_map(|&metric| series().filter_map(move |series| row(metric, series, asks, overhead))).collect()
    };
    let restored = |case: &Case| {
        let series = report.series.iter().filter(|series| series.case == case.name);
        let of = |series: &Series| {
            let runs = || series.pairs.iter().map(|pair| &pair.ours);
            let seconds = median(runs().filter_map(|run| run.restored_first_token_s).collect())?;
            let ratio = |run: &Run| Some(run.restored_first_token_s? / run.first_token_s);
            Some((series.threads, seconds, median(runs().filter_map(ratio).collect())?))
        };
        series.filter_map(of).collect()
    };
    let tables = CASES.iter().map(|case| Table { title: case.title, rows: rows(case), restored: restored(case) });
    tables.filter(|table| !table.rows.is_empty()).collect()
}

/// The page.
pub fn markdown(report: &Report) -> String {
    let mut page = format!("# Speed on {}\n\n{}\n", report.device(), report.origin());
    let _ = writeln!(
        page,
        "Each value is the median of its runs. Each ratio is the median over pairs of runs, Minnow's value by llama.cpp's one right after \
         it, with the lowest and the highest. Prefill takes {PREFILL_TOKENS} tokens, decode {DECODE_TOKENS} after them."
    );
    if !report.gpu {
        let _ = writeln!(
            page,
            "Load to first token: opening a file that is in the system's cache, then a prompt of {FIRST_TOKEN_PROMPT} tokens on a warm \
             engine. Peak memory is what was resident, mapped files included, and without Python's own."
        );
    }
    let tables = tables(report);
    if tables.iter().flat_map(|table| &table.rows).any(|row| row.against.is_some()) {
        let _ = writeln!(page, "\n![Minnow beside llama.cpp, as bars]({}.svg)", report.name());
    }
    for table in tables {
        let _ = writeln!(page, "\n## {}\n\n| | threads | Minnow | llama.cpp | ratio | asked |", table.title);
        let _ = writeln!(page, "|---|---|---|---|---|---|");
        for row in &table.rows {
            let _ = writeln!(page, "{}", line(row));
        }
        for (threads, seconds, ratio) in &table.restored {
            let met = if *ratio <= RESTORED_ASK { "met" } else { "missed" };
            let _ = write!(
                page,
                "\nMinnow, {}: the first token takes {} s where all but {QUESTION_TOKENS} of the prompt's tokens are restored from a snapshot, \
                 {ratio:.2} of the time where they are run (asked: ≤ {RESTORED_ASK}, {met}).\n",
                super::run::threads(*threads),
                number(*seconds),
            );
        }
    }
    page
}

/// A line of a Markdown table.
fn line(row: &Row) -> String {
    let Row { metric, threads, ours, against } = row;
    let missing = || ["–", "–", "–"].map(str::to_owned);
    let [peer, ratio, asked] = against.map_or_else(missing, |against| {
        let Against { peer, ratio, range: [least, most], ask } = against;
        let sign = if metric.more_is_better() { '≥' } else { '≤' };
        let met = if against.is_met(*metric) == Some(true) { "met" } else { "missed" };
        let asked = ask.map_or_else(|| "–".to_owned(), |ask| format!("{sign} {ask}, {met}"));
        [number(peer), format!("{ratio:.2} ({least:.2}–{most:.2})"), asked]
    });
    format!("| {}, {} | {threads} | {} | {peer} | {ratio} | {asked} |", metric.name(), metric.unit(), number(*ours))
}

/// Three digits that say something.
fn number(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::{report, run};
    use super::super::run::Pair;
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        // The machine slows down: the medians alone would say 150 / 60 = 2.5.
        let pairs = [(300.0, 100.0), (150.0, 60.0), (60.0, 30.0)];
        let pairs = pairs.map(|(ours, peer)| Pair { ours: run(ours), peer: Some(run(peer)) }).to_vec();
        let asks = &CASES[0].asks;
        let row = row(Metric::Decode, &Series { case: "same-file", threads: 1, pairs }, Some(asks), 0);
        let against = Against { peer: 60.0, ratio: 2.5, range: [2.0, 3.0], ask: Some(2.5) };
        assert_eq!(row, Some(Row { metric: Metric::Decode, threads: 1, ours: 150.0, against: Some(against) }));
        assert_eq!(against.is_met(Metric::Decode), Some(true));
        assert_eq!(against.is_met(Metric::Memory), Some(true));
        assert_eq!(Against { ratio: 2.6, ..against }.is_met(Metric::Memory), Some(false));
        assert_eq!(Against { ask: None, ..against }.is_met(Metric::Decode), None);
    }

    #[test]
    fn a_page_has_a_line_for_each_metric_and_each_number_of_threads() {
        let page = markdown(&report(false));
        let lines: Vec<_> = page.lines().filter(|line| line.contains("| 1 |")).collect();
        assert_eq!(
            lines,
            [
                "| decode, tokens/s | 1 | 200 | 80.0 | 2.50 (2.50–2.50) | ≥ 2.5, met |",
                "| prefill, tokens/s | 1 | 400 | 160 | 2.50 (2.50–2.50) | ≥ 4, missed |",
                "| load to first token, s | 1 | 0.750 | 0.750 | 1.00 (1.00–1.00) | ≤ 0.35, missed |",
                "| peak memory, MB | 1 | 150 | 100 | 1.50 (1.50–1.50) | ≤ 1, missed |",
            ]
        );
        assert!(page.contains("(cpu.svg)"), "{page}");
        assert!(page.contains("Minnow, 1 thread: the first token takes 0.050 s where"), "{page}");
        assert!(page.contains("0.10 of the time where they are run (asked: ≤ 0.15, met)"), "{page}");
    }

    #[test]
    fn without_a_peer_only_minnow_is_shown() {
        let mut alone = report(true);
        alone.peer = None;
        for pair in alone.series.iter_mut().flat_map(|series| &mut series.pairs) {
            pair.peer = None;
        }
        let page = markdown(&alone);
        assert!(page.contains("| decode, tokens/s | 1 | 200 | – | – | – |"), "{page}");
        assert!(!page.contains("svg") && !page.contains("memory"), "{page}");
    }
}
