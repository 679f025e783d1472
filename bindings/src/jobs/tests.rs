use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::*;

/// The smallest executor: parks until woken.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park_timeout(Duration::from_secs(10)),
        }
    }
}

#[test]
fn a_panic_is_an_error_with_a_place_and_without_its_words() {
    let jobs = Jobs::default();
    let error = block_on(jobs.run::<()>(|_| panic!("the user's words"))).unwrap_err();
    assert!(error.to_string().contains("tests.rs:"), "{error}");
    assert!(!error.to_string().contains("words"));
    assert_eq!(block_on(jobs.run(|_| Ok(1))).unwrap(), 1, "the next call works");
}

#[test]
fn dropping_the_future_cancels_the_work() {
    let jobs = Jobs::default();
    let (started, has_started) = mpsc::channel();
    let (ended, has_ended) = mpsc::channel();
    {
        let mut call = pin!(jobs.run(move |cancel| {
            started.send(()).unwrap();
            while !cancel.is_cancelled() {
                thread::yield_now();
            }
            ended.send(()).unwrap();
            Ok(())
        }));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        has_started.recv_timeout(Duration::from_secs(10)).unwrap();
    }
    has_ended.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(lock(&jobs.state).cancels.is_empty(), "nothing is kept of a call that is gone");
}

#[test]
fn a_hundred_jobs_run_a_few_at_a_time_and_all_end() {
    let jobs = Arc::new(Jobs::default());
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..100)
        .map(|index| {
            let (jobs, now, most) = (jobs.clone(), now.clone(), most.clone());
            thread::spawn(move || {
                block_on(jobs.run(move |_| {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(1));
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(index)
                }))
            })
        })
        .collect();
    let sum: usize = callers.into_iter().map(|caller| caller.join().unwrap().unwrap()).sum();
    assert_eq!(sum, 99 * 100 / 2);
    assert!((1..=MAX_RUNNING).contains(&most.load(Ordering::SeqCst)));
}

#[test]
fn closing_ends_what_runs_and_refuses_what_comes() {
    let jobs = Arc::new(Jobs::default());
    let (started, has_started) = mpsc::channel();
    let caller = thread::spawn({
        let jobs = jobs.clone();
        move || {
            block_on(jobs.run(move |cancel| {
                started.send(()).unwrap();
                while !cancel.is_cancelled() {
                    thread::yield_now();
                }
                cancel.check()?;
                Ok(())
            }))
        }
    });
    has_started.recv_timeout(Duration::from_secs(10)).unwrap();
    jobs.close();
    assert_eq!(caller.join().unwrap(), Err(MinnowError::Closed));
    assert_eq!(block_on(jobs.run(|_| Ok(()))), Err(MinnowError::Closed));
}
