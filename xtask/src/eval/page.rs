//! What is kept of an evaluation: a table in Markdown, and a page with how well confidence holds and what abstaining buys.

use super::Origin;
use super::classify::Outcome;
use std::fmt::Write;

/// Answers from the least sure to the surest: how sure, and whether right.
pub struct Curve(Vec<(f64, bool)>);

/// Groups of equal size that confidence and accuracy are compared in.
const GROUPS: usize = 10;

impl Curve {
    pub fn new(mut answers: Vec<(f64, bool)>) -> Self {
        answers.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(answers)
    }

    /// Mean confidence and accuracy of each group.
    fn reliability(&self) -> Vec<(f64, f64)> {
        let size = self.0.len().div_ceil(GROUPS).max(1);
        let mean = |group: &[(f64, bool)]| {
            let (sure, right) =
                (group.iter().map(|answer| answer.0).sum::<f64>(), group.iter().filter(|answer| answer.1).count());
            (sure / group.len() as f64, right as f64 / group.len() as f64)
        };
        self.0.chunks(size).map(mean).collect()
    }

    /// Share of texts that are answered and accuracy of these, as the threshold rises.
    fn coverage(&self) -> Vec<(f64, f64)> {
        let all = self.0.len();
        let point = |percent: usize| {
            let answered = &self.0[all - (all * percent / 100).max(1).min(all)..];
            let right = answered.iter().filter(|answer| answer.1).count();
            (percent as f64 / 100.0, right as f64 / answered.len().max(1) as f64)
        };
        if all == 0 { Vec::new() } else { (1..=20).map(|step| point(5 * step)).collect() }
    }
}

/// The table, and where it comes from.
pub fn markdown(outcomes: &[Outcome], origin: &Origin) -> String {
    let mut page = format!(
        "# Classification\n\nWritten by `cargo xtask eval classify` on {} ({}, {} cores; commit {}). A head over all-MiniLM-L6-v2, its weights rounded to 8 bits, \
         answered one text at a time. Sets with a test split: trained on the rows of `train`, answered those of `test`. The others: five folds, so each is trained \
         on four fifths. Diagrams: [classify.html](classify.html).\n\n\
         The references and what is asked were scored on other rows, which are kept aside, after training on all rows here. For how far the two halves \
         differ, the reference's method (TF-IDF of words and characters with a linear SVM, scikit-learn 1.9) was run \
         on the rows here as well: *here* is what it gets.\n\n\
         | set | rows | accuracy | reference | here | asked | calibration error | accuracy of the surest 70 % | of no label, found | one text |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
        origin.date, origin.machine.cpu, origin.machine.cores, origin.commit
    );
    for outcome in outcomes {
        let percent = |value: Option<f64>| value.map_or("–".into(), |value| format!("{:.1} %", 100.0 * value));
        let plain = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.1} %"));
        let error = outcome.calibration_error.map_or("–".into(), |error| format!("{error:.3}"));
        // Writing to a string doesn't fail.
        let _ = writeln!(
            page,
            "| {} | {} | **{:.1} %** | {} | {} | {} | {error} | {} | {} | {:.1} ms |",
            outcome.title,
            outcome.rows,
            100.0 * outcome.accuracy,
            plain(outcome.reference),
            plain(outcome.reference_here),
            plain(outcome.ask),
            percent(outcome.accuracy_at_70),
            percent(outcome.out_of_scope_recall),
            outcome.p50_ms,
        );
    }
    page
}

const STYLE: &str = "\
:root { color-scheme: light dark } body { font: 15px system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
figure { display: inline-block; margin: 0 1rem 1rem 0 } figcaption { font-size: 13px } svg { width: 260px }
text { font: 11px system-ui, sans-serif; fill: currentColor } .axis, .even { stroke: currentColor; opacity: .4; fill: none }
.even { stroke-dasharray: 4 3 } .line { stroke: #0969da; stroke-width: 2; fill: none } .dot { fill: #0969da }";

/// The page with the diagrams of each set.
pub fn html(outcomes: &[Outcome], origin: &Origin) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Classification</title><style>{STYLE}</style>\n\
         <h1>Classification</h1><p>Written by <code>cargo xtask eval classify</code> on {}, commit {}. Left: confidence against the share of right answers in ten groups of equal \
         size; on the dashed line it holds. Right: what is right of the answers that are given, as less sure ones are left out.</p>\n",
        origin.date, origin.commit
    );
    for outcome in outcomes {
        let _ = write!(
            page,
            "<h2>{}</h2>\n<figure>{}<figcaption>confidence → accuracy</figcaption></figure><figure>{}<figcaption>share answered → accuracy</figcaption></figure>\n",
            outcome.title,
            diagram(&outcome.curve.reliability(), 0.0, true),
            diagram(&outcome.curve.coverage(), 0.5, false),
        );
    }
    page
}

/// A line over the unit square, whose vertical axis starts at `floor`.
fn diagram(points: &[(f64, f64)], floor: f64, with_even: bool) -> String {
    const SIDE: f64 = 200.0;
    const LEFT: f64 = 36.0;
    let x = |value: f64| LEFT + SIDE * value;
    let y = |value: f64| 8.0 + SIDE * (1.0 - ((value - floor) / (1.0 - floor)).clamp(0.0, 1.0));
    let places: Vec<String> = points.iter().map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b))).collect();
    let dots: String = points
        .iter()
        .map(|(a, b)| {
            format!(
                "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"><title>{a:.2}: {b:.3}</title></circle>",
                x(*a),
                y(*b)
            )
        })
        .collect();
    let even = if with_even {
        format!("<path class=\"even\" d=\"M{} {}L{} {}\"/>", x(0.0), y(0.0), x(1.0), y(1.0))
    } else {
        String::new()
    };
    format!(
        "<svg viewBox=\"0 0 250 230\" role=\"img\"><path class=\"axis\" d=\"M{LEFT} 8V{0}H{1}\"/>{even}<polyline class=\"line\" points=\"{2}\"/>{dots}\
         <text x=\"2\" y=\"14\">100 %</text><text x=\"2\" y=\"{0}\">{3:.0} %</text><text x=\"{LEFT}\" y=\"224\">0</text><text x=\"{4}\" y=\"224\">100 %</text></svg>",
        y(floor),
        x(1.0),
        places.join(" "),
        100.0 * floor,
        x(1.0) - 24.0,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_count_what_they_say() {
        // the surer half is right
        let curve = Curve::new((0..100).map(|i| (i as f64 / 100.0, i >= 50)).collect());
        let reliability = curve.reliability();
        assert_eq!((reliability.len(), reliability[0].1, reliability[9].1), (10, 0.0, 1.0));
        let coverage = curve.coverage();
        assert_eq!((coverage[9], coverage[19]), ((0.5, 1.0), (1.0, 0.5)));
        assert!(diagram(&coverage, 0.5, false).starts_with("<svg"));
        assert!(Curve::new(Vec::new()).reliability().is_empty());
    }
}
