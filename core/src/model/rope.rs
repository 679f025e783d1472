//! Rotary frequencies: how far each pair of a head turns a position (RoFormer, Su et al. 2021).
//!
//! `inverse_frequency[i] = theta^(-2i / rotary_dim)`, changed for long contexts as the checkpoint says. Reference:
//! transformers' `modeling_rope_utils.py`. What is left out: dynamic NTK, YaRN and LongRoPE (`Unsupported` by name).

use std::f32::consts::TAU;

use crate::format::{HfConfig, Metadata};
use crate::{Error, Location, Result};

/// How frequencies are changed for contexts longer than those trained on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Every frequency divided by `factor`.
    Linear {
        /// The divisor, above 0.
        factor: f32,
    },
    /// Low frequencies divided by `factor`, high ones kept, those between blended (Llama 3.1).
    Llama3 {
        /// The divisor of low frequencies.
        factor: f32,
        /// Wavelengths above `original_context / low_freq_factor` are low frequencies.
        low_freq_factor: f32,
        /// Wavelengths below `original_context / high_freq_factor` are high frequencies.
        high_freq_factor: f32,
        /// Positions that the model was first trained for.
        original_context: f32,
    },
}

impl RopeScaling {
    /// What the metadata of a GGUF file asks for. Llama 3's scaling is no key there but the tensor `rope_freqs.weight`, which
    /// [`inverse_frequencies`] takes as divisors.
    pub(crate) fn from_gguf(metadata: &Metadata, architecture: &str) -> Result<Self> {
        let key = format!("{architecture}.rope.scaling.type");
        match metadata.str(&key)? {
            None | Some("none") => Ok(Self::None),
            Some("linear") => {
                let factor = metadata.require_f32(&format!("{architecture}.rope.scaling.factor"))?;
                Self::Linear { factor }.checked()
            }
            Some(other) => Err(unsupported(other)),
        }
    }

    /// What config.json asks for.
    pub(crate) fn from_hf(config: &HfConfig) -> Result<Self> {
        let Some(scaling) = config.rope_scaling() else { return Ok(Self::None) };
        let need = |name: &'static str, value: Option<f32>| {
            value.ok_or_else(|| {
                Error::model_file(format!("rope_scaling.{name} is missing"), Location::part("rope_scaling"))
            })
        };
        match scaling.rope_type() {
            None | Some("default") => Ok(Self::None),
            Some("linear") => Self::Linear { factor: need("factor", scaling.factor)? }.checked(),
            Some("llama3") => Self::Llama3 {
                factor: need("factor", scaling.factor)?,
                low_freq_factor: need("low_freq_factor", scaling.low_freq_factor)?,
                high_freq_factor: need("high_freq_factor", scaling.high_freq_factor)?,
                original_context: need(
                    "original_max_position_embeddings",
                    scaling.original_max_position_embeddings.map(|positions| positions as f32),
                )?,
            }
            .checked(),
            Some(other) => Err(unsupported(other)),
        }
    }

    fn checked(self) -> Result<Self> {
        let positive = |value: f32| value.is_finite() && value > 0.0;
        let sound = match self {
            Self::None => true,
            Self::Linear { factor } => positive(factor),
            Self::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                [factor, low_freq_factor, original_context].into_iter().all(positive)
                    && high_freq_factor.is_finite()
                    && high_freq_factor > low_freq_factor
            }
        };
        if sound {
            return Ok(self);
        }
        Err(Error::model_file(format!("{self:?} has a factor out of range"), Location::part("rope_scaling")))
    }

    fn scale(self, frequency: f32) -> f32 {
        match self {
            Self::None => frequency,
            Self::Linear { factor } => frequency / factor,
            Self::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
                // turns over the original context: few of them make a low frequency
                let turns = original_context * frequency / TAU;
                let kept = ((turns - low_freq_factor) / (high_freq_factor - low_freq_factor)).clamp(0.0, 1.0);
                frequency * (kept + (1.0 - kept) / factor)
            }
        }
    }
}

/// Radians a position for each of the `rotary_dim / 2` pairs. `divisors`: the tensor `rope_freqs.weight` of a GGUF file.
///
/// # Errors
/// `ModelFile` where a divisor or a factor makes a frequency that no model turns by.
pub(crate) fn inverse_frequencies(
    theta: f32,
    rotary_dim: usize,
    scaling: RopeScaling,
    divisors: Option<&[f32]>,
) -> Result<Vec<f32>> {
    (0..rotary_dim / 2)
        .map(|pair| {
            let plain = f64::from(theta).powf(-((2 * pair) as f64) / rotary_dim as f64) as f32;
            let divisor = divisors.and_then(|all| all.get(pair)).copied().unwrap_or(1.0);
            let frequency = scaling.scale(plain) / divisor;
            if frequency.is_normal() && (0.0..=MAX_FREQUENCY).contains(&frequency) {
                return Ok(frequency);
            }
            let what =
                format!("rotary pair {pair} turns by {frequency} radians a position, expected 0 to {MAX_FREQUENCY}");
            Err(Error::model_file(what, Location::part("rope frequencies")))
        })
        .collect()
}

/// Radians a position; unscaled, the first pair turns by 1.
const MAX_FREQUENCY: f32 = 1024.0;

fn unsupported(name: &str) -> Error {
    Error::unsupported(
        format!("rope scaling `{name}` is not implemented"),
        "models with no, linear or llama3 scaling can be used",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LLAMA3: RopeScaling =
        RopeScaling::Llama3 { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 64.0 };

    #[test]
    fn frequencies_fall_from_one() {
        let frequencies = inverse_frequencies(10_000.0, 8, RopeScaling::None, None).unwrap();
        assert_eq!(frequencies.len(), 4);
        for (found, expected) in frequencies.iter().zip([1.0, 0.1, 0.01, 0.001]) {
            assert!((found / expected - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn llama3_keeps_high_frequencies_and_divides_low_ones() {
        assert_eq!(LLAMA3.scale(1.0), 1.0);
        assert!((LLAMA3.scale(0.001) - 0.001 / 8.0).abs() < 1e-9);
        let middle = 2.5 * TAU / 64.0;
        assert!((LLAMA3.scale(middle) - middle * 0.5625).abs() < 1e-6);
    }

    #[test]
    fn divisors_apply_pair_by_pair() {
        let plain = inverse_frequencies(10_000.0, 4, RopeScaling::None, None).unwrap();
        let divided = inverse_frequencies(10_000.0, 4, RopeScaling::None, Some(&[1.0, 8.0])).unwrap();
        assert_eq!(divided, [plain[0], plain[1] / 8.0]);
    }

    #[test]
    fn refuses_divisors_that_are_no_divisors() {
        for divisor in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-30] {
            let result = inverse_frequencies(10_000.0, 4, RopeScaling::None, Some(&[1.0, divisor]));
            assert!(result.is_err(), "{divisor}");
        }
    }

    #[test]
    fn refuses_a_factor_of_zero() {
        let error = RopeScaling::Linear { factor: 0.0 }.checked().unwrap_err();
        assert!(error.to_string().contains("out of range"), "{error}");
    }
}
