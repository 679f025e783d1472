//! Rows of an embedding table.

use rayon::prelude::*;

use super::check;
use super::packed::{Layout, packed_bytes};
use crate::Result;
use crate::tensor::block::dequantize_row;
use crate::tensor::spec::WeightSpec;

/// Rows `ids` of `table`, times `scale`. An id past the table's end, which the caller should have refused, gives zeros.
///
/// # Shapes
/// `ids`: `[m]`; `table`: as the weights of [`linear`](super::linear); `out`: `[m, cols]`.
///
/// # Errors
/// `Internal` if sizes disagree.
pub(crate) fn embed(ids: &[i32], table: &[u8], spec: WeightSpec, scale: f32, out: &mut [f32]) -> Result<()> {
    check(spec.cols > 0 && packed_bytes(spec) == Some(table.len()), || {
        format!("a table of {} bytes was given for {spec:?}", table.len())
    })?;
    check(ids.len().checked_mul(spec.cols) == Some(out.len()), || {
        format!("{} outputs were given for {} ids of {} elements", out.len(), ids.len(), spec.cols)
    })?;
    let layout = Layout::new(spec.format, spec.cols);
    ids.par_iter().zip(out.par_chunks_exact_mut(spec.cols)).with_min_len(16).try_for_each(|(id, out)| {
        let Some(id) = usize::try_from(*id).ok().filter(|id| *id < spec.rows) else {
            out.fill(0.0);
            return Ok(());
        };
        match layout {
            Some(layout) => layout.dequantize_row(table, id, out),
            None => {
                let row_bytes = table.len() / spec.rows;
                dequantize_row(spec.format, &table[id * row_bytes..][..row_bytes], out)?;
            }
        }
        if scale != 1.0 {
            out.iter_mut().for_each(|x| *x *= scale);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::BlockFormat;

    #[test]
    fn gives_scaled_rows_and_zeros_for_unknown_ids() {
        let table: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let spec = WeightSpec { format: BlockFormat::F32, rows: 3, cols: 2 };
        let mut out = [f32::NAN; 8];
        embed(&[2, 0, 3, -1], &table, spec, 10.0, &mut out).unwrap();
        assert_eq!(out, [40.0, 50.0, 0.0, 10.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn refuses_sizes_that_disagree() {
        let spec = WeightSpec { format: BlockFormat::Q8_0, rows: 1, cols: 32 };
        assert!(embed(&[0], &[0; 575], spec, 1.0, &mut [0.0; 32]).is_err());
        assert!(embed(&[0], &[0; 576], spec, 1.0, &mut [0.0; 31]).is_err());
        assert!(embed(&[], &[0; 576], spec, 1.0, &mut []).is_ok());
    }
}
