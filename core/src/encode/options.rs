//! How encoders are opened.

use crate::format::BlockFormat;
use crate::tensor::DevicePreference;

/// How an encoder is opened.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EncoderOptions {
    /// Which processor to use.
    pub device: DevicePreference,
    /// CPU threads; `None`: one for each core the process may use.
    pub threads: Option<usize>,
    /// The block format that matrices of floats become when they are read; `None`: they stay what they are. [`BlockFormat::Q8_0`] takes a quarter of the
    /// memory of `F32` and, on CPUs, a fraction of the time; embeddings of all-MiniLM-L6-v2 move by 0.0025 (as a cosine distance) at most, and a
    /// classifier trained on them is as often right.
    pub dense_as: Option<BlockFormat>,
}

impl EncoderOptions {
    /// Which processor to use.
    pub fn device(mut self, device: DevicePreference) -> Self {
        self.device = device;
        self
    }

    /// CPU threads, 1 to 1024.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The block format that matrices of floats become when they are read; one of those that can be written (`Q8_0`, `Q5_1`, …).
    pub fn dense_as(mut self, format: BlockFormat) -> Self {
        self.dense_as = Some(format);
        self
    }
}
