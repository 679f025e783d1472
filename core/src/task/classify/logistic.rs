//! Multinomial logistic regression: weights that make the right labels likely, found by L-BFGS.
//!
//! Minimises the mean of `-log softmax(W x + b)[label]` plus `l2 / 2 · |W|²` (Nocedal & Wright 2006, algorithm 7.5, with backtracking). The
//! function is convex, so there is one answer, and it depends neither on a seed nor on the number of threads: sums are taken over the same parts
//! in the same order. A crate for it (argmin) would need as much code for its traits as the method has.

use std::collections::VecDeque;

use rayon::prelude::*;

use super::lexical::{PLACES, Sparse};
use crate::Result;
use crate::runtime::CancelToken;
use crate::tensor::host_product;

/// A text as a linear model sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Features {
    /// What the encoder makes of it.
    pub(super) dense: Vec<f32>,
    /// Its words.
    pub(super) sparse: Sparse,
}

/// An example of a label.
#[derive(Debug, Clone, Copy)]
pub(super) struct Example<'a> {
    pub(super) features: &'a Features,
    pub(super) label: usize,
    /// How often it counts.
    pub(super) weight: f32,
}

/// Parts that sums are cut into, whatever the number of threads.
const PARTS: usize = 4;
/// Steps that L-BFGS remembers; fewer where the weights are millions.
const MEMORY: usize = 8;
const LARGE: usize = 1 << 20;
/// A step that lowers the loss by less than this share of it is the last.
const ENOUGH: f32 = 1e-5;

/// Weights of a linear model.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weights {
    pub(super) dense: usize,
    pub(super) labels: usize,
    /// Those of dense features `[labels, dense]`, of places `[PLACES, labels]`, and biases `[labels]`, one after the other.
    pub(super) values: Vec<f32>,
}

impl Weights {
    pub(super) fn zeros(dense: usize, labels: usize) -> Self {
        Self { dense, labels, values: vec![0.0; (dense + PLACES + 1) * labels] }
    }

    /// Those of dense features, `[labels, dense]`.
    pub(super) fn of_dense(&self) -> &[f32] {
        &self.values[..self.labels * self.dense]
    }

    /// Those of the features at a place, `[labels]`.
    fn of_place(&self, place: u16) -> &[f32] {
        let start = (self.dense + usize::from(place)) * self.labels;
        &self.values[start..start + self.labels]
    }

    /// Those of all places, `[PLACES, labels]`.
    pub(super) fn of_places(&self) -> &[f32] {
        &self.values[self.labels * self.dense..self.free()]
    }

    /// The biases, `[labels]`.
    pub(super) fn bias(&self) -> &[f32] {
        &self.values[self.free()..]
    }

    /// How many weights are pulled towards zero: all but the biases.
    fn free(&self) -> usize {
        (self.dense + PLACES) * self.labels
    }

    /// The scores of each label, before the softmax.
    pub(super) fn scores(&self, features: &Features) -> Vec<f32> {
        let dense = self.of_dense().chunks_exact(self.dense.max(1)).map(|row| dot(row, &features.dense));
        let mut scores: Vec<f32> = dense.zip(self.bias()).map(|(score, bias)| score + bias).collect();
        for (place, x) in features.sparse.places.iter().zip(&features.sparse.values) {
            add(&mut scores, *x, self.of_place(*place));
        }
        scores
    }
}

/// Examples laid out for products with all of them at once.
pub(super) struct Matrix<'a> {
    examples: Vec<Example<'a>>,
    /// `[examples, dense]`
    rows: Vec<f32>,
    /// The same on its side: `[dense, examples]`
    columns: Vec<f32>,
    total: f32,
}

impl<'a> Matrix<'a> {
    pub(super) fn new(examples: Vec<Example<'a>>) -> Self {
        let rows: Vec<f32> = examples.iter().flat_map(|example| &example.features.dense).copied().collect();
        let dense = rows.len() / examples.len().max(1);
        let columns = turned(&rows, dense);
        Self { total: examples.iter().map(|example| example.weight).sum(), rows, columns, examples }
    }
}

/// How weights are sought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search {
    pub(super) l2: f32,
    pub(super) most_steps: usize,
}

/// The weights that fit the examples best, starting from `weights`; `anchor`: deviations from it are punished instead of size.
///
/// # Errors
/// `Cancelled`.
pub(super) fn fit(
    matrix: &Matrix<'_>,
    mut weights: Weights,
    anchor: Option<&Weights>,
    search: Search,
    cancel: &CancelToken,
) -> Result<Weights> {
    let memory = if weights.values.len() > LARGE { MEMORY / 2 } else { MEMORY };
    let mut history: VecDeque<Pair> = VecDeque::with_capacity(memory);
    let (mut loss, mut gradient) = objective(matrix, &weights, anchor, search.l2)?;
    for _ in 0..search.most_steps {
        cancel.check()?;
        let mut step = direction(&gradient, &history);
        let mut slope = dot(&step, &gradient);
        if slope >= 0.0 {
            // rounding spoilt what was remembered
            history.clear();
            step = gradient.iter().map(|g| -g).collect();
            slope = dot(&step, &gradient);
        }
        if slope > -f32::MIN_POSITIVE {
            break;
        }
        // the first step has no scale yet
        let mut length = if history.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt().max(1e-6) } else { 1.0 };
        let mut found = None;
        for _ in 0..20 {
            let mut next = weights.clone();
            add(&mut next.values, length, &step);
            let (next_loss, next_gradient) = objective(matrix, &next, anchor, search.l2)?;
            if next_loss <= loss + 1e-4 * length * slope {
                found = Some((next, next_loss, next_gradient));
                break;
            }
            length *= 0.5;
        }
        let Some((next, next_loss, next_gradient)) = found else { break };
        let moved = difference(&next.values, &weights.values);
        let turned = difference(&next_gradient, &gradient);
        let curvature = dot(&moved, &turned);
        if curvature > 1e-10 * dot(&turned, &turned) {
            if history.len() == memory {
                history.pop_front();
            }
            history.push_back(Pair { scale: 1.0 / curvature, moved, turned });
        }
        let gained = loss - next_loss;
        (weights, loss, gradient) = (next, next_loss, next_gradient);
        if gained <= ENOUGH * loss.abs() {
            break;
        }
    }
    Ok(weights)
}

/// A step that was taken and how the gradient turned.
struct Pair {
    moved: Vec<f32>,
    turned: Vec<f32>,
    scale: f32,
}

/// Minus the inverse of the curvature, as far as it is known, times the gradient.
fn direction(gradient: &[f32], history: &VecDeque<Pair>) -> Vec<f32> {
    let mut q: Vec<f32> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(history.len());
    for pair in history.iter().rev() {
        let share = pair.scale * dot(&pair.moved, &q);
        add(&mut q, -share, &pair.turned);
        shares.push(share);
    }
    if let Some(last) = history.back() {
        let scale = 1.0 / (last.scale * dot(&last.turned, &last.turned));
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for (pair, share) in history.iter().zip(shares.iter().rev()) {
        let other = pair.scale * dot(&pair.turned, &q);
        add(&mut q, share - other, &pair.moved);
    }
    q
}

/// The loss and its gradient.
fn objective(matrix: &Matrix<'_>, weights: &Weights, anchor: Option<&Weights>, l2: f32) -> Result<(f32, Vec<f32>)> {
    let (dense, labels, free) = (weights.dense, weights.labels, weights.free());
    let mut scores = host_product(&matrix.rows, weights.of_dense(), dense)?;
    let part = matrix.examples.len().div_ceil(PARTS).max(1);
    let parts: Vec<(f64, Vec<f32>)> = matrix
        .examples
        .par_chunks(part)
        .zip(scores.par_chunks_mut(part * labels))
        .map(|(examples, scores)| errors(examples, scores, weights))
        .collect();
    // scores are errors now
    let of_dense = host_product(&turned(&scores, labels), &matrix.columns, matrix.examples.len())?;
    let mut loss = 0.0;
    let mut gradient = vec![0.0; weights.values.len()];
    add(&mut gradient, 1.0 / matrix.total, &of_dense);
    for (part_loss, part) in parts {
        loss += part_loss;
        add(&mut gradient[labels * dense..], 1.0 / matrix.total, &part);
    }
    let mut squares = 0.0f64;
    for (i, (gradient, weight)) in gradient.iter_mut().zip(&weights.values).enumerate().take(free) {
        let away = weight - anchor.map_or(0.0, |anchor| anchor.values[i]);
        *gradient += l2 * away;
        squares += f64::from(away * away);
    }
    Ok(((loss / f64::from(matrix.total) + 0.5 * f64::from(l2) * squares) as f32, gradient))
}

/// Turns the scores that dense features give into errors, probability less truth, one row an example; gives the sum of the losses and the gradient
/// of places and biases.
fn errors(examples: &[Example<'_>], scores: &mut [f32], weights: &Weights) -> (f64, Vec<f32>) {
    let labels = weights.labels;
    let mut gradient = vec![0.0; (PLACES + 1) * labels];
    let mut loss = 0.0;
    for (example, scores) in examples.iter().zip(scores.chunks_exact_mut(labels)) {
        let sparse = &example.features.sparse;
        add(scores, 1.0, weights.bias());
        for (place, x) in sparse.places.iter().zip(&sparse.values) {
            add(scores, *x, weights.of_place(*place));
        }
        let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let right = scores[example.label] - greatest;
        scores.iter_mut().for_each(|score| *score = (*score - greatest).exp());
        let sum: f32 = scores.iter().sum();
        loss += f64::from(example.weight * (sum.ln() - right));
        scores.iter_mut().for_each(|score| *score *= example.weight / sum);
        scores[example.label] -= example.weight;
        for (place, x) in sparse.places.iter().zip(&sparse.values) {
            let start = usize::from(*place) * labels;
            add(&mut gradient[start..start + labels], *x, scores);
        }
        add(&mut gradient[PLACES * labels..], 1.0, scores);
    }
    (loss, gradient)
}

/// A matrix of rows of `cols` elements on its side.
pub(super) fn turned(matrix: &[f32], cols: usize) -> Vec<f32> {
    let rows = matrix.len() / cols.max(1);
    let mut out = vec![0.0; matrix.len()];
    for (row, values) in matrix.chunks_exact(cols.max(1)).enumerate() {
        for (col, value) in values.iter().enumerate() {
            out[col * rows + row] = *value;
        }
    }
    out
}

/// `out += x * row`.
fn add(out: &mut [f32], x: f32, row: &[f32]) {
    out.iter_mut().zip(row).for_each(|(out, row)| *out += x * row);
}

fn difference(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    // in eight sums, which the compiler turns into a vector
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in a8.iter().zip(b8) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(count: usize) -> Vec<Features> {
        let number = |i: usize, d: usize| ((i * 37 + d * 101) as f32 * 0.618).sin();
        let sparse = |i: usize| Sparse { places: vec![(i % 7) as u16, 100 + (i % 3) as u16], values: vec![0.5, -0.25] };
        (0..count).map(|i| Features { dense: (0..6).map(|d| number(i, d)).collect(), sparse: sparse(i) }).collect()
    }

    fn examples<'a>(texts: &'a [Features], labels: usize) -> Vec<Example<'a>> {
        let weight = |i: usize| 1.0 + (i % 2) as f32;
        texts
            .iter()
            .enumerate()
            .map(|(i, features)| Example { features, label: i % labels, weight: weight(i) })
            .collect()
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        for count in [1, 4, 7, 30] {
            let texts = texts(count);
            let examples = examples(&texts, 3);
            let mut weights = Weights::zeros(6, 3);
            weights.values.iter_mut().enumerate().for_each(|(i, w)| *w = (i as f32 * 0.77).cos() * 0.3);
            let matrix = Matrix::new(examples);
            let (_, gradient) = objective(&matrix, &weights, None, 0.01).unwrap();
            for i in [0, 5, 17, 18, 6 * 3 + 100 * 3 + 1, weights.values.len() - 1] {
                let at = |by: f32| {
                    let mut weights = weights.clone();
                    weights.values[i] += by;
                    objective(&matrix, &weights, None, 0.01).unwrap().0
                };
                let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
                assert!((slope - gradient[i]).abs() < 2e-3, "{count} {i}: {slope} {}", gradient[i]);
            }
        }
    }

    #[test]
    fn the_optimum_has_no_slope_and_needs_no_luck() {
        let texts = texts(60);
        let matrix = Matrix::new(examples(&texts, 4));
        let search = Search { l2: 1e-3, most_steps: 500 };
        let fitted = |start: Weights| fit(&matrix, start, None, search, &CancelToken::new()).unwrap();
        let from_zero = fitted(Weights::zeros(6, 4));
        let mut elsewhere = Weights::zeros(6, 4);
        elsewhere.values.iter_mut().enumerate().for_each(|(i, w)| *w = (i as f32).sin());
        let (loss, gradient) = objective(&matrix, &from_zero, None, search.l2).unwrap();
        let (other, _) = objective(&matrix, &fitted(elsewhere), None, search.l2).unwrap();
        assert!(dot(&gradient, &gradient).sqrt() < 1e-2, "{}", dot(&gradient, &gradient).sqrt());
        assert!((loss - other).abs() < 1e-3 * loss, "{loss} {other}");
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let texts = texts(41);
        let matrix = Matrix::new(examples(&texts, 5));
        let fitted = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let search = Search { l2: 1e-4, most_steps: 30 };
            pool.install(|| fit(&matrix, Weights::zeros(6, 5), None, search, &CancelToken::new()).unwrap())
        };
        assert_eq!(fitted(1), fitted(3));
    }

    #[test]
    fn it_is_cancelled() {
        let (texts, cancel) = (texts(4), CancelToken::new());
        cancel.cancel();
        let search = Search { l2: 1e-4, most_steps: 30 };
        let fitted = fit(&Matrix::new(examples(&texts, 2)), Weights::zeros(6, 2), None, search, &cancel);
        assert!(matches!(fitted, Err(crate::Error::Cancelled)));
    }
}
