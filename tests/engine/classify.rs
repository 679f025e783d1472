//! Classifiers over the tiny encoder that is checked in: what any training set, text or file does to them.

use std::path::Path;
use std::time::{Duration, Instant};

use minnow::{
    Abstention, CancelToken, Classifier, ClassifyOptions, DevicePreference, Encoder, EncoderOptions, Error,
    LabelledText, TrainOptions,
};
use minnow_tests::data;

fn encoder() -> Encoder {
    Encoder::open(data("tiny/bert"), EncoderOptions::default().device(DevicePreference::Cpu)).unwrap()
}

fn train(examples: &[LabelledText]) -> Classifier {
    try_train(examples).unwrap()
}

fn try_train(examples: &[LabelledText]) -> minnow::Result<Classifier> {
    Classifier::train(&encoder(), examples, &TrainOptions::default(), &CancelToken::new(), |_| ())
}

fn likeliest(classifier: &Classifier, text: &str) -> String {
    let answer = classifier.classify(text, &ClassifyOptions::default(), &CancelToken::new()).unwrap();
    assert!((answer.scores.iter().map(|score| score.probability).sum::<f32>() - 1.0).abs() < 1e-3);
    assert!((0.0..=1.0).contains(&answer.confidence));
    answer.scores[0].label.clone()
}

/// Texts of three intents, told apart by a word.
fn intents(count: usize) -> Vec<LabelledText> {
    let text = |label: &str, i: usize| match label {
        "card" => format!("my card number {i} was stolen"),
        "transfer" => format!("please transfer {i} money to my account"),
        _ => format!("how do i close account {i}?"),
    };
    let of = |label: &'static str| (0..count).map(move |i| LabelledText::new(text(label, i * 7 + 1), label));
    of("card").chain(of("transfer")).chain(of("close")).collect()
}

#[test]
fn a_trained_classifier_is_right_and_says_so_after_saving_too() {
    let mut shares = Vec::new();
    let (examples, options, cancel) = (intents(12), TrainOptions::default(), CancelToken::new());
    let classifier = Classifier::train(&encoder(), &examples, &options, &cancel, |share| shares.push(share)).unwrap();
    assert!(shares.is_sorted() && shares.last() == Some(&1.0), "{shares:?}");
    let report = classifier.report();
    assert_eq!((report.labels, report.examples), (3, 36));
    assert!(report.cross_validated_accuracy > 0.95, "{report:?}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("intents.head");
    classifier.save(&path).unwrap();
    classifier.save(&path).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let again = Classifier::load(&encoder(), &path, &cancel).unwrap();
    assert_eq!(again.report(), report);
    for (text, label) in [("my card was stolen", "card"), ("transfer money", "transfer"), ("close account 5", "close")]
    {
        assert_eq!((likeliest(&classifier, text).as_str(), likeliest(&again, text).as_str()), (label, label));
    }
    let options = ClassifyOptions::default().evidence(true);
    let answer = again.classify("please, my card was stolen", &options, &cancel).unwrap();
    assert!(answer.evidence.iter().any(|evidence| ["card", "stolen"].contains(&evidence.word.as_str())), "{answer:?}");
    assert!(answer.evidence.iter().all(|e| "please, my card was stolen"[e.start..e.end] == e.word));
}

#[test]
fn the_same_seed_gives_the_same_classifier_whatever_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |threads: usize| {
        let options = EncoderOptions::default().device(DevicePreference::Cpu).threads(threads);
        let encoder = Encoder::open(data("tiny/bert"), options).unwrap();
        let cancel = CancelToken::new();
        let classifier =
            Classifier::train(&encoder, &intents(6), &TrainOptions::default().seed(3), &cancel, |_| ()).unwrap();
        let path = folder.path().join(threads.to_string());
        classifier.save(&path).unwrap();
        std::fs::read(path).unwrap()
    };
    assert_eq!(bytes(1), bytes(2));
}

#[test]
fn corrections_and_new_labels_are_learned_at_once_and_the_rest_is_kept() {
    let mut classifier = train(&intents(12));
    let cancel = CancelToken::new();
    let correction = LabelledText::new("the cash machine kept my card", "close");
    let new = LabelledText::new("what is the weather", "weather");
    let started = Instant::now();
    classifier.learn(&[correction.clone(), new.clone()], &cancel).unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(classifier.labels(), ["card", "transfer", "close", "weather"]);
    for example in intents(12).iter().chain([&correction, &new]) {
        assert_eq!(likeliest(&classifier, &example.text), example.label, "{}", example.text);
    }
    assert_eq!(classifier.report().examples, 38);
    let error = classifier.learn(&[LabelledText::new("", "card")], &cancel).unwrap_err().to_string();
    assert_eq!(error, "example 1 has an empty text (examples)");
}

#[test]
fn it_abstains_where_it_is_not_sure_enough_and_where_a_text_is_like_none() {
    let classifier = train(&intents(30));
    let cancel = CancelToken::new();
    let ask = |text: &str, options: ClassifyOptions| classifier.classify(text, &options, &cancel).unwrap();
    let known = "my card number 8 was stolen";
    let sure = ask(known, ClassifyOptions::default());
    assert_eq!((sure.label.as_deref(), sure.abstention), (Some("card"), None));
    let never = ask(known, ClassifyOptions::default().min_confidence(1.0));
    assert_eq!((never.label, never.abstention), (None, Some(Abstention::Unsure)));
    let strange = ask("zzz 我 999 ??? k q x", ClassifyOptions::default().refused(0.2));
    assert_eq!((strange.label, strange.abstention), (None, Some(Abstention::OutOfScope)));
    assert!(ask("zzz 我 999 ??? k q x", ClassifyOptions::default().refused(0.0)).label.is_some());
    assert_eq!(ask(known, ClassifyOptions::default().accuracy(0.9)).label.as_deref(), Some("card"));
    for options in [ClassifyOptions::default().accuracy(1.5), ClassifyOptions::default().refused(-0.1)] {
        assert!(matches!(classifier.classify(known, &options, &cancel), Err(Error::InvalidInput { .. })));
    }
}

#[test]
fn odd_training_sets_have_defined_behaviour() {
    let example = LabelledText::new;
    // imbalanced: the rare label is still found
    let mut imbalanced = intents(40);
    imbalanced.retain(|row| row.label != "close" || row.text.ends_with(" 1?") || row.text.ends_with(" 8?"));
    assert_eq!(likeliest(&train(&imbalanced), "how do i close account 1?"), "close");
    // the same row a hundred times, and one that contradicts it: both labels are likely, in that order
    let mut doubled: Vec<LabelledText> = (0..99).map(|_| example("my card", "card")).collect();
    doubled.extend([example("MY CARD", "money"), example("my account", "money")]);
    let answer = train(&doubled).classify("my card", &ClassifyOptions::default(), &CancelToken::new()).unwrap();
    assert_eq!(answer.scores[0].label, "card");
    // one example a label, and labels of odd characters
    let odd = [example("my card", "\u{202e}✓\"'\n"), example("the money", "1"), example("open account", "{\"a\":1}")];
    let classifier = train(&odd);
    assert!(odd.iter().all(|row| likeliest(&classifier, &row.text) == row.label));
    // a text that occurs with every label
    assert!(try_train(&[example("x", "a"), example("x", "b")]).is_ok());
    // too little
    assert!(matches!(try_train(&[example("x", "a")]), Err(Error::InvalidInput { .. })));
    assert!(matches!(try_train(&[]), Err(Error::InvalidInput { .. })));
}

#[test]
fn a_thousand_labels_are_learned() {
    let examples: Vec<LabelledText> =
        (0..1000).map(|i| LabelledText::new(format!("card {i} of account {}", i * 3), format!("label {i}"))).collect();
    let classifier = train(&examples);
    assert_eq!(classifier.labels().len(), 1000);
    let right = examples.iter().step_by(10).filter(|row| likeliest(&classifier, &row.text) == row.label).count();
    assert!(right >= 90, "{right} of 100");
}

#[test]
fn empty_and_huge_texts_are_answered_or_refused() {
    let classifier = train(&intents(4));
    let cancel = CancelToken::new();
    let error = classifier.classify(" \n", &ClassifyOptions::default(), &cancel).unwrap_err().to_string();
    assert_eq!(error, "text 1 is empty (text)");
    assert_eq!(likeliest(&classifier, &"my card number was stolen ".repeat(4000)), "card");
    assert!(!likeliest(&classifier, &"\u{0}".repeat(10)).is_empty());
    let token = CancelToken::new();
    token.cancel();
    assert!(matches!(classifier.classify("x", &ClassifyOptions::default(), &token), Err(Error::Cancelled)));
    let stopped = Classifier::train(&encoder(), &intents(4), &TrainOptions::default(), &token, |_| ());
    assert!(matches!(stopped, Err(Error::Cancelled)));
}

#[test]
fn labels_alone_make_a_classifier_that_learns() {
    let cancel = CancelToken::new();
    let mut classifier = Classifier::from_labels(&encoder(), &["stolen_card", "close account"], &cancel).unwrap();
    assert_eq!(likeliest(&classifier, "stolen card"), "stolen_card");
    classifier.learn(&[LabelledText::new("pay money", "transfer")], &cancel).unwrap();
    assert_eq!(likeliest(&classifier, "pay money"), "transfer");
    let error = Classifier::from_labels(&encoder(), &["card", "A1"], &cancel).unwrap_err().to_string();
    assert_eq!(error, "label 2 has no word to go by (labels)");
    assert!(Classifier::from_labels(&encoder(), &["card", "card"], &cancel).is_err());
}

#[test]
fn a_head_is_refused_by_another_encoder_and_where_it_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let (path, cancel) = (folder.path().join("a.head"), CancelToken::new());
    train(&intents(4)).save(&path).unwrap();
    let load = |path: &Path| Classifier::load(&encoder(), path, &cancel);
    assert!(load(&path).is_ok());

    let bytes = std::fs::read(&path).unwrap();
    let altered = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let (mut bytes, path) = (bytes.clone(), folder.path().join(name));
        change(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let at = |key: &str| bytes.windows(key.len()).position(|window| window == key.as_bytes()).unwrap() + key.len();
    // after a key come its type, four bytes, and the value
    let version = altered("version", &|bytes| bytes[at("head.version") + 4] += 1);
    assert!(matches!(load(&version), Err(Error::Unsupported { .. })));
    // the signs of the probe: another encoder's
    let probe = altered("probe", &|bytes| {
        let start = at("head.probe") + 4 + 4 + 8;
        (0..64).step_by(2).for_each(|i| bytes[start + 4 * i + 3] ^= 0x80);
    });
    let error = load(&probe).unwrap_err().to_string();
    assert!(error.starts_with("this head was trained over another encoder"), "{error}");
    for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        let cut = altered("cut", &|bytes| bytes.truncate(length));
        assert!(matches!(load(&cut), Err(Error::ModelFile { .. })), "{length}");
    }
    assert!(matches!(load(&data("tiny/llama3/llama3.q8_0.gguf")), Err(Error::ModelFile { .. })));
    // any byte may be wrong: an error or a classifier, never a panic
    for index in (0..bytes.len()).step_by(997) {
        let flipped = altered("flipped", &|bytes| bytes[index] ^= 0x55);
        if let Ok(classifier) = load(&flipped) {
            let answer = classifier.classify("my card", &ClassifyOptions::default(), &cancel);
            assert!(answer.is_ok_and(|answer| answer.confidence.is_finite()), "byte {index}");
        }
    }
}
