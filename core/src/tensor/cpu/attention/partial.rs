//! Softmaxes that are not finished: over some of the keys, mergeable with others.

/// The softmax of some queries over some keys, before it is divided.
#[derive(Debug, Clone)]
pub(super) struct Partial {
    /// Greatest score of each query; negative infinity if it saw no key.
    pub(super) greatest: Vec<f32>,
    /// `Σ e^(score - greatest)`
    pub(super) sums: Vec<f32>,
    /// `Σ e^(score - greatest) · value`: `[queries, head_dim]`
    pub(super) values: Vec<f32>,
}

impl Partial {
    pub(super) fn new(queries: usize, head_dim: usize) -> Self {
        Self {
            greatest: vec![f32::NEG_INFINITY; queries],
            sums: vec![0.0; queries],
            values: vec![0.0; queries * head_dim],
        }
    }

    /// The softmax over the keys of both.
    pub(super) fn merge(mut self, other: &Self, head_dim: usize) -> Self {
        for i in 0..self.sums.len() {
            let greatest = self.greatest[i].max(other.greatest[i]);
            // A side that saw no key weighs nothing; the difference of two infinities would be NaN.
            let weight = |own: f32| if own == f32::NEG_INFINITY { 0.0 } else { (own - greatest).exp() };
            let (a, b) = (weight(self.greatest[i]), weight(other.greatest[i]));
            self.greatest[i] = greatest;
            self.sums[i] = a * self.sums[i] + b * other.sums[i];
            let range = i * head_dim..(i + 1) * head_dim;
            for (x, y) in self.values[range.clone()].iter_mut().zip(&other.values[range]) {
                *x = a * *x + b * y;
            }
        }
        self
    }

    /// Divides, and writes the heads of queries `first ..` to `out`, as many as there is room for.
    pub(super) fn write(&self, first: usize, head_dim: usize, out: &mut [f32]) {
        let queries = self.values[first * head_dim..].chunks_exact(head_dim).zip(&self.sums[first..]);
        for (out, (values, sum)) in out.chunks_exact_mut(head_dim).zip(queries) {
            let inverse = 1.0 / sum;
            out.iter_mut().zip(values).for_each(|(out, value)| *out = value * inverse);
        }
    }
}
