//! Minnow for Kotlin and Swift: what UniFFI generates bindings from.
//!
//! Everything here is a border crossing: plain records and flat errors in and out, long work on threads of its own, a cancel when
//! the other side lets a call go, a panic turned into an error. The functions themselves are in the core crate. Apps use the
//! hand-written Kotlin and Swift beside the generated code, which may change from one version to the next.
//!
//! ```text
//! assistant, chat, encoder, classifier, annotator, store ── what an app holds
//!   ├─ types, classification, schedule ── what goes in and comes out
//!   ├─ jobs, opened, rest ── threads, cancel, close, pause
//!   └─ error, log, java ── what the platforms want to know
//! ```

mod annotator;
mod assistant;
mod chat;
mod classification;
mod classifier;
mod encoder;
mod error;
mod java;
mod jobs;
mod listener;
mod log;
mod opened;
mod rest;
mod schedule;
mod store;
mod transport;
mod types;

uniffi::setup_scaffolding!("minnow");

/// The version of this library.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Panics inside a call, so that an app can see how its error reporting takes it.
///
/// # Errors
/// `Internal`, always.
#[uniffi::export]
pub async fn rehearse_panic() -> Result<(), error::MinnowError> {
    jobs::detached(|_| panic!("rehearsed")).await
}
