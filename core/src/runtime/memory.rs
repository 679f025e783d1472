//! Memory that may be given back: how badly the system wants it, and weights that are read again.

use std::sync::{Arc, Weak};

use crate::Result;

/// How badly the system wants memory back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MemoryPressure {
    /// Something should go: what is cheap to make again.
    Moderate,
    /// The process may be ended next: everything that can be read again, the weights included.
    Critical,
}

/// Something large that can be made again.
pub(crate) struct Held<T: ?Sized> {
    /// `None` once given up, until it is asked for.
    held: Option<Arc<T>>,
    /// The same, as long as somebody holds it: then it isn't made again.
    known: Weak<T>,
}

impl<T: ?Sized> Held<T> {
    pub(crate) fn new(held: Arc<T>) -> Self {
        Self { known: Arc::downgrade(&held), held: Some(held) }
    }

    /// Lets it go; who works with it goes on.
    pub(crate) fn give_up(&mut self) {
        self.held = None;
    }

    /// It, made again by `make` where it was given up and nobody holds it.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn get(&mut self, make: impl FnOnce() -> Result<Arc<T>>) -> Result<Arc<T>> {
        let held = match self.held.clone().or_else(|| self.known.upgrade()) {
            Some(held) => held,
            None => make()?,
        };
        *self = Self::new(held.clone());
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_again_only_when_nobody_holds_it() {
        let refused = || Err(crate::Error::Cancelled);
        let mut held = Held::new(Arc::new(1));
        let user = held.get(refused).unwrap();
        held.give_up();
        assert_eq!(*held.get(refused).unwrap(), 1);
        held.give_up();
        drop(user);
        assert!(held.get(refused).is_err());
        assert_eq!(*held.get(|| Ok(Arc::new(2))).unwrap(), 2);
        assert_eq!(*held.get(refused).unwrap(), 2);
    }
}
