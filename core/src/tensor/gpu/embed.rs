//! Embedding lookup: only the rows that are asked for are decoded.

use burn::backend::ops::IntTensorOps;
use burn::tensor::{DType, IntDType};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

use super::decode::{first_vector, read_chunk, row_words, second_vector};
use super::launch::{empty, grid};
use super::layout::Packing;
use super::linear::Matrix;
use crate::tensor::spec::WeightSpec;

const UNITS: usize = 64;

/// A unit a chunk.
#[cube(launch_unchecked)]
fn embed_kernel(
    ids: &[u32],
    table: &[u32],
    out: &mut [f32],
    tokens: u32,
    rows: u32,
    cols: u32,
    chunks: u32,
    scale: f32,
    #[comptime] packing: Packing,
) {
    let chunks = chunks as usize;
    let cols = cols as usize;
    let token = ABSOLUTE_POS / chunks;
    if token < tokens as usize {
        let chunk = ABSOLUTE_POS % chunks;
        let row = min(ids[token], rows - 1) as usize;
        let values = read_chunk(table, row * row_words(chunks, packing), chunk, chunks, packing);
        let first = 4 * first_vector(chunk, packing);
        let second = 4 * second_vector(chunk, packing);
        #[unroll]
        for k in 0..4usize {
            // Rows of unquantised tables may end within a chunk.
            if first + k < cols {
                out[token * cols + first + k] = values.first.extract(k) * scale;
            }
            if second + k < cols {
                out[token * cols + second + k] = values.second.extract(k) * scale;
            }
        }
    }
}

/// Rows `ids` of the table, times `scale`: `ids` `[m]` gives `[m, cols]`.
pub(super) fn embed(ids: CubeTensor, table: CubeTensor, spec: WeightSpec, scale: f32) -> CubeTensor {
    // The kernel reads 32-bit words; an id has no sign.
    let ids =
        if matches!(ids.dtype, DType::U32 | DType::I32) { ids } else { CubeBackend::int_cast(ids, IntDType::I32) };
    let ids = into_contiguous(ids);
    let tokens = ids.meta.shape()[0];
    let table = Matrix::new(table, spec);
    let out = empty(&ids, [tokens, spec.cols]);
    if tokens == 0 || spec.rows == 0 || spec.cols == 0 {
        return out;
    }
    // SAFETY: the table is `rows` rows of `layout::row_words` and ids are clamped to them; tokens and columns are
    // compared.
    unsafe {
        embed_kernel::launch_unchecked(
            &out.client,
            grid((tokens * table.chunks).div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            ids.into_buffer_arg(),
            table.words.into_buffer_arg(),
            out.clone().into_buffer_arg(),
            tokens as u32,
            table.rows as u32,
            spec.cols as u32,
            table.chunks as u32,
            scale,
            table.packing,
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use burn::backend::Dispatch;
    use burn::tensor::{Int, Tensor, TensorData};

    use super::super::testing::{Weight, assert_close, device, read};
    use super::*;
    use crate::format::BlockFormat;
    use crate::tensor::device::ComputeDevice;
    use crate::tensor::ops::SlmOps;

    fn check(table: &Weight, ids: &[u32], dtype: DType, device: &ComputeDevice) {
        let WeightSpec { format, rows, cols } = table.spec;
        let data = TensorData::new(ids.to_vec(), [ids.len()]).convert_dtype(dtype);
        let on_device = Tensor::<1, Int>::from_data(data, (device.burn(), dtype)).into_dispatch();
        let out = Dispatch::embed(on_device, table.upload(device).into_dispatch(), table.spec, 1.5);
        let rows = ids.iter().map(|id| (*id as usize).min(rows - 1));
        let expected: Vec<f32> =
            rows.flat_map(|row| table.values[row * cols..(row + 1) * cols].iter().map(|x| x * 1.5)).collect();
        // A product and a sum, rounded once or twice.
        assert_close(&read(Tensor::<2>::from_dispatch(out)), &expected, 3e-7, &format!("{format} {cols}"));
    }

    #[test]
    fn every_format_gives_its_rows() {
        let Some(device) = device() else { return };
        for format in BlockFormat::all() {
            check(&Weight::random(format, 9, 2 * 256), &[8, 0, 3, 3], DType::U32, &device);
            check(&Weight::random(format, 2, format.block_len()), &[1], DType::I32, &device);
        }
    }

    #[test]
    fn rows_may_end_within_a_chunk() {
        let Some(device) = device() else { return };
        for cols in [1, 5, 13] {
            check(&Weight::random(BlockFormat::F16, 3, cols), &[0, 2, 1], DType::U32, &device);
        }
    }

    #[test]
    fn reads_rows_past_the_widest_grid() {
        let Some(device) = device() else { return };
        check(&Weight::random(BlockFormat::Q4_0, 65_540, 32), &[65_539, 65_536, 0], DType::U32, &device);
    }

    #[test]
    fn an_id_past_the_table_stays_within_it() {
        let Some(device) = device() else { return };
        check(&Weight::random(BlockFormat::Q8_0, 4, 32), &[4, u32::MAX], DType::U32, &device);
    }
}
