//! The tables as bars: how many times as fast or as small Minnow is. Longer is better throughout, so rates are drawn as they are and
//! time and memory the other way round. The peer is the line at one; a mark shows what is asked.
//!
//! SVG written by hand: it is rectangles and text, and a stylesheet lets it follow the reader's light or dark theme, which no plotting
//! crate does.

use super::report::Report;
use super::run::threads;
use super::table::{Row, Table, tables};
use std::fmt::Write;

const WIDTH: f64 = 720.0;
/// Where bars begin and where the scale ends; values stand to the right of it.
const LEFT: f64 = 210.0;
const RIGHT: f64 = 650.0;
/// Height of a bar with the space below it, and of a bar alone.
const STEP: f64 = 18.0;
const BAR: f64 = 12.0;
/// Height of a heading with the space around it.
const HEADING: f64 = 34.0;
/// Room for the title above and for the scale below.
const TOP: f64 = 56.0;
const BOTTOM: f64 = 34.0;

/// Colours that keep their contrast on both grounds.
const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.head { font-weight: 600 }
.faint { fill: #59636e }
.end { text-anchor: end }
.mid { text-anchor: middle }
.ground { fill: #ffffff }
.ahead { fill: #0969da }
.short { fill: #bc4c00 }
.grid { stroke: #d1d9e0 }
.peer { stroke: #1f2328; stroke-width: 1.5 }
.ask { stroke: #1f2328; stroke-width: 2.5 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.faint { fill: #9198a1 }
.ground { fill: #0d1117 }
.ahead { fill: #4493f8 }
.short { fill: #f0883e }
.grid { stroke: #3d444d }
.peer, .ask { stroke: #f0f6fc }
}";

/// A bar.
struct Bar {
    label: String,
    /// Times as fast, or as small.
    gain: f64,
    /// The gain that is asked for.
    ask: Option<f64>,
    is_met: Option<bool>,
}

impl Bar {
    /// The bar of a row that has a peer's value.
    fn of(row: &Row) -> Option<Self> {
        let against = row.against?;
        let gain = |ratio: f64| if row.metric.more_is_better() { ratio } else { 1.0 / ratio };
        Some(Self {
            label: format!("{}, {}", row.metric.name(), threads(row.threads)),
            gain: gain(against.ratio),
            ask: against.ask.map(gain),
            is_met: against.is_met(row.metric),
        })
    }

    fn reach(&self) -> f64 {
        self.ask.map_or(self.gain, |ask| ask.max(self.gain))
    }
}

/// Draws them; nothing if there was no peer.
pub fn svg(report: &Report) -> Option<String> {
    let groups: Vec<(&str, Vec<Bar>)> = tables(report).iter().map(|table: &Table| (table.title, bars(table))).collect();
    let bars = || groups.iter().flat_map(|(_, bars)| bars);
    let most = bars().map(Bar::reach).filter(|reach| reach.is_finite()).reduce(f64::max)?.ceil().max(2.0);
    let x = |gain: f64| LEFT + (RIGHT - LEFT) * (gain / most).min(1.0);
    let end = TOP + HEADING * groups.len() as f64 + STEP * bars().count() as f64;
    let height = end + BOTTOM;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <title>Minnow beside llama.cpp on {device}</title>\n<style>\n{STYLE}\n</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\" rx=\"6\"/>\n\
         <text class=\"title\" x=\"16\" y=\"24\">Minnow beside llama.cpp: {claim}</text>\n\
         <text class=\"faint\" x=\"16\" y=\"43\">{device}, {date}. Longer is better; {legend}.</text>\n",
        device = escape(report.device()),
        date = report.date,
        claim = if report.gpu { "times as fast" } else { "times as fast, or as small" },
        legend = if report.gpu { "1 is llama.cpp" } else { "1 is llama.cpp, a mark is what is asked" },
    );
    // Writing to a string can't fail.
    for gain in ticks(most) {
        let (at, class) = (x(gain), if gain == 1.0 { "peer" } else { "grid" });
        let _ = writeln!(svg, r#"<line class="{class}" x1="{at:.1}" x2="{at:.1}" y1="{TOP}" y2="{end}"/>"#);
        let _ = writeln!(svg, r#"<text class="faint mid" x="{at:.1}" y="{:.1}">{gain}×</text>"#, end + 16.0);
    }
    let mut y = TOP;
    for (title, bars) in &groups {
        let width = WIDTH - 32.0;
        // over the grid, so that its lines don't run through the words
        let _ =
            writeln!(svg, r#"<rect class="ground" x="16" y="{y:.1}" width="{width}" height="{:.1}"/>"#, HEADING - 6.0);
        let _ = writeln!(svg, r#"<text class="head" x="16" y="{:.1}">{}</text>"#, y + HEADING - 14.0, escape(title));
        y += HEADING;
        for bar in bars {
            draw(&mut svg, bar, y, x);
            y += STEP;
        }
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn bars(table: &Table) -> Vec<Bar> {
    table.rows.iter().filter_map(Bar::of).collect()
}

/// Draws one bar with its label, its value and what is asked.
fn draw(svg: &mut String, bar: &Bar, y: f64, x: impl Fn(f64) -> f64) {
    let class = if bar.is_met == Some(false) { "short" } else { "ahead" };
    let (baseline, width) = (y + BAR - 2.0, x(bar.gain) - LEFT);
    let _ = writeln!(svg, r#"<text class="end" x="{}" y="{baseline:.1}">{}</text>"#, LEFT - 8.0, escape(&bar.label));
    let _ = writeln!(svg, r#"<rect class="{class}" x="{LEFT}" y="{y:.1}" width="{width:.1}" height="{BAR}" rx="2"/>"#);
    if let Some(at) = bar.ask.map(&x) {
        let (from, to) = (y - 2.0, y + BAR + 2.0);
        let _ = writeln!(svg, r#"<line class="ask" x1="{at:.1}" x2="{at:.1}" y1="{from:.1}" y2="{to:.1}"/>"#);
    }
    let _ = writeln!(svg, r#"<text x="{:.1}" y="{baseline:.1}">{:.2}×</text>"#, x(bar.reach()) + 6.0, bar.gain);
}

/// Whole numbers from 0 on, few enough to be read.
fn ticks(most: f64) -> impl Iterator<Item = f64> {
    let step = (most / 10.0).ceil().max(1.0) as usize;
    // One is the peer, whatever the step.
    let steps = (0..=most as usize).step_by(step).chain((step > 1).then_some(1));
    steps.map(|gain| gain as f64)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::super::table::{Against, Metric};
    use super::*;

    #[test]
    fn less_time_is_a_longer_bar() {
        let against = Against { peer: 1.0, ratio: 0.25, range: [0.25; 2], ask: Some(0.5) };
        let row = Row { metric: Metric::FirstToken, threads: 2, ours: 0.25, against: Some(against) };
        let bar = Bar::of(&row).map(|bar| (bar.label, bar.gain, bar.ask, bar.is_met));
        assert_eq!(bar, Some(("load to first token, 2 threads".to_owned(), 4.0, Some(2.0), Some(true))));
        assert!(Bar::of(&Row { against: None, ..row }).is_none());
    }

    #[test]
    fn every_row_is_drawn_and_names_are_escaped() {
        let mut report = report(false);
        report.machine.cpu = "A<B & C".to_owned();
        let svg = svg(&report).unwrap_or_default();
        assert_eq!(svg.matches("class=\"ahead\"").count() + svg.matches("class=\"short\"").count(), 4, "{svg}");
        assert_eq!(svg.matches("class=\"ask\"").count(), 4);
        assert!(svg.contains("on A&lt;B &amp; C</title>"), "{svg}");
        assert!(svg.contains("2.50×"), "{svg}");
    }

    #[test]
    fn without_a_peer_there_is_nothing_to_draw() {
        let mut report = report(true);
        report.series.iter_mut().flat_map(|series| &mut series.pairs).for_each(|pair| pair.peer = None);
        assert_eq!(svg(&report), None);
    }

    #[test]
    fn the_scale_shows_the_peer_and_few_numbers() {
        assert_eq!(ticks(3.0).collect::<Vec<_>>(), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(ticks(22.0).collect::<Vec<_>>(), [0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0, 21.0, 1.0]);
    }
}
