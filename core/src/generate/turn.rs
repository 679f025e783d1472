//! A fair queue: who asks first runs first.
//!
//! `std::sync::Mutex` makes no promise about order, and a long generation that locks again at once would starve the others.

use std::sync::{Condvar, Mutex, PoisonError};

/// Hands out turns in the order in which they are asked for.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    next_ticket: u64,
    serving: u64,
}

/// A turn; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// Waits for a turn.
    pub(super) fn take(&self) -> Turn<'_> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        while state.serving != ticket {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.serving += 1;
        drop(state);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn turns_come_in_the_order_asked() {
        let turns = Turns::default();
        let (order, served) = mpsc::channel();
        std::thread::scope(|scope| {
            let first = turns.take();
            for index in 0..4 {
                let (turns, order) = (&turns, order.clone());
                scope.spawn(move || {
                    let _turn = turns.take();
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
        let turns = Turns::default();
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _turn = turns.take();
            panic!("in a step");
        }));
        assert!(failed.is_err());
        drop(turns.take());
    }
}
