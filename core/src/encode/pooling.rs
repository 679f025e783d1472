//! From the states of a text's tokens to one vector.

/// Adds the mean of the rows of `states`, `[tokens, out.len()]`, to `out`.
pub(super) fn mean_into(states: &[f32], out: &mut [f32]) {
    let rows = states.chunks_exact(out.len());
    let scale = 1.0 / rows.len().max(1) as f32;
    for row in rows {
        out.iter_mut().zip(row).for_each(|(out, x)| *out += x);
    }
    out.iter_mut().for_each(|out| *out *= scale);
}

/// Gives a vector length 1; zeros stay.
pub(super) fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|x| *x /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_pooled_and_get_length_one() {
        let mut mean = vec![0.0; 2];
        mean_into(&[1.0, 2.0, 5.0, 6.0], &mut mean);
        assert_eq!(mean, [3.0, 4.0]);
        normalize(&mut mean);
        assert_eq!(mean, [0.6, 0.8]);
        let mut zeros = [0.0; 3];
        normalize(&mut zeros);
        assert_eq!(zeros, [0.0; 3]);
    }
}
