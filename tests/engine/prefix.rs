//! Prefix snapshots: restored, a conversation goes on as if its beginning had been run; whatever is wrong with the folder, it is run.

use std::path::Path;

use minnow::{
    Assistant, CachePrecision, CancelToken, DevicePreference, Engine, EngineOptions, Error, GenerateOptions,
    SessionOptions,
};
use minnow_tests::{data, differences, gpu};

const TINY: &str = "tiny/smollm2/smollm2.q8_0.gguf";

fn ids(count: usize) -> Vec<u32> {
    (0..count).map(|index| ((index * 37 + 11) % 256) as u32).collect()
}

fn options(folder: &Path) -> EngineOptions {
    EngineOptions::default().device(DevicePreference::Cpu).cache_folder(folder)
}

fn open(model: &str, folder: &Path) -> Engine {
    Engine::open(data(model), options(folder)).unwrap()
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

/// Whether the prefix was restored, and the logits after it and a few more tokens.
fn begun(engine: &Engine, prefix: &[u32]) -> (bool, Vec<f32>, Vec<f32>) {
    let (mut session, cancel) =
        (engine.session(SessionOptions::default().chunk_tokens(16)).unwrap(), CancelToken::new());
    let restored = session.feed_prefix(prefix, &cancel).unwrap();
    assert_eq!(session.tokens(), prefix);
    let first = session.logits().unwrap().to_vec();
    session.feed(&[5, 6, 7], &cancel).unwrap();
    (restored, first, session.logits().unwrap().to_vec())
}

#[test]
fn the_next_start_of_the_app_begins_where_the_first_was() {
    let folder = tempfile::tempdir().unwrap();
    let (run, first, then) = begun(&open(TINY, folder.path()), &ids(40));
    assert!(!run);
    let engine = open(TINY, folder.path());
    assert_eq!(begun(&engine, &ids(40)), (true, first, then));
    assert!(!begun(&engine, &ids(39)).0, "another prompt");
    assert_eq!(files(folder.path()), 2);
    let wide = Engine::open(data(TINY), options(folder.path()).cache_precision(CachePrecision::F32)).unwrap();
    assert!(!begun(&wide, &ids(40)).0, "another cache");
    assert!(begun(&wide, &ids(40)).0);
    let without = Engine::open(data(TINY), EngineOptions::default().device(DevicePreference::Cpu)).unwrap();
    assert!(!begun(&without, &ids(40)).0 && !begun(&without, &ids(40)).0, "no folder, nothing kept");
}

#[test]
fn a_model_that_was_changed_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let (model, cache) = (folder.path().join("model.gguf"), folder.path().join("cache"));
    std::fs::copy(data(TINY), &model).unwrap();
    let open = || Engine::open(&model, options(&cache)).unwrap();
    let engine = open();
    assert!(!begun(&engine, &ids(20)).0);
    assert!(begun(&open(), &ids(20)).0);
    // one weight, in place
    let mut bytes = std::fs::read(&model).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&model, bytes).unwrap();
    assert!(!begun(&open(), &ids(20)).0);
    // and for an engine that reads its weights again
    engine.trim(minnow::MemoryPressure::Critical);
    engine.session(SessionOptions::default()).unwrap().feed(&[1], &CancelToken::new()).unwrap();
    assert!(!begun(&engine, &ids(20)).0);
}

#[test]
fn a_damaged_snapshot_is_run_again_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(TINY, folder.path());
    let (_, first, then) = begun(&engine, &ids(30));
    let path = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(begun(&engine, &ids(30)), (false, first.clone(), then.clone()));
    assert_eq!(begun(&engine, &ids(30)), (true, first, then));
}

#[test]
fn a_window_that_has_moved_on_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open("tiny/mistral", folder.path());
    // the window is 32, and a chunk adds 15
    assert!(!begun(&engine, &ids(40)).0 && begun(&engine, &ids(40)).0);
    assert!(!begun(&engine, &ids(60)).0 && !begun(&engine, &ids(60)).0);
}

#[test]
fn a_smaller_window_than_it_was_kept_with_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open("tiny/mistral", folder.path());
    let cancel = CancelToken::new();
    let fed = |chunk: usize| {
        let mut session = engine.session(SessionOptions::default().chunk_tokens(chunk)).unwrap();
        let restored = session.feed_prefix(&ids(60), &cancel).unwrap();
        (restored, session.logits().unwrap().to_vec())
    };
    // the window of 32 and chunks of 64 hold all 60 positions, those of 16 do not
    let (run, first) = fed(64);
    let (restored, then) = fed(16);
    assert!(!run && !restored);
    let (max, _) = differences(&then, &first);
    assert!(max < 1e-3, "{max}");
    assert!(fed(64).0);
}

#[test]
fn what_was_given_back_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(TINY, folder.path());
    let cancel = CancelToken::new();
    let mut session = engine.session(SessionOptions::default()).unwrap();
    session.feed_prefix(&ids(20), &cancel).unwrap();
    session.release();
    session.ready(&cancel).unwrap();
    let at_the_end = session.logits().unwrap().to_vec();
    session.feed(&[5, 6, 7], &cancel).unwrap();
    session.release();
    session.feed(&[8], &cancel).unwrap();
    let mut fresh = engine.session(SessionOptions::default()).unwrap();
    fresh.feed(&ids(20), &cancel).unwrap();
    assert_eq!(at_the_end, fresh.logits().unwrap());
    fresh.feed(&[5, 6, 7, 8], &cancel).unwrap();
    let (max, _) = differences(session.logits().unwrap(), fresh.logits().unwrap());
    assert!(max < 0.05, "{max}");
    // every token's logits are asked for, those of the prefix too
    session.release();
    session.rewind(0);
    let mut rows = 0;
    session.feed_each(&ids(20), &cancel, |_, _| rows += 1).unwrap();
    assert_eq!(rows, 20);
}

#[test]
fn refuses_a_prefix_in_the_middle_and_one_that_does_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(TINY, folder.path());
    let cancel = CancelToken::new();
    assert!(!begun(&engine, &ids(20)).0);
    let mut session = engine.session(SessionOptions::default().context_tokens(10)).unwrap();
    assert!(matches!(session.feed_prefix(&ids(20), &cancel), Err(Error::ContextFull { needed: 20, available: 10 })));
    assert!(!session.feed_prefix(&[], &cancel).unwrap());
    session.feed(&[1], &cancel).unwrap();
    let error = session.feed_prefix(&ids(2), &cancel).unwrap_err();
    assert_eq!(error.to_string(), "the conversation has begun: a prefix comes first (ids)");
    assert_eq!(session.tokens(), [1]);
}

#[test]
fn conversations_under_one_instruction_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let (options, cancel) = (GenerateOptions::default().max_new_tokens(6), CancelToken::new());
    let said = |instruction: Option<&str>, text: &str| {
        let assistant = Assistant::new(open(TINY, folder.path()));
        let mut chat = assistant.chat(instruction, SessionOptions::default()).unwrap();
        chat.say(text, &options, &cancel, |_| ()).unwrap().ids
    };
    let instruction = "You answer questions about accounts, cards and payments, in one sentence, and never guess.";
    let first = said(Some(instruction), "Hello");
    assert_eq!(files(folder.path()), 1);
    assert_eq!(said(Some(instruction), "Hello"), first);
    said(Some(instruction), "Where is my card?");
    said(Some("Hm."), "Hello");
    said(None, "Hello");
    assert_eq!(files(folder.path()), 1, "one prompt that is long enough was fixed");
}

#[test]
fn a_gpu_restores_too() {
    let folder = tempfile::tempdir().unwrap();
    if gpu(data(TINY)).is_none() {
        return;
    }
    let open = || {
        let options = EngineOptions::default().device(DevicePreference::Gpu).cache_folder(folder.path());
        Engine::open(data(TINY), options).unwrap()
    };
    let (run, first, then) = begun(&open(), &ids(40));
    let (restored, first_again, then_again) = begun(&open(), &ids(40));
    assert!(!run && restored);
    assert_eq!(first_again, first);
    let (max, _) = differences(&then_again, &then);
    assert!(max < 1e-3, "{max}");
}
