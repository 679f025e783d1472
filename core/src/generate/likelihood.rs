//! Probabilities of tokens from logits.

/// Natural logarithm of the probability of `id` under a softmax of `logits`.
pub fn log_probability(logits: &[f32], id: u32) -> f32 {
    let Some(logit) = logits.get(id as usize) else { return f32::NEG_INFINITY };
    logit - log_sum_exp(logits)
}

/// `ln(sum(exp(x)))`, summed in `f64` around the largest value.
pub fn log_sum_exp(values: &[f32]) -> f32 {
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if !max.is_finite() {
        return max;
    }
    let sum: f64 = values.iter().map(|x| f64::from(x - max).exp()).sum();
    max + sum.ln() as f32
}

/// Probabilities of `scores` under a softmax.
pub fn softmax(scores: &[f32]) -> Vec<f32> {
    let total = log_sum_exp(scores);
    scores.iter().map(|score| (score - total).exp()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_sum_exp_stands_large_values() {
        assert!((log_sum_exp(&[1000.0, 1000.0]) - (1000.0 + 2f32.ln())).abs() < 1e-3);
        assert_eq!(log_sum_exp(&[]), f32::NEG_INFINITY);
    }

    #[test]
    fn probabilities_sum_to_one() {
        let probabilities = softmax(&[1.0, 2.0, 3.0]);
        assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(probabilities[2] > probabilities[1]);
    }
}
