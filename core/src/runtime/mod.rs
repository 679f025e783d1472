//! How work runs, whatever it is: the caller's cancel, turns at a device, threads, weights that are given up,
//! and panics that become errors.

mod cancel;
mod guard;
mod memory;
mod threads;
mod turn;

pub use cancel::CancelToken;
pub(crate) use guard::guarded;
pub(crate) use memory::Held;
pub use memory::MemoryPressure;
pub(crate) use threads::thread_pool;
pub use turn::Pause;
pub(crate) use turn::Turns;
