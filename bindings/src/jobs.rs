//! Long work on threads of its own, as futures that cancel it when they are dropped.
//!
//! The core blocks; a phone's main thread must not. No async runtime is brought along for that: a job is handed to a thread, and the
//! future waits for a channel, polled by whatever runs coroutines or tasks on the other side. Of one assistant, a few
//! jobs run at once (the core lets them take turns, token by token); more would each hold a cache, which a phone hasn't the
//! memory for, so they wait in a queue.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use minnow::CancelToken;

use crate::error::{MinnowError, Result};
use crate::java;

/// Jobs of one assistant that run at once: a long answer, and others that need not wait for its end.
const MAX_RUNNING: usize = 4;

/// The jobs of one assistant, or of whatever else is open.
#[derive(Clone, Default)]
pub(crate) struct Jobs {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Work>,
    running: usize,
    closed: bool,
    /// Of every job that waits or runs.
    cancels: HashMap<u64, CancelToken>,
    next_id: u64,
}

type Work = Box<dyn FnOnce() + Send>;

impl Jobs {
    /// Does `work` on another thread. Dropping the future cancels it.
    ///
    /// # Errors
    /// What `work` gives; `Closed` after [`Jobs::close`]; `Internal` for a panic.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&CancelToken) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, result) = async_channel::bounded(1);
        let ticket = self.enter()?;
        let cancel = ticket.cancel.clone();
        lock(&self.state).waiting.push_back(Box::new(move || {
            // a receiver that is gone doesn't want the result
            let _ = done.try_send(checked(&cancel, work));
        }));
        self.start_thread()?;
        match result.recv().await.unwrap_or_else(|_| Err(unanswered())) {
            Err(MinnowError::Cancelled) if self.is_closed() => Err(MinnowError::Closed),
            result => result,
        }
    }

    /// Makes a call known to [`Jobs::close`].
    fn enter(&self) -> Result<Ticket> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(MinnowError::Closed);
        }
        let ticket = Ticket { jobs: self.state.clone(), id: state.next_id, cancel: CancelToken::new() };
        state.next_id += 1;
        state.cancels.insert(ticket.id, ticket.cancel.clone());
        Ok(ticket)
    }

    /// Cancels everything that waits or runs, and takes no more.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.cancels.values().for_each(CancelToken::cancel);
    }

    /// Whether [`Jobs::close`] was called.
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Starts one more thread where there is work for it and room.
    fn start_thread(&self) -> Result<()> {
        let mut state = lock(&self.state);
        if state.waiting.is_empty() || state.running == MAX_RUNNING {
            return Ok(());
        }
        let shared = self.state.clone();
        match spawn(move || work_off(&shared)) {
            Ok(()) => state.running += 1,
            // the others will get to it
            Err(error) if state.running > 0 => tracing::debug!(%error, "no more threads"),
            Err(error) => {
                state.waiting.clear();
                return Err(error);
            }
        }
        Ok(())
    }
}

/// A call on its way; the caller lets go of it by dropping it.
struct Ticket {
    jobs: Arc<Mutex<State>>,
    id: u64,
    cancel: CancelToken,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel.cancel();
        lock(&self.jobs).cancels.remove(&self.id);
    }
}

/// Does jobs until none waits.
fn work_off(shared: &Mutex<State>) {
    loop {
        let work = {
            let mut state = lock(shared);
            let Some(work) = state.waiting.pop_front() else {
                state.running -= 1;
                return;
            };
            work
        };
        work();
    }
}

/// Does `work` on a thread that belongs to nobody: for what has no assistant yet, such as opening one. Dropping the future
/// cancels it.
///
/// # Errors
/// What `work` gives; `Internal` for a panic.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl FnOnce(&CancelToken) -> Result<T> + Send + 'static,
) -> Result<T> {
    let cancel = CancelToken::new();
    let _cancel_on_drop = CancelOnDrop(cancel.clone());
    let (done, result) = async_channel::bounded(1);
    spawn(move || {
        let _ = done.try_send(checked(&cancel, work));
    })?;
    result.recv().await.unwrap_or_else(|_| Err(unanswered()))
}

/// For work that was dropped before it was done: only where no thread could be had.
fn unanswered() -> MinnowError {
    MinnowError::Device { reason: "there was no thread for this call (cpu)".into() }
}

/// Does `work` on another thread and waits for nothing: giving a model's memory back takes longer than a frame, and an app's HTTP client may
/// wait for a minute. Where there is no thread, `work` is dropped undone.
pub(crate) fn elsewhere(work: impl FnOnce() + Send + 'static) {
    if let Err(error) = spawn(work) {
        // what the closure held was dropped here then
        tracing::debug!(%error, "there was no thread");
    }
}

/// Starts a thread that the Java machine knows, where there is one.
fn spawn(work: impl FnOnce() + Send + 'static) -> Result<()> {
    let name = "minnow-job";
    let spawned = thread::Builder::new().name(name.into()).spawn(move || java::attached(name, work));
    match spawned {
        Ok(_) => Ok(()),
        Err(error) => Err(MinnowError::Device { reason: format!("no thread can be started: {error} (cpu)") }),
    }
}

/// Does `work` unless it was cancelled before; a panic becomes an error that says where it was.
fn checked<T>(cancel: &CancelToken, work: impl FnOnce(&CancelToken) -> Result<T>) -> Result<T> {
    cancel.check()?;
    note_panics();
    catch_unwind(AssertUnwindSafe(|| work(cancel))).unwrap_or_else(|_| {
        let place = PANICKED_AT.take().unwrap_or_else(|| "an unknown place".into());
        Err(MinnowError::internal(format!("a panic at {place}")))
    })
}

thread_local! {
    /// Where this thread panicked last.
    static PANICKED_AT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Keeps the place of a panic, and only the place: its words may be the user's.
fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let ours = thread::current().name().is_some_and(|name| name.starts_with("minnow-"));
            if !ours {
                return before(info);
            }
            let place = info.location().map(ToString::to_string);
            tracing::error!(place, "panic");
            PANICKED_AT.set(place);
        }));
    });
}

/// Cancels when the caller lets the future go.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Locks; nothing is left half done under these locks.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
