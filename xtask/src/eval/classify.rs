//! The sets that ask for a label: which part trains, which is answered, and what came of it.

use super::page::{self, Curve};
use super::{Evaluation, Origin};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use xshell::cmd;

/// How rows are shared out between training and answering.
#[derive(Debug, Clone, Copy)]
enum Plan {
    /// Those of the split `train` and those of `test`.
    Split,
    /// Some examples of each label of `train`, drawn so often, and `test`.
    Shots { shots: usize, draws: u64 },
    /// Each fifth is answered by what the other four train.
    Folds,
    /// Nothing is trained: labels are known by their names alone.
    Names,
}

/// What texts are turned into vectors by.
#[derive(Debug, Clone, Copy)]
enum Features {
    Encoder,
    /// The hidden states of the default chat model.
    ChatModel,
}

/// A measurement.
struct Case {
    set: &'static str,
    title: &'static str,
    plan: Plan,
    features: Features,
    /// What is asked of accuracy, in percent.
    ask: Option<f64>,
    /// The reference that is to be beaten, in percent.
    reference: Option<f64>,
    /// The reference's method on the rows here, in percent.
    reference_here: Option<f64>,
}

const fn case(set: &'static str, title: &'static str, plan: Plan, reference: f64, here: f64, ask: f64) -> Case {
    let (reference, reference_here, ask) = (Some(reference), Some(here), Some(ask));
    Case { set, title, plan, features: Features::Encoder, reference, reference_here, ask }
}

/// For a figure that nothing is asked of.
const fn banking77(title: &'static str, plan: Plan, features: Features, reference: Option<f64>) -> Case {
    Case { set: "banking77", title, plan, features, reference, reference_here: None, ask: None }
}

const CASES: [Case; 12] = [
    case("banking77", "banking77, all training rows", Plan::Split, 92.3, 90.6, 94.5),
    case(
        "banking77",
        "banking77, 10 examples an intent (5 draws)",
        Plan::Shots { shots: 10, draws: 5 },
        73.1,
        73.2,
        87.5,
    ),
    banking77(
        "banking77, 20 examples an intent (2 draws)",
        Plan::Shots { shots: 20, draws: 2 },
        Features::Encoder,
        None,
    ),
    banking77(
        "banking77, 50 examples an intent (2 draws)",
        Plan::Shots { shots: 50, draws: 2 },
        Features::Encoder,
        None,
    ),
    banking77("banking77, the intents' names alone", Plan::Names, Features::Encoder, None),
    banking77(
        "banking77, 10 examples an intent, the chat model's states (5 draws)",
        Plan::Shots { shots: 10, draws: 5 },
        Features::ChatModel,
        Some(73.0),
    ),
    case("clinc150", "clinc150, in scope", Plan::Split, 94.1, 92.9, 95.0),
    case("contract_clauses", "contract clauses", Plan::Folds, 85.7, 79.7, 89.0),
    case("snips_slots", "snips, intent", Plan::Folds, 99.1, 97.7, 99.1),
    case("merchant_categories", "merchant categories", Plan::Folds, 39.9, 45.7, 55.0),
    case("transactions_ledger", "ledger accounts", Plan::Folds, 32.0, 28.9, 40.0),
    Case {
        set: "ticket_urgency",
        title: "ticket urgency",
        plan: Plan::Folds,
        features: Features::Encoder,
        reference: Some(49.8),
        reference_here: Some(47.3),
        ask: None,
    },
];

const FOLDS: usize = 5;

/// What the scorer prints; sets differ in their fields.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Score {
    accuracy: Option<f64>,
    in_scope_accuracy: Option<f64>,
    oos_recall: Option<f64>,
    calibration_error: Option<f64>,
    #[serde(rename = "accuracy_at_70%")]
    accuracy_at_70: Option<f64>,
}

impl Score {
    /// Share of right labels.
    pub fn accuracy(&self) -> f64 {
        self.in_scope_accuracy.or(self.accuracy).unwrap_or(0.0)
    }
}

/// What came of a case.
pub struct Outcome {
    pub title: &'static str,
    pub ask: Option<f64>,
    pub reference: Option<f64>,
    pub reference_here: Option<f64>,
    /// Rows that were answered.
    pub rows: usize,
    /// The mean over draws.
    pub accuracy: f64,
    pub out_of_scope_recall: Option<f64>,
    pub calibration_error: Option<f64>,
    pub accuracy_at_70: Option<f64>,
    /// Half of the texts took no longer, in milliseconds.
    pub p50_ms: f64,
    pub curve: Curve,
}

/// Evaluates every case and writes the pages.
pub fn run(evaluation: &Evaluation<'_>, origin: &Origin) -> Result<()> {
    let mut outcomes = Vec::new();
    for case in &CASES {
        println!("xtask: {}", case.title);
        outcomes.push(evaluation.case(case)?);
    }
    let markdown = page::markdown(&outcomes, origin);
    println!("\n{markdown}");
    let shell = evaluation.shell;
    shell.write_file(evaluation.out.join("classify.md"), markdown)?;
    shell.write_file(evaluation.out.join("classify.html"), page::html(&outcomes, origin))?;
    println!("xtask: written to {}", evaluation.out.display());
    Ok(())
}

/// What `minnow batch --json` prints.
#[derive(Deserialize)]
struct Done {
    p50_ms: f64,
}

type Row = serde_json::Map<String, Value>;

/// What one run trains on and answers.
struct Round<'a> {
    train: Vec<&'a Row>,
    test: Vec<&'a Row>,
    /// Examples of each label.
    shots: Option<usize>,
    seed: u64,
}

impl<'a> Round<'a> {
    fn of_fold(rows: &'a [Row], fold: usize) -> Self {
        let (test, train): (Vec<_>, Vec<_>) = folds(rows).into_iter().partition(|(_, at)| *at == fold);
        let rows = |part: Vec<(&'a Row, usize)>| part.into_iter().map(|(row, _)| row).collect();
        Self { train: rows(train), test: rows(test), shots: None, seed: 0 }
    }
}

impl Evaluation<'_> {
    fn case(&self, case: &Case) -> Result<Outcome> {
        let folder = self.shell.create_temp_dir()?;
        let rows = self.rows(case.set)?;
        let of_split = |wanted: &str| -> Vec<&Row> {
            rows.iter().filter(|row| row.get("split").and_then(Value::as_str) == Some(wanted)).collect()
        };
        let rounds: Vec<Round> = match case.plan {
            Plan::Split => vec![Round { train: of_split("train"), test: of_split("test"), shots: None, seed: 0 }],
            Plan::Shots { shots, draws } => (0..draws)
                .map(|seed| Round { train: of_split("train"), test: of_split("test"), shots: Some(shots), seed })
                .collect(),
            Plan::Names => vec![Round { train: Vec::new(), test: of_split("test"), shots: None, seed: 0 }],
            Plan::Folds => (0..FOLDS).map(|fold| Round::of_fold(&rows, fold)).collect(),
        };
        // the folds are scored together, draws one by one
        let together = matches!(case.plan, Plan::Folds);
        let (mut answers, mut answered) = (HashMap::new(), Vec::new());
        let (mut times, mut scores) = (Vec::new(), Vec::new());
        for round in &rounds {
            if !together {
                answers.clear();
                answered.clear();
            }
            times.push(self.answer(case, round, folder.path(), &mut answers)?);
            answered.extend(&round.test);
            if !together {
                scores.push(self.score(case.set, &answered, &answers, folder.path())?);
            }
        }
        if together {
            scores.push(self.score(case.set, &answered, &answers, folder.path())?);
        }
        let mean = |of: &dyn Fn(&Score) -> Option<f64>| {
            let values: Vec<f64> = scores.iter().filter_map(of).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        times.sort_by(f64::total_cmp);
        Ok(Outcome {
            title: case.title,
            ask: case.ask,
            reference: case.reference,
            reference_here: case.reference_here,
            rows: answered.len(),
            accuracy: mean(&|score| Some(score.accuracy())).unwrap_or(0.0),
            out_of_scope_recall: mean(&|score| score.oos_recall),
            calibration_error: mean(&|score| score.calibration_error),
            accuracy_at_70: mean(&|score| score.accuracy_at_70),
            p50_ms: times[times.len() / 2],
            curve: curve(&answered, &answers),
        })
    }

    /// Has a round's rows answered; gives the time that half of them took at most, in milliseconds.
    fn answer(&self, case: &Case, round: &Round<'_>, folder: &Path, answers: &mut HashMap<String, Row>) -> Result<f64> {
        let [train, test, out] = ["train", "test", "out"].map(|name| folder.join(name));
        write(&train, &round.train)?;
        write(&test, &round.test)?;
        let (minnow, set, seed) = (&self.minnow, case.set, round.seed.to_string());
        let model = match case.features {
            Features::Encoder => &self.encoder,
            Features::ChatModel => &self.chat_model,
        };
        let training = (!round.train.is_empty()).then_some([Path::new("--train"), &train]);
        let shots: Vec<String> = round.shots.into_iter().flat_map(|n| ["--shots".to_owned(), n.to_string()]).collect();
        let batch =
            cmd!(self.shell, "{minnow} --json --device cpu batch {set} --model {model} --in {test} --out {out}");
        let done = batch.args(["--seed", &seed]).args(training.into_iter().flatten()).args(shots).quiet().read()?;
        for line in std::fs::read_to_string(&out)?.lines() {
            let answer: Row = serde_json::from_str(line)?;
            answers.insert(answer.get("id").map(Value::to_string).unwrap_or_default(), answer);
        }
        Ok(serde_json::from_str::<Done>(&done)?.p50_ms)
    }

    /// The set's own scorer on these rows.
    fn score(&self, set: &str, rows: &[&Row], answers: &HashMap<String, Row>, folder: &Path) -> Result<Score> {
        let (gold, out) = (folder.join("gold"), folder.join("answers"));
        write(&gold, rows)?;
        write(&out, &answers.values().collect::<Vec<_>>())?;
        let scorer = self.sets.join("score.py");
        let printed = cmd!(self.shell, "python3 {scorer} {set} {gold} {out} --json").quiet().read()?;
        serde_json::from_str(&printed).with_context(|| format!("the scorer printed something else for {set}"))
    }

    fn rows(&self, set: &str) -> Result<Vec<Row>> {
        let (plain, zipped) = (self.sets.join(format!("{set}.jsonl")), self.sets.join(format!("{set}.jsonl.gz")));
        let mut text = String::new();
        if plain.exists() {
            text = std::fs::read_to_string(plain)?;
        } else {
            let file = std::fs::File::open(&zipped).with_context(|| zipped.display().to_string())?;
            flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
        }
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// Rows with the fold that answers them, each label's dealt out in turn.
fn folds(rows: &[Row]) -> Vec<(&Row, usize)> {
    let mut dealt: HashMap<String, usize> = HashMap::new();
    let fold = |row: &Row| {
        let count = dealt.entry(row.get("label").map(Value::to_string).unwrap_or_default()).or_default();
        *count += 1;
        (*count - 1) % FOLDS
    };
    rows.iter().zip(rows.iter().map(fold).collect::<Vec<_>>()).collect()
}

fn write(path: &Path, rows: &[&Row]) -> Result<()> {
    let lines: Vec<String> = rows.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    Ok(std::fs::write(path, lines.join("\n") + "\n")?)
}

/// How sure each answer was and whether it was right.
fn curve(rows: &[&Row], answers: &HashMap<String, Row>) -> Curve {
    let answer = |row: &&Row| {
        let answer = answers.get(&row.get("id")?.to_string())?;
        Some((answer.get("confidence")?.as_f64()?, answer.get("label") == row.get("label")))
    };
    Curve::new(rows.iter().filter_map(answer).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_have_each_label_in_turn() {
        let row = |label: &str| Row::from_iter([("label".to_owned(), Value::from(label))]);
        let rows: Vec<Row> = ["a", "b"].iter().flat_map(|label| std::iter::repeat_n(row(label), 10)).collect();
        for fold in 0..FOLDS {
            assert_eq!(folds(&rows).iter().filter(|(_, at)| *at == fold).count(), 4);
        }
    }
}
