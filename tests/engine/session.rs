//! Sessions: the same numbers whatever the chunks, rewinding, cancelling, pausing, the end of the context, two sessions at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use minnow::{CancelToken, Engine, Error, Finish, GenerateOptions, MemoryPressure, Overflow, Sampling, SessionOptions};
use minnow_tests::{cpu, data, differences};

fn tiny() -> Engine {
    cpu(data("tiny/smollm2/smollm2.q8_0.gguf"))
}

fn ids(count: usize) -> Vec<u32> {
    (0..count).map(|index| ((index * 37 + 11) % 256) as u32).collect()
}

fn logits_after(engine: &Engine, ids: &[u32], options: SessionOptions) -> Vec<f32> {
    let mut session = engine.session(options).unwrap();
    session.feed(ids, &CancelToken::new()).unwrap();
    session.logits().unwrap().to_vec()
}

#[test]
fn chunks_do_not_change_the_result() {
    let engine = tiny();
    let whole = logits_after(&engine, &ids(50), SessionOptions::default());
    for chunk in [1, 7, 32] {
        let chunked = logits_after(&engine, &ids(50), SessionOptions::default().chunk_tokens(chunk));
        let (max, _) = differences(&chunked, &whole);
        assert!(max < 0.05, "chunks of {chunk}: {max}");
    }
}

#[test]
fn rewinding_forgets() {
    let engine = cpu(data("tiny/mistral"));
    let cancel = CancelToken::new();
    let options = SessionOptions::default().chunk_tokens(8);
    // short of the window of 32, and far past it, where the dropped positions must run again
    for (length, kept) in [(20, 12), (120, 12), (120, 118)] {
        let mut session = engine.session(options.clone()).unwrap();
        session.feed(&ids(length), &cancel).unwrap();
        session.rewind(kept);
        assert_eq!(session.tokens(), &ids(length)[..kept]);
        session.feed(&[5, 6], &cancel).unwrap();
        let mut fresh = ids(length)[..kept].to_vec();
        fresh.extend([5, 6]);
        let (max, _) = differences(session.logits().unwrap(), &logits_after(&engine, &fresh, options.clone()));
        assert!(max < 1e-3, "{length} to {kept}: {max}");
    }
}

#[test]
fn memory_that_was_given_back_is_taken_again() {
    let engine = tiny();
    let cancel = CancelToken::new();
    let expected = logits_after(&engine, &ids(20), SessionOptions::default());
    let mut session = engine.session(SessionOptions::default()).unwrap();
    session.feed(&ids(18), &cancel).unwrap();
    session.release();
    assert_eq!(session.tokens(), ids(18), "what was said stays");
    engine.trim(MemoryPressure::Moderate);
    engine.trim(MemoryPressure::Critical);
    session.feed(&ids(20)[18..], &cancel).unwrap();
    let (max, _) = differences(session.logits().unwrap(), &expected);
    assert!(max < 0.05, "{max}");
    session.release();
    session.ready(&cancel).unwrap();
    let (max, _) = differences(session.logits().unwrap(), &expected);
    assert!(max < 0.05, "{max}");
}

#[test]
fn weights_are_not_read_again_from_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    std::fs::copy(data("tiny/smollm2/smollm2.q8_0.gguf"), &path).unwrap();
    let engine = cpu(&path);
    let mut session = engine.session(SessionOptions::default()).unwrap();
    session.feed(&ids(4), &CancelToken::new()).unwrap();
    engine.trim(MemoryPressure::Critical);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(session.feed(&ids(1), &CancelToken::new()), Err(Error::Io { .. })));
    let other = std::fs::read_dir(data("tiny/llama3")).unwrap().map(|entry| entry.unwrap().path());
    let other = other.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "gguf"));
    std::fs::copy(other.unwrap(), &path).unwrap();
    let error = session.feed(&ids(1), &CancelToken::new()).unwrap_err();
    assert!(matches!(&error, Error::ModelFile { what, .. } if what.contains("another model")), "{error}");
    std::fs::copy(data("tiny/smollm2/smollm2.q8_0.gguf"), &path).unwrap();
    session.feed(&ids(1), &CancelToken::new()).unwrap();
    assert_eq!(session.tokens().len(), 5, "a failed call says nothing");
}

#[test]
fn the_same_seed_gives_the_same_answer() {
    let engine = tiny();
    let answer = |seed| {
        let cancel = CancelToken::new();
        let mut session = engine.session(SessionOptions::default()).unwrap();
        session.feed(&ids(9), &cancel).unwrap();
        let options = GenerateOptions::default().max_new_tokens(24).sampling(Sampling::random(seed));
        session.generate(&options, &cancel, |_| ()).unwrap().ids
    };
    assert_eq!(answer(7), answer(7));
    assert_ne!(answer(7), answer(8));
}

#[test]
fn a_cancel_stops_before_the_next_token() {
    let engine = tiny();
    let cancel = CancelToken::new();
    let mut session = engine.session(SessionOptions::default()).unwrap();
    session.feed(&ids(9), &cancel).unwrap();
    let mut pieces = 0;
    let answer = session
        .generate(&GenerateOptions::default().max_new_tokens(200), &cancel, |_| {
            pieces += 1;
            if pieces == 3 {
                cancel.cancel();
            }
        })
        .unwrap();
    assert_eq!(answer.finish, Finish::Cancelled);
    // what was held back to complete a character comes out with the end
    assert!(pieces <= 4, "{pieces}");
    assert!(answer.ids.len() < 40, "{} tokens", answer.ids.len());
    // and the session goes on
    session.feed(&[1, 2, 3], &CancelToken::new()).unwrap();
}

#[test]
fn a_cancelled_prompt_is_an_error() {
    let cancel = CancelToken::new();
    cancel.cancel();
    let mut session = tiny().session(SessionOptions::default()).unwrap();
    assert!(matches!(session.feed(&ids(9), &cancel), Err(Error::Cancelled)));
    assert!(session.tokens().is_empty());
}

#[test]
fn a_paused_engine_rests_and_then_goes_on_where_it_was() {
    let engine = tiny();
    let cancel = CancelToken::new();
    let answer = |told: &mut dyn FnMut()| {
        let mut session = engine.session(SessionOptions::default()).unwrap();
        session.feed(&ids(9), &cancel).unwrap();
        session.generate(&GenerateOptions::default().max_new_tokens(40), &cancel, |_| told()).unwrap().ids
    };
    let alone = answer(&mut || ());
    let pieces = AtomicUsize::new(0);
    let paused = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            answer(&mut || {
                pieces.fetch_add(1, Ordering::SeqCst);
                // a listener slow enough for the pause to come in the middle
                std::thread::sleep(Duration::from_millis(5));
            })
        });
        while pieces.load(Ordering::SeqCst) < 3 {
            std::thread::yield_now();
        }
        let pause = engine.pause(&cancel).unwrap();
        // the step that was running has told its piece, if any
        std::thread::sleep(Duration::from_millis(50));
        let before = pieces.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(pieces.load(Ordering::SeqCst), before);
        // who waits in a pause can be cancelled
        let other = CancelToken::new();
        other.cancel();
        assert!(matches!(
            engine.session(SessionOptions::default()).unwrap().feed(&ids(9), &other),
            Err(Error::Cancelled)
        ));
        assert!(!running.is_finished());
        drop(pause);
        running.join().unwrap()
    });
    assert_eq!(paused, alone);
}

#[test]
fn a_full_context_is_told_before_anything_runs() {
    let mut session = tiny().session(SessionOptions::default().context_tokens(16)).unwrap();
    let error = session.feed(&ids(17), &CancelToken::new()).unwrap_err();
    assert!(matches!(error, Error::ContextFull { needed: 17, available: 16 }), "{error}");
    assert!(session.tokens().is_empty());
}

#[test]
fn an_answer_ends_or_slides_at_the_end_of_the_context() {
    let engine = tiny();
    let cancel = CancelToken::new();
    let answer = |overflow| {
        let mut session = engine.session(SessionOptions::default().context_tokens(32)).unwrap();
        session.feed(&ids(9), &cancel).unwrap();
        let options = GenerateOptions::default().max_new_tokens(100).overflow(overflow);
        session.generate(&options, &cancel, |_| ()).unwrap()
    };
    let stopped = answer(Overflow::Stop);
    let slid = answer(Overflow::Slide { keep: 4 });
    assert_eq!(stopped.finish, Finish::Length);
    assert!(stopped.ids.len() <= 24, "{}", stopped.ids.len());
    assert!(slid.ids.len() > stopped.ids.len());
    assert_eq!(slid.ids[..stopped.ids.len() - 1], stopped.ids[..stopped.ids.len() - 1]);
}

#[test]
fn a_failed_callback_leaves_the_session_at_its_last_step() {
    let engine = tiny();
    let cancel = CancelToken::new();
    let mut session = engine.session(SessionOptions::default().chunk_tokens(8)).unwrap();
    session.feed(&ids(20), &cancel).unwrap();
    let error = session.feed_each(&[1, 2, 3], &cancel, |_, _| panic!("in the callback")).unwrap_err();
    assert!(matches!(error, Error::Device { .. }), "{error}");
    assert_eq!(session.tokens(), ids(20));
    session.feed(&[5, 6], &cancel).unwrap();
    let mut fresh = ids(20);
    fresh.extend([5, 6]);
    let (max, _) = differences(
        session.logits().unwrap(),
        &logits_after(&engine, &fresh, SessionOptions::default().chunk_tokens(8)),
    );
    assert!(max < 0.05, "{max}");
}

#[test]
fn refuses_a_slide_that_leaves_no_room() {
    let cancel = CancelToken::new();
    let mut session = tiny().session(SessionOptions::default().context_tokens(16)).unwrap();
    session.feed(&ids(9), &cancel).unwrap();
    for keep in [15, usize::MAX] {
        let options = GenerateOptions::default().overflow(Overflow::Slide { keep });
        assert!(matches!(session.generate(&options, &cancel, |_| ()), Err(Error::InvalidInput { .. })));
    }
}

#[test]
fn refuses_an_id_past_the_vocabulary() {
    let mut session = tiny().session(SessionOptions::default()).unwrap();
    let error = session.feed(&[3, 320], &CancelToken::new()).unwrap_err();
    assert_eq!(error.to_string(), "token id 320 is past the vocabulary of 320 (ids)");
}

#[test]
fn refuses_a_context_longer_than_the_model_s() {
    let error = tiny().session(SessionOptions::default().context_tokens(1_000_000)).unwrap_err();
    assert!(error.to_string().contains("expected 1 to"), "{error}");
}

#[test]
fn sessions_on_two_threads_do_not_mix() {
    let engine = tiny();
    let expected: Vec<_> = (1..4).map(|n| logits_after(&engine, &ids(10 * n), SessionOptions::default())).collect();
    std::thread::scope(|scope| {
        for (index, expected) in expected.iter().enumerate() {
            let engine = &engine;
            scope.spawn(move || {
                let options = SessionOptions::default();
                assert_eq!(&logits_after(engine, &ids(10 * (index + 1)), options), expected);
            });
        }
    });
}
