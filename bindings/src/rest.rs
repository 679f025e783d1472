//! A model that rests: for systems that end an app whose GPU works out of sight.

use std::sync::{Arc, Mutex};

use minnow::{CancelToken, Pause};

use crate::error::Result;
use crate::jobs::{self, Jobs, lock};

/// Whether a model rests.
#[derive(Default)]
pub(crate) struct Rest {
    state: Mutex<State>,
    /// Held by who waits for a pause.
    pausing: Mutex<()>,
}

#[derive(Default)]
struct State {
    /// Counts the calls that ended a pause: one that is still being waited for when it is ended counts no more.
    ended: u64,
    pause: Option<Pause>,
}

impl Rest {
    /// Waits for the step that is running, on another thread, and lets none follow it. `take` takes the pause from the model that `jobs` use.
    ///
    /// # Errors
    /// What `take` gives.
    pub(crate) async fn begin(
        self: &Arc<Self>,
        jobs: Jobs,
        take: impl FnOnce(&CancelToken) -> minnow::Result<Pause> + Send + 'static,
    ) -> Result<()> {
        let (rest, ended) = (self.clone(), lock(&self.state).ended);
        jobs::detached(move |cancel| {
            // one after the other, each for a step at most: the second finds the model at rest
            let _alone = lock(&rest.pausing);
            if lock(&rest.state).pause.is_some() {
                return Ok(());
            }
            let pause = take(cancel)?;
            let mut state = lock(&rest.state);
            if state.ended == ended && !jobs.is_closed() {
                state.pause = Some(pause);
            }
            Ok(())
        })
        .await
    }

    /// Ends it. Returns at once; where there is none it does nothing.
    pub(crate) fn end(&self) {
        let mut state = lock(&self.state);
        state.ended += 1;
        state.pause = None;
    }
}
