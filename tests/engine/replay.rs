//! Answers on the GPU, whose steps are recorded and replayed: the same numbers as when all tokens run at once, whatever comes between two
//! steps. Without an adapter, said and done. (That steps are recorded at all is asserted beside `generate/trial.rs`.)

use minnow::{CancelToken, Engine, MemoryPressure, Session, SessionOptions};
use minnow_tests::{data, differences, gpu};

fn id(index: usize) -> u32 {
    ((index * 37 + 11) % 256) as u32
}

/// Says the tokens `from..to` one by one.
fn say(session: &mut Session, from: usize, to: usize) {
    for index in from..to {
        session.feed(&[id(index)], &CancelToken::new()).unwrap();
    }
}

fn read(session: &mut Session, from: usize, to: usize) {
    session.feed(&(from..to).map(id).collect::<Vec<_>>(), &CancelToken::new()).unwrap();
}

/// Holds a session to one that read the same tokens at once.
fn agrees(engine: &Engine, session: &Session, what: &str) {
    let mut fresh = engine.session(SessionOptions::default()).unwrap();
    fresh.feed(session.tokens(), &CancelToken::new()).unwrap();
    let (max, _) = differences(session.logits().unwrap(), fresh.logits().unwrap());
    assert!(max < 0.05, "{what}: {max}");
}

#[test]
fn turns_of_a_conversation_agree() {
    // keys of every position, and a sliding window that wraps
    for model in ["tiny/smollm2/smollm2.q8_0.gguf", "tiny/mistral"] {
        let Some(engine) = gpu(data(model)) else { return };
        let mut session = engine.session(SessionOptions::default().chunk_tokens(8)).unwrap();
        for turn in 0..3 {
            read(&mut session, 40 * turn, 40 * turn + 9);
            say(&mut session, 40 * turn + 9, 40 * turn + 40);
            agrees(&engine, &session, &format!("{model}, turn {turn}"));
        }
    }
}

#[test]
fn conversations_take_turns() {
    let Some(engine) = gpu(data("tiny/smollm2/smollm2.q8_0.gguf")) else { return };
    let mut sessions = [0, 1, 2].map(|_| engine.session(SessionOptions::default()).unwrap());
    for step in 0..20 {
        for (index, session) in sessions.iter_mut().enumerate() {
            say(session, 50 * index + step, 50 * index + step + 1);
        }
    }
    for session in &sessions {
        agrees(&engine, session, "three at once");
    }
    let [first, ..] = sessions;
    drop(first);
    let mut after = engine.session(SessionOptions::default()).unwrap();
    say(&mut after, 0, 20);
    agrees(&engine, &after, "after one has ended");
}

#[test]
fn what_is_taken_back_or_given_up_comes_again() {
    let Some(engine) = gpu(data("tiny/smollm2/smollm2.q8_0.gguf")) else { return };
    let mut session = engine.session(SessionOptions::default()).unwrap();
    say(&mut session, 0, 12);
    session.rewind(5);
    say(&mut session, 30, 40);
    agrees(&engine, &session, "rewound");
    session.release();
    say(&mut session, 40, 50);
    agrees(&engine, &session, "released");
    engine.trim(MemoryPressure::Critical);
    say(&mut session, 50, 60);
    agrees(&engine, &session, "weights read again");
}

#[test]
fn engines_side_by_side_keep_apart() {
    let file = data("tiny/smollm2/smollm2.q8_0.gguf");
    let Some(engine) = gpu(&file) else { return };
    let Some(other) = gpu(&file) else { return };
    let speak = |engine: &Engine, from: usize| {
        for _ in 0..3 {
            let mut session = engine.session(SessionOptions::default()).unwrap();
            say(&mut session, from, from + 25);
            agrees(engine, &session, "beside another engine");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| speak(&engine, 0));
        scope.spawn(|| speak(&other, 100));
        scope.spawn(|| speak(&other, 200));
    });
}

#[test]
fn sessions_come_and_go_while_others_are_recorded() {
    let Some(engine) = gpu(data("tiny/smollm2/smollm2.q8_0.gguf")) else { return };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let engine = &engine;
            scope.spawn(move || {
                for round in 0..6 {
                    // as long as others, so that one takes another's memory
                    let mut session = engine.session(SessionOptions::default().context_tokens(64)).unwrap();
                    say(&mut session, 40 * thread + round, 40 * thread + round + 7);
                    agrees(engine, &session, "among others");
                }
            });
        }
    });
}
