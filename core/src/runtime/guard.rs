//! Panics of kernels, drivers and libraries become errors.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Error, Result};

/// Does `work`; a panic in it becomes an error. Kernels unwind with an [`Error`] of their own; drivers and libraries with words
/// that may hold anything, so those are not passed on.
pub(crate) fn guarded<T>(device: impl Fn() -> String, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| match panic.downcast::<Error>() {
        Ok(error) => Err(*error),
        Err(_) => Err(Error::Device { device: device(), what: "the device's driver or library failed".into() }),
    })
}
