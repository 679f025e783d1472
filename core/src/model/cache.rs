//! The KV cache: keys and values of every position, preallocated and appended in place.
//!
//! A layer's cache is `[kv_heads, capacity, head_dim]`; position `p` lives in slot `p % capacity`, so that a layer with a
//! sliding window holds only its window and the rows of one forward call.

#[cfg(feature = "gpu")]
use std::sync::Arc;

use burn::tensor::{DType, Tensor};

#[cfg(feature = "gpu")]
use super::Decoder;
use super::config::ModelConfig;
#[cfg(feature = "gpu")]
use crate::tensor::Recording;
use crate::tensor::{ComputeDevice, padded, stored_rows, zeros};
use crate::{Error, Result};

/// How keys and values are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum CachePrecision {
    /// `F16` where weights are quantised and the device can, else `F32`.
    #[default]
    Auto,
    /// 2 bytes an element.
    F16,
    /// 4 bytes an element.
    F32,
}

/// Keys and values of one layer.
#[derive(Debug)]
pub(crate) struct LayerCache {
    /// `None` while an operation holds the tensors, after one that failed, and after a release.
    tensors: Option<(Tensor<3>, Tensor<3>)>,
}

impl LayerCache {
    /// Takes the tensors out, so that they can be changed in place, and puts back what `change` gives.
    pub(crate) fn update<T>(
        &mut self,
        change: impl FnOnce(Tensor<3>, Tensor<3>) -> (T, Tensor<3>, Tensor<3>),
    ) -> Result<T> {
        let (keys, values) = self.tensors.take().ok_or_else(Self::lost)?;
        let (result, keys, values) = change(keys, values);
        self.tensors = Some((keys, values));
        Ok(result)
    }

    fn lost() -> Error {
        Error::Internal { what: "the KV cache was lost in a failed step".into() }
    }
}

/// Keys and values of all layers, and how many positions they hold.
pub(crate) struct KvCache {
    layers: Vec<LayerCache>,
    length: usize,
    capacity: usize,
    max_rows: usize,
    /// Slots a layer: positions further back than this are overwritten.
    slots: usize,
    window: Option<usize>,
    /// A step of one token over these tensors, and the model that it is of.
    #[cfg(feature = "gpu")]
    recording: Option<(Recording, Arc<dyn Decoder>)>,
    /// Steps of one token that were not recorded, one after the other.
    #[cfg(feature = "gpu")]
    steps_of_one: usize,
}

impl KvCache {
    /// A cache for `capacity` positions, filled by at most `max_rows` at a time. On the CPU it takes memory as it is filled.
    pub(crate) fn new(
        config: &ModelConfig,
        device: &ComputeDevice,
        capacity: usize,
        max_rows: usize,
        dtype: DType,
    ) -> Self {
        let shape = [config.num_key_value_heads, slots(config, capacity, max_rows), config.head_dim];
        let layer = |_| LayerCache { tensors: Some((zeros(shape, device, dtype), zeros(shape, device, dtype))) };
        Self::of((0..config.num_hidden_layers).map(layer).collect(), config, capacity, max_rows)
    }

    /// Such a cache that holds `length` positions, as [`KvCache::contents`] gave them. `None` where those are of another size, or don't fit: a
    /// window holds more of them where more rows are added at a time.
    ///
    /// # Errors
    /// `Memory` where there is no room.
    pub(crate) fn with_contents(
        config: &ModelConfig,
        device: &ComputeDevice,
        capacity: usize,
        max_rows: usize,
        dtype: DType,
        length: usize,
        contents: &[u8],
    ) -> Result<Option<Self>> {
        let slots = slots(config, capacity, max_rows);
        let shape = [config.num_key_value_heads, slots, config.head_dim];
        let part = length * config.key_value_size() * dtype.size();
        if length == 0 || length > slots || contents.len() != 2 * config.num_hidden_layers * part {
            return Ok(None);
        }
        let layer = |contents: &[u8]| {
            let (keys, values) = contents.split_at(part);
            let tensors = (padded(keys, shape, device, dtype)?, padded(values, shape, device, dtype)?);
            Ok(LayerCache { tensors: Some(tensors) })
        };
        let layers = contents.chunks_exact(2 * part).map(layer).collect::<Result<_>>()?;
        Ok(Some(Self { length, ..Self::of(layers, config, capacity, max_rows) }))
    }

    /// All keys and values as they are stored: layer by layer the keys, then the values, `[kv_heads, length, head_dim]` each. `None` where a
    /// sliding window has overwritten the first of them.
    ///
    /// # Errors
    /// `Device` where they can't be read; `Internal` for a cache that isn't usable.
    pub(crate) fn contents(&self, device: &ComputeDevice) -> Result<Option<Vec<u8>>> {
        if self.length > self.slots {
            return Ok(None);
        }
        let mut contents = Vec::new();
        for layer in &self.layers {
            let (keys, values) = layer.tensors.as_ref().ok_or_else(LayerCache::lost)?;
            contents.extend_from_slice(&stored_rows(keys.clone(), self.length, device)?);
            contents.extend_from_slice(&stored_rows(values.clone(), self.length, device)?);
        }
        Ok(Some(contents))
    }

    fn of(layers: Vec<LayerCache>, config: &ModelConfig, capacity: usize, max_rows: usize) -> Self {
        let slots = slots(config, capacity, max_rows);
        Self {
            layers,
            length: 0,
            capacity,
            max_rows,
            slots,
            window: config.sliding_window,
            #[cfg(feature = "gpu")]
            recording: None,
            #[cfg(feature = "gpu")]
            steps_of_one: 0,
        }
    }

    /// Bytes that such a cache takes.
    pub(crate) fn bytes(config: &ModelConfig, capacity: usize, max_rows: usize, dtype: DType) -> u64 {
        let elements = config.num_hidden_layers * config.key_value_size() * slots(config, capacity, max_rows);
        2 * (elements * dtype.size()) as u64
    }

    /// Positions filled.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Positions that fit.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Rows that one forward call may add.
    pub(crate) fn max_rows(&self) -> usize {
        self.max_rows
    }

    /// The layers, in order.
    pub(crate) fn layers(&mut self) -> impl Iterator<Item = &mut LayerCache> {
        self.layers.iter_mut()
    }

    /// Counts `rows` more positions as filled.
    pub(crate) fn advance(&mut self, rows: usize) {
        #[cfg(feature = "gpu")]
        if rows > 1 {
            self.steps_of_one = 0;
        }
        self.length += rows;
    }

    /// Forgets the positions from `length` on; gives the length that is really left, which is 0 where a sliding window has
    /// overwritten positions that the shorter sequence would still see.
    pub(crate) fn rewind(&mut self, length: usize) -> usize {
        if length < self.length {
            let oldest_held = self.length.saturating_sub(self.slots);
            let oldest_seen = self.window.map_or(0, |window| (length + 1).saturating_sub(window));
            self.length = if oldest_held <= oldest_seen { length } else { 0 };
        }
        self.length
    }

    /// As [`KvCache::rewind`] after a failed step; false where the step lost a layer, and the cache is of no more use.
    pub(crate) fn rewind_or_lose(&mut self, length: usize) -> bool {
        self.rewind(length);
        self.is_usable()
    }

    /// Whether every layer has its tensors.
    pub(crate) fn is_usable(&self) -> bool {
        self.layers.iter().all(|layer| layer.tensors.is_some())
    }

    /// Forgets every position and gives the memory back; a new cache must take this one's place before the next step.
    pub(crate) fn release(&mut self) {
        #[cfg(feature = "gpu")]
        {
            self.recording = None;
        }
        self.length = 0;
        self.layers.iter_mut().for_each(|layer| layer.tensors = None);
    }
}

/// Recorded steps. A recording takes two steps' time and some memory, so it is made for the second token of an answer.
#[cfg(feature = "gpu")]
impl KvCache {
    /// Whether the next token's step should be recorded. Asked before each step of one token.
    pub(crate) fn wants_recording(&mut self) -> bool {
        self.steps_of_one += 1;
        self.steps_of_one > 1
    }

    /// Runs a step of one token with `decoder`, and records it. Gives the logits.
    ///
    /// # Errors
    /// `Device` where that failed; the cache is of no use then.
    pub(crate) fn record(&mut self, id: u32, decoder: &Arc<dyn Decoder>, device: &ComputeDevice) -> Result<Vec<f32>> {
        self.steps_of_one = 0;
        let start = self.length;
        let inputs = decoder.inputs(&[id], self);
        let made = Recording::make(inputs, device, self, Self::tensors, |inputs, cache| {
            cache.length = start;
            decoder.forward(inputs, cache).map(|hidden| decoder.logits(hidden))
        });
        match made {
            Ok((recording, logits)) => {
                self.recording = Some((recording, decoder.clone()));
                Ok(logits)
            }
            Err(error) => {
                self.release();
                Err(error)
            }
        }
    }

    /// Replays the recorded step for one more token; `None` where there is none for this model and these tensors.
    ///
    /// # Errors
    /// `Device` where the device failed.
    pub(crate) fn replay(
        &mut self,
        id: u32,
        decoder: &Arc<dyn Decoder>,
        device: &ComputeDevice,
    ) -> Result<Option<Vec<f32>>> {
        let tensors = self.tensors();
        let Some((recording, _)) = self.recording.as_mut().filter(|(recording, recorded)| {
            Arc::ptr_eq(recorded, decoder) && self.length < self.capacity && recording.is_of(tensors)
        }) else {
            return Ok(None);
        };
        match recording.replay(id, self.length, device) {
            Ok(logits) => {
                self.length += 1;
                Ok(Some(logits))
            }
            Err(error) => {
                // what a replay would have written counts as lost from then on
                self.release();
                Err(error)
            }
        }
    }

    fn tensors(&self) -> Vec<Tensor<3>> {
        let tensors = self.layers.iter().filter_map(|layer| layer.tensors.clone());
        tensors.flat_map(|(keys, values)| [keys, values]).collect()
    }
}

/// Slots a layer: all positions, or a window and the rows that one call may add to it.
fn slots(config: &ModelConfig, capacity: usize, max_rows: usize) -> usize {
    config.sliding_window.map_or(capacity, |window| capacity.min(window.saturating_add(max_rows - 1)))
}
