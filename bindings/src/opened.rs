//! What an app has open: until it is closed, or what it was made from is.

use std::sync::{Arc, Mutex, Weak};

use crate::error::{MinnowError, Result};
use crate::jobs::{self, Jobs, lock};

/// A value that is there until a close, and the jobs that use it. Values are shared: a job that is running keeps its own until it has noticed.
pub(crate) struct Opened<T: Send + 'static> {
    /// `None` once closed.
    value: Mutex<Option<T>>,
    pub(crate) jobs: Jobs,
    /// What was made from it and is closed with it.
    parts: Mutex<Vec<Weak<dyn Close>>>,
}

/// Can be closed.
pub(crate) trait Close: Send + Sync {
    /// Cancels what runs and gives the memory back. Returns at once; calls that were running end with `Closed`.
    fn close(&self);
}

impl<T: Clone + Send + 'static> Opened<T> {
    /// An open value.
    pub(crate) fn new(value: T) -> Arc<Self> {
        Arc::new(Self { value: Mutex::new(Some(value)), jobs: Jobs::default(), parts: Mutex::default() })
    }

    /// The value.
    ///
    /// # Errors
    /// `Closed` after a close.
    pub(crate) fn get(&self) -> Result<T> {
        lock(&self.value).clone().ok_or(MinnowError::Closed)
    }

    /// Puts another value in its place.
    ///
    /// # Errors
    /// `Closed` after a close.
    pub(crate) fn replace(&self, value: T) -> Result<()> {
        *lock(&self.value).as_mut().ok_or(MinnowError::Closed)? = value;
        Ok(())
    }

    /// Closes `part` together with this.
    pub(crate) fn adopt<P: Send + 'static>(&self, part: &Arc<Opened<P>>) {
        let as_close: Arc<dyn Close> = part.clone();
        let mut parts = lock(&self.parts);
        parts.retain(|part| part.strong_count() > 0);
        parts.push(Arc::downgrade(&as_close));
        drop(parts);
        if self.jobs.is_closed() {
            part.close();
        }
    }
}

impl<T: Send + 'static> Opened<T> {
    fn give_up(&self) {
        self.jobs.close();
        if let Some(value) = lock(&self.value).take() {
            // freeing weights takes longer than a frame
            jobs::elsewhere(move || drop(value));
        }
    }
}

impl<T: Send + 'static> Close for Opened<T> {
    fn close(&self) {
        self.give_up();
        let parts = std::mem::take(&mut *lock(&self.parts));
        parts.iter().filter_map(Weak::upgrade).for_each(|part| part.close());
    }
}

impl<T: Send + 'static> Drop for Opened<T> {
    /// Whoever lets go of it still uses what was made from it.
    fn drop(&mut self) {
        self.give_up();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_reaches_the_parts_and_a_drop_does_not() {
        let whole = Opened::new(1);
        let (part, late) = (Opened::new(2), Opened::new(3));
        whole.adopt(&part);
        assert_eq!((whole.get(), part.get()), (Ok(1), Ok(2)));
        part.replace(4).unwrap();
        assert_eq!(part.get(), Ok(4));
        whole.close();
        whole.adopt(&late);
        for closed in [&whole, &part, &late] {
            assert_eq!(closed.get(), Err(MinnowError::Closed));
            assert_eq!(closed.replace(5), Err(MinnowError::Closed));
            assert!(closed.jobs.is_closed());
        }
        let (whole, part) = (Opened::new(1), Opened::new(2));
        whole.adopt(&part);
        drop(whole);
        assert_eq!(part.get(), Ok(2));
    }
}
