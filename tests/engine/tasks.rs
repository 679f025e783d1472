//! The functions with the real model: promises that hold whatever the model thinks, and answers that it should get right.

use std::time::{Duration, Instant};

use minnow::{
    Assistant, CancelToken, ClassifyOptions, Error, Finish, GenerateOptions, Message, Role, ScheduleOptions,
    SessionOptions, SummarizeOptions,
};
use minnow_tests::{cpu, data, smollm2};

fn assistant() -> Option<Assistant> {
    smollm2().map(|path| Assistant::new(cpu(path)))
}

fn letter() -> String {
    std::fs::read_to_string(data("demo/letter.txt")).unwrap()
}

#[test]
fn a_summary_is_made_of_the_source() {
    let Some(assistant) = assistant() else { return };
    let letter = letter();
    let cancel = CancelToken::new();
    for sentences in [1, 3] {
        let options = SummarizeOptions::default().sentences(sentences);
        let summary = assistant.summarize(&letter, &options, &cancel).unwrap();
        assert_eq!(summary.sentences.len(), sentences);
        for sentence in &summary.sentences {
            let source = letter[sentence.source.clone()].split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(sentence.text, source);
        }
    }
    let short = assistant.summarize(&letter, &SummarizeOptions::default().max_words(30), &cancel).unwrap();
    assert!(short.text.split_whitespace().count() <= 30, "{}", short.text);
}

#[test]
fn nothing_gives_an_empty_summary() {
    let Some(assistant) = assistant() else { return };
    for text in ["", "  \n ", "---"] {
        let summary = assistant.summarize(text, &SummarizeOptions::default(), &CancelToken::new()).unwrap();
        assert!(summary.text.is_empty() && summary.confidence == 0.0);
    }
    let one = assistant.summarize("One word.", &SummarizeOptions::default(), &CancelToken::new()).unwrap();
    assert_eq!(one.text, "One word.");
}

#[test]
fn clear_messages_get_their_label() {
    let Some(assistant) = assistant() else { return };
    let labels = ["lost_card", "loan", "weather"].map(str::to_owned);
    let mut right = 0;
    let messages = [
        ("I lost my credit card on the train, please block it", "lost_card"),
        ("What interest rate do you offer on a personal loan?", "loan"),
        ("Will it rain in Zurich tomorrow?", "weather"),
        ("My debit card was stolen last night", "lost_card"),
    ];
    for (message, label) in messages {
        let answer = assistant.classify(message, &labels, &ClassifyOptions::default(), &CancelToken::new()).unwrap();
        let total: f32 = answer.scores.iter().map(|score| score.probability).sum();
        assert!((total - 1.0).abs() < 1e-3);
        assert_eq!(answer.confidence, answer.scores[0].probability);
        right += usize::from(answer.label.as_deref() == Some(label));
    }
    // a guess gets one or two of four
    assert!(right >= 3, "{right} of {}", messages.len());
}

#[test]
fn an_unsure_label_is_not_named() {
    let Some(assistant) = assistant() else { return };
    let labels = ["alpha", "beta", "gamma", "delta"].map(str::to_owned);
    let options = ClassifyOptions::default().min_confidence(1.0);
    let answer = assistant.classify("qwerty uiop", &labels, &options, &CancelToken::new()).unwrap();
    assert_eq!(answer.label, None);
}

#[test]
fn an_event_has_its_time_and_a_name_from_the_text() {
    let Some(assistant) = assistant() else { return };
    let options = ScheduleOptions::new("2026-11-24T09:30[Europe/London]".parse().unwrap());
    let text = "Hi, can we meet Dr. Lee for the quarterly review tomorrow at 3pm?";
    let schedule = assistant.schedule(text, &options, &CancelToken::new()).unwrap();
    let json = serde_json::to_value(&schedule).unwrap();
    assert_eq!(json["events"][0]["start"], "2026-11-25T15:00:00");
    assert_eq!(schedule.events.len(), 1);
    assert!(text.contains(&schedule.events[0].title), "{}", schedule.events[0].title);
    let nothing = assistant.schedule("Thanks for your help!", &options, &CancelToken::new()).unwrap();
    assert!(nothing.events.is_empty());
}

#[test]
fn a_conversation_goes_on_and_reuses_its_cache() {
    let Some(assistant) = assistant() else { return };
    let mut chat = assistant.chat(None, SessionOptions::default()).unwrap();
    let options = GenerateOptions::default().max_new_tokens(12);
    let cancel = CancelToken::new();
    let mut streamed = String::new();
    let first = chat.say("Hello, who are you?", &options, &cancel, |piece| streamed.push_str(piece)).unwrap();
    assert_eq!(streamed, first.text);
    let second = chat.say("Say that again.", &options, &cancel, |_| ()).unwrap();
    assert!(matches!(second.finish, Finish::Stop | Finish::Length));
    assert_eq!(chat.messages().len(), 4);
    assert!(matches!(chat.say(" ", &options, &cancel, |_| ()), Err(Error::InvalidInput { .. })));
    assert_eq!(chat.messages().len(), 4);
}

#[test]
fn a_long_conversation_forgets_its_oldest_turns() {
    let Some(assistant) = assistant() else { return };
    let mut chat = assistant.chat(Some("Be brief."), SessionOptions::default().context_tokens(160)).unwrap();
    let options = GenerateOptions::default().max_new_tokens(8);
    for turn in 0..8 {
        let text = format!("Message number {turn}: tell me something about the number {turn}, please.");
        chat.say(&text, &options, &CancelToken::new(), |_| ()).unwrap();
    }
    assert!(chat.messages().len() < 17, "{}", chat.messages().len());
    assert_eq!(chat.messages()[0].content, "Be brief.");
}

#[test]
fn thousands_of_saved_turns_are_forgotten_at_once() {
    let Some(assistant) = assistant() else { return };
    let turn = |index: usize| {
        let role = if index.is_multiple_of(2) { Role::User } else { Role::Assistant };
        Message::new(role, format!("Short message number {index}."))
    };
    let messages: Vec<Message> =
        std::iter::once(Message::new(Role::System, "Be brief.")).chain((0..8000).map(turn)).collect();
    let mut chat = minnow::Chat::resume(assistant.engine(), messages, SessionOptions::default()).unwrap();
    let options = GenerateOptions::default().max_new_tokens(8);
    let asked = Instant::now();
    let answer = chat.say("Which number was last?", &options, &CancelToken::new(), |_| ()).unwrap();
    let (kept, reading) = (chat.messages(), answer.first_token.unwrap());
    assert_eq!(kept[0].content, "Be brief.");
    assert_eq!(kept[1].role, Role::User, "a question is kept with its answer");
    assert!((50..1000).contains(&kept.len()), "{}", kept.len());
    // what is kept is a few times as long to read as to choose
    assert!(asked.elapsed() < 3 * reading + Duration::from_secs(2), "{:?}, {reading:?}", asked.elapsed());
    assert_eq!(kept[kept.len() - 3].content, "Short message number 7999.", "the newest stay");
}

#[test]
fn a_turn_without_an_answer_is_taken_back() {
    let Some(assistant) = assistant() else { return };
    let mut chat = assistant.chat(None, SessionOptions::default()).unwrap();
    let (cancel, none) = (CancelToken::new(), GenerateOptions::default().time_limit(Duration::ZERO));
    for _ in 0..3 {
        chat.say("Tell me about savings.", &none, &cancel, |_| ()).unwrap();
        assert!(chat.messages().is_empty());
    }
    let options = GenerateOptions::default().max_new_tokens(8);
    let answer = chat.say("What is a bank?", &options, &cancel, |_| ()).unwrap();
    let mut fresh = assistant.chat(None, SessionOptions::default()).unwrap();
    assert_eq!(answer.text, fresh.say("What is a bank?", &options, &cancel, |_| ()).unwrap().text);
    assert_eq!(chat.messages().len(), 2);
}

#[test]
fn a_time_limit_and_the_times_of_an_answer_count_the_reading() {
    let Some(assistant) = assistant() else { return };
    let mut chat = assistant.chat(None, SessionOptions::default()).unwrap();
    let letter = "Please tell me what this account costs each month and why. ".repeat(80);
    let cancel = CancelToken::new();
    let asked = Instant::now();
    let late = chat.say(&letter, &GenerateOptions::default().time_limit(Duration::ZERO), &cancel, |_| ()).unwrap();
    let measured = asked.elapsed();
    assert_eq!((late.finish, late.ids.len(), late.text.as_str(), late.first_token), (Finish::Length, 0, "", None));
    assert!(late.total <= measured);
    let asked = Instant::now();
    let answer = chat.say(&letter, &GenerateOptions::default().max_new_tokens(1), &cancel, |_| ()).unwrap();
    let (measured, first) = (asked.elapsed(), answer.first_token.unwrap());
    assert!(first <= answer.total && answer.total <= measured);
    assert!(first > measured / 2, "reading 1000 tokens is nearly all of {measured:?}, not {first:?}");
}

#[test]
fn a_text_far_beyond_the_context_is_counted_not_rendered() {
    let Some(assistant) = assistant() else { return };
    let mut chat = assistant.chat(None, SessionOptions::default()).unwrap();
    let huge = "many words ".repeat(500_000);
    match chat.say(&huge, &GenerateOptions::default(), &CancelToken::new(), |_| ()) {
        Err(Error::ContextFull { needed, available }) => assert!(needed >= 1_000_000 && available < 2048),
        other => panic!("{other:?}"),
    }
    assert!(chat.messages().is_empty());
}

#[test]
fn a_cancelled_function_says_so() {
    let Some(assistant) = assistant() else { return };
    let cancel = CancelToken::new();
    cancel.cancel();
    let error = assistant.summarize(&letter(), &SummarizeOptions::default(), &cancel).unwrap_err();
    assert!(matches!(error, Error::Cancelled), "{error}");
}

#[test]
fn a_saved_conversation_goes_on() {
    let Some(assistant) = assistant() else { return };
    let options = GenerateOptions::default().max_new_tokens(8);
    let cancel = CancelToken::new();
    let mut chat = assistant.chat(Some("Answer briefly."), SessionOptions::default()).unwrap();
    chat.say("What is a bank?", &options, &cancel, |_| ()).unwrap();
    let mut resumed =
        minnow::Chat::resume(assistant.engine(), chat.messages().to_vec(), SessionOptions::default()).unwrap();
    let expected = chat.say("And a branch?", &options, &cancel, |_| ()).unwrap();
    chat.release();
    let answer = resumed.say("And a branch?", &options, &cancel, |_| ()).unwrap();
    assert_eq!(answer.text, expected.text);
    assert_eq!(resumed.messages(), chat.messages());
}
