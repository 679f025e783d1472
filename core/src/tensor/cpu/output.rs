//! A matrix `[m, rows]` that several threads fill, each its own rows.
//!
//! Rust can't split such a matrix by columns of memory; this is the one place where it is done by hand.

use std::marker::PhantomData;

/// Where products go.
pub(super) struct Output<'a> {
    start: *mut f32,
    tokens: usize,
    rows: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: an `Output` gives access through `row_part` only, whose callers promise to use disjoint parts.
unsafe impl Sync for Output<'_> {}

// SAFETY: it is a mutable borrow of floats, which may move between threads.
unsafe impl Send for Output<'_> {}

impl<'a> Output<'a> {
    /// The matrix `[m, rows]`.
    pub(super) fn new(matrix: &'a mut [f32], rows: usize) -> Self {
        Self { start: matrix.as_mut_ptr(), tokens: matrix.len() / rows.max(1), rows, matrix: PhantomData }
    }

    /// Outputs `first .. first + count` of `token`; nothing if the matrix has no such part.
    ///
    /// # Safety
    /// No other part that is alive overlaps it.
    #[allow(clippy::mut_from_ref)] // that is the purpose; the parts are disjoint
    pub(super) unsafe fn row_part(&self, token: usize, first: usize, count: usize) -> &mut [f32] {
        if token >= self.tokens || first > self.rows || count > self.rows - first {
            return &mut [];
        }
        // SAFETY: just checked to lie inside the matrix, which is borrowed for as long as `self`; disjoint by the caller's word.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(token * self.rows + first), count) }
    }
}
