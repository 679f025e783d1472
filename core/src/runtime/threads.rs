//! The threads of an opened model.

use crate::{Error, Result};

/// Threads beyond this are a mistake in the caller's arithmetic.
const MAX_THREADS: usize = 1024;

/// A pool of `threads`; `None`: one for each core that the process may use.
///
/// # Errors
/// `InvalidInput` for none or more than 1024; `Device` where the system starts no more.
pub(crate) fn thread_pool(threads: Option<usize>) -> Result<rayon::ThreadPool> {
    let threads = match threads {
        Some(threads) if (1..=MAX_THREADS).contains(&threads) => threads,
        Some(threads) => {
            return Err(Error::invalid("threads", format!("{threads} threads, expected 1 to {MAX_THREADS}")));
        }
        None => std::thread::available_parallelism().map_or(1, |cores| cores.get()),
    };
    rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|index| format!("minnow-{index}")).build().map_err(
        |error| Error::Device { device: "cpu".into(), what: format!("{threads} threads can't be started: {error}") },
    )
}
