//! The CPU's kernels alone, with operands of any size, for the benches of `tests/benches`. No part of the interface.

use half::f16;

use super::cpu::{self, Isa};
use super::spec::{AttentionSpec, WeightSpec};
use crate::format::BlockFormat;
use crate::{Error, Result};

/// The product of a matrix with some tokens' activations.
#[derive(Debug)]
pub struct Product {
    spec: WeightSpec,
    weights: Vec<u8>,
    x: Vec<f32>,
    out: Vec<f32>,
}

impl Product {
    /// A matrix `[rows, cols]` of arbitrary weights, as kernels read it.
    ///
    /// # Errors
    /// `Unsupported` where `cols` are no whole blocks of the format.
    pub fn new(format: BlockFormat, rows: usize, cols: usize, tokens: usize) -> Result<Self> {
        let spec = WeightSpec { format, rows, cols };
        let (Some(packed), Some(row_bytes)) = (cpu::packed_bytes(spec), format.row_bytes(cols)) else {
            return Err(Error::unsupported(format!("{cols} columns of {format}"), "whole blocks"));
        };
        // in every place of every format this is a small number
        let file = vec![0x11; rows * row_bytes];
        let mut weights = vec![0; packed];
        if format.is_quantised() {
            cpu::pack(spec, &file, &mut weights)?;
        } else {
            weights.copy_from_slice(&file);
        }
        Ok(Self { spec, weights, x: wave(tokens * cols), out: vec![0.0; tokens * rows] })
    }

    /// The matrix's bytes.
    pub fn weights(&self) -> &[u8] {
        &self.weights
    }

    /// Multiplies, with the best instructions at hand, over the pool that the caller is in.
    ///
    /// # Errors
    /// None for these sizes.
    pub fn run(&mut self) -> Result<()> {
        cpu::linear(Isa::best(), &self.x, &self.weights, self.spec, &mut self.out)
    }
}

/// Attention of some queries to what an `f16` cache holds before them.
#[derive(Debug)]
pub struct Attention {
    spec: AttentionSpec,
    q: Vec<f32>,
    keys: Vec<f16>,
    values: Vec<f16>,
    out: Vec<f32>,
}

impl Attention {
    /// `queries` rows after `position` positions; a full cache of both.
    pub fn new(heads: usize, kv_heads: usize, head_dim: usize, position: usize, queries: usize) -> Self {
        let cache = |_| wave((position + queries) * kv_heads * head_dim).into_iter().map(f16::from_f32).collect();
        let [keys, values] = [0, 1].map(cache);
        let scale = 1.0 / (head_dim as f32).sqrt();
        let row = queries * heads * head_dim;
        let spec = AttentionSpec { heads, kv_heads, head_dim, scale, window: None, position };
        Self { spec, q: wave(row), keys, values, out: vec![0.0; row] }
    }

    /// Bytes of keys and values.
    pub fn cache_bytes(&self) -> usize {
        size_of_val(self.keys.as_slice()) + size_of_val(self.values.as_slice())
    }

    /// Attends, as [`Product::run`] multiplies.
    ///
    /// # Errors
    /// None for these sizes.
    pub fn run(&mut self) -> Result<()> {
        cpu::attention(Isa::best(), &self.q, &self.keys, &self.values, self.spec, &mut self.out)
    }
}

/// All bytes but the last few as words, added up: about as fast as a thread can read. Here and not beside the bench, so that it is compiled as
/// the kernels are.
pub fn read(bytes: &[u8]) -> u64 {
    let mut sums = [0u64; 16];
    for words in bytes.as_chunks::<8>().0.as_chunks::<16>().0 {
        for (sum, word) in sums.iter_mut().zip(words) {
            *sum = sum.wrapping_add(u64::from_le_bytes(*word));
        }
    }
    sums.into_iter().fold(0, u64::wrapping_add)
}

/// Numbers between -1 and 1, none of them special.
fn wave(length: usize) -> Vec<f32> {
    (0..length).map(|index| (index as f32 * 0.37).sin()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_runs() {
        for format in BlockFormat::all() {
            let mut product = Product::new(format, 40, 256, 3).unwrap();
            product.run().unwrap();
            assert!(product.out.iter().all(|value| value.is_finite()), "{format}");
            assert!(product.out.iter().any(|value| *value != 0.0), "{format}");
        }
        assert!(Product::new(BlockFormat::Q4_K, 4, 32, 1).is_err());
        assert_eq!(read(&[1; 256]), 32 * 0x0101_0101_0101_0101);
        let mut attention = Attention::new(9, 3, 64, 100, 20);
        attention.run().unwrap();
        assert!(attention.out.iter().any(|value| *value != 0.0));
        assert_eq!(attention.cache_bytes(), 2 * 120 * 192 * 2);
    }
}
