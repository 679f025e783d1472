//! A fair queue: who asks first runs first, and who cancels leaves the queue.
//!
//! `std::sync::Mutex` makes no promise about order, and a long generation that locks again at once would starve the others.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::cancel::CancelToken;
use crate::{Error, Result};

/// How often one who waits looks whether it was cancelled: far below a token's time.
const LOOK: Duration = Duration::from_millis(5);

/// Hands out turns in the order in which they are asked for.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    next_ticket: u64,
    serving: u64,
    /// Tickets of those who left before they were served.
    abandoned: BTreeSet<u64>,
}

impl State {
    fn serve_next(&mut self) {
        self.serving += 1;
        while self.abandoned.remove(&self.serving) {
            self.serving += 1;
        }
    }
}

/// A turn; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Turns>);

impl Turns {
    /// Waits for a turn.
    ///
    /// # Errors
    /// `Cancelled` where `cancel` came first.
    pub(crate) fn take(self: &Arc<Self>, cancel: &CancelToken) -> Result<Turn> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        while state.serving != ticket {
            if cancel.is_cancelled() {
                state.abandoned.insert(ticket);
                return Err(Error::Cancelled);
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(Turn(self.clone()))
    }

    /// A turn in which nothing is done.
    ///
    /// # Errors
    /// `Cancelled` where `cancel` came first.
    pub(crate) fn pause(self: &Arc<Self>, cancel: &CancelToken) -> Result<Pause> {
        Ok(Pause { _turn: self.take(cancel)? })
    }
}

/// A rest for the device, from [`Engine::pause`](crate::Engine::pause) or [`Encoder::pause`](crate::Encoder::pause): it ends when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct Pause {
    _turn: Turn,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).serve_next();
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn turns_come_in_the_order_asked() {
        let turns = Arc::new(Turns::default());
        let (order, served) = mpsc::channel();
        std::thread::scope(|scope| {
            let first = turns.take(&CancelToken::new()).unwrap();
            for index in 0..4 {
                let (turns, order) = (&turns, order.clone());
                scope.spawn(move || {
                    let _turn = turns.take(&CancelToken::new()).unwrap();
                    order.send(index).unwrap();
                });
                // the next one asks only after this one has its ticket
                while turns.state.lock().unwrap().next_ticket < index + 2 {
                    std::thread::yield_now();
                }
            }
            drop(first);
        });
        drop(order);
        assert_eq!(served.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn a_panicking_holder_gives_its_turn_back() {
        let turns = Arc::new(Turns::default());
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _turn = turns.take(&CancelToken::new()).unwrap();
            panic!("in a step");
        }));
        assert!(failed.is_err());
        drop(turns.take(&CancelToken::new()).unwrap());
    }

    #[test]
    fn who_cancels_leaves_the_queue() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(&CancelToken::new()).unwrap();
        let cancel = CancelToken::new();
        cancel.cancel();
        assert!(matches!(turns.take(&cancel), Err(Error::Cancelled)));
        drop(first);
        drop(turns.take(&CancelToken::new()).unwrap());
    }
}
