//! Which models there are, where they come from, and whether what is stored is intact.
//!
//! ```text
//! Store ── what is here: paths, states, verify, fetch (one at a time per model)
//!   ├─ Catalogue ── what there could be: names, sizes, checksums, licences, sources
//!   ├─ PartFile  ── a file on its way: counts, hashes, and only then takes its name
//!   └─ Fetch     ── how bytes arrive
//!        ├─ HttpFetch over a Transport that the app brings (resume, retries, size limits live here)
//!        └─ desktop::PackageFetch over the machine's package client (feature `desktop`)
//! ```
//! A model is used only after its length and SHA-256 agree with the catalogue, however the bytes came. There is no TLS
//! and no C code in this crate: a phone app passes its own HTTP client, a desktop the `curl` and `pip` it already has.

mod cancel;
mod catalog;
#[cfg(feature = "desktop")]
pub mod desktop;
mod error;
mod http;
mod part;
mod progress;
mod store;

pub use cancel::CancelToken;
pub use catalog::{Catalogue, DEFAULT_ENCODER, DEFAULT_MODEL, FileEntry, Licence, ModelEntry, Source, WheelPart};
pub use error::{ModelsError, Result};
pub use http::{HttpFetch, Request, ResponseHead, ResponseSink, Transport};
pub use part::PartFile;
pub use progress::{OnProgress, Progress, Stage};
pub use store::{Fetch, FetchOptions, Job, ModelState, Store};
