//! What the bits of a quantised block mean.
//!
//! Source: ggml's `ggml-common.h` (layouts) and `ggml-quants.c` (`dequantize_row_*`, `quantize_row_*_ref`). The one idea: in
//! every format, 32 neighbouring elements are small integers with a scale for each 16 and a common offset,
//!
//! ```text
//! element[i] = scale[i / 16] * quant[i] + offset
//! ```
//!
//! so a format is one function that reads such a [`Group`] out of a block. Dequantisation and the scalar matrix product are
//! written once over groups; the vector kernels in `tensor/cpu` are held to both. All numbers are little-endian.
//!
//! A new format is a file here and a row in `CODECS`. Not here: which formats exist and their sizes (`format/block.rs`), speed
//! (`tensor/cpu`), K-quant quantisation (a search that ggml does better).

mod k_quants;
mod legacy;
mod plain;

pub(crate) use k_quants::scale_and_min;
pub(crate) use plain::element;

use rayon::prelude::*;

use crate::format::{BlockFormat, TensorInfo};
use crate::{Error, Location, Result};

/// Elements of a group, and of an activation block.
pub(crate) const GROUP_LEN: usize = 32;

/// The offset of a format without one: adding it changes nothing, not even the sign of a zero.
const NO_OFFSET: f32 = -0.0;

/// 32 neighbouring elements of a row: element `i` is `scales[i / 16] * quants[i] + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Group {
    /// The integers.
    pub(crate) quants: [i8; GROUP_LEN],
    /// Factors of the first and the last 16.
    pub(crate) scales: [f32; 2],
    /// What is added to each.
    pub(crate) offset: f32,
}

impl Group {
    /// Writes the elements to `out`.
    #[inline(always)]
    pub(crate) fn dequantize(&self, out: &mut [f32]) {
        for (i, (out, quant)) in out.iter_mut().zip(&self.quants).enumerate() {
            *out = self.scales[i / 16] * f32::from(*quant) + self.offset;
        }
    }
}

type Quantize = fn(elements: &[f32; GROUP_LEN], block: &mut [u8]);

/// How one quantised format is read and written.
struct Codec {
    format: BlockFormat,
    /// Group `index` of a block; the slice is exactly one block.
    group: fn(block: &[u8], index: usize) -> Group,
    /// One block from its elements, where this crate writes the format.
    quantize: Option<Quantize>,
}

const CODECS: [Codec; 8] = [
    Codec { format: BlockFormat::Q4_0, group: legacy::q4_0, quantize: Some(legacy::quantize_q4_0) },
    Codec { format: BlockFormat::Q4_1, group: legacy::q4_1, quantize: Some(legacy::quantize_q4_1) },
    Codec { format: BlockFormat::Q5_0, group: legacy::q5_0, quantize: Some(legacy::quantize_q5_0) },
    Codec { format: BlockFormat::Q5_1, group: legacy::q5_1, quantize: Some(legacy::quantize_q5_1) },
    Codec { format: BlockFormat::Q8_0, group: legacy::q8_0, quantize: Some(legacy::quantize_q8_0) },
    Codec { format: BlockFormat::Q4_K, group: k_quants::q4_k, quantize: None },
    Codec { format: BlockFormat::Q5_K, group: k_quants::q5_k, quantize: None },
    Codec { format: BlockFormat::Q6_K, group: k_quants::q6_k, quantize: None },
];

fn codec(format: BlockFormat) -> Option<&'static Codec> {
    const { &CODECS }.iter().find(|codec| codec.format == format)
}

/// The groups of a row in order; nothing for the plain formats, which have none.
pub(crate) fn groups(format: BlockFormat, row: &[u8]) -> impl Iterator<Item = Group> {
    codec(format).into_iter().flat_map(move |codec| {
        row.chunks_exact(format.block_bytes())
            .flat_map(move |block| (0..format.block_len() / GROUP_LEN).map(move |index| (codec.group)(block, index)))
    })
}

/// Writes the elements of `row` to `out`.
///
/// # Shapes
/// `out` holds the row's columns, `row` exactly their bytes; any number of whole rows counts as one.
///
/// # Errors
/// `Internal` if the two sizes disagree.
pub(crate) fn dequantize_row(format: BlockFormat, row: &[u8], out: &mut [f32]) -> Result<()> {
    check_row(format, row.len(), out.len())?;
    if !format.is_quantised() {
        let elements = row.chunks_exact(format.block_bytes());
        elements.zip(out).for_each(|(bytes, out)| *out = element(format, bytes));
        return Ok(());
    }
    for (group, out) in groups(format, row).zip(out.chunks_exact_mut(GROUP_LEN)) {
        group.dequantize(out);
    }
    Ok(())
}

/// Some rows of a tensor in another format, the first of them row `first`.
///
/// # Errors
/// `ModelFile` for numbers that are none, which blocks would hide; `Internal` for rows that are none of both formats; as [`quantize_row`].
pub(crate) fn convert_rows(info: &TensorInfo, first: usize, rows: &[u8], format: BlockFormat) -> Result<Vec<u8>> {
    let cols = info.cols();
    let row_bytes = |format: BlockFormat| {
        let bytes = format.row_bytes(cols).filter(|bytes| *bytes > 0);
        bytes.ok_or_else(|| Error::Internal { what: format!("rows of {cols} elements in {format}") })
    };
    let (from, to) = (row_bytes(info.format)?, row_bytes(format)?);
    let mut out = vec![0; rows.len() / from * to];
    rows.par_chunks_exact(from).zip(out.par_chunks_exact_mut(to)).enumerate().try_for_each_init(
        || vec![0.0; cols],
        |elements, (index, (row, out))| {
            dequantize_row(info.format, row, elements)?;
            if format.is_quantised() && elements.iter().any(|x| !x.is_finite()) {
                let what = format!("row {} holds numbers that are none", first + index);
                return Err(Error::model_file(what, Location::part(&info.name)));
            }
            quantize_row(format, elements, out)
        },
    )?;
    Ok(out)
}

/// Quantises `elements` to `row`, with the bytes that ggml's reference quantiser gives.
///
/// # Shapes
/// As [`dequantize_row`].
///
/// # Errors
/// `Internal` if the two sizes disagree, `Unsupported` for the K-quants, which this crate reads only.
pub fn quantize_row(format: BlockFormat, elements: &[f32], row: &mut [u8]) -> Result<()> {
    check_row(format, row.len(), elements.len())?;
    if !format.is_quantised() {
        let bytes = row.chunks_exact_mut(format.block_bytes());
        bytes.zip(elements).for_each(|(bytes, x)| plain::put_element(format, *x, bytes));
        return Ok(());
    }
    let quantize = codec(format)
        .and_then(|codec| codec.quantize)
        .ok_or_else(|| Error::unsupported(format!("quantising to {format}"), "use Q8_0, Q5_1, Q5_0, Q4_1 or Q4_0"))?;
    let (groups, _) = elements.as_chunks::<GROUP_LEN>();
    for (group, block) in groups.iter().zip(row.chunks_exact_mut(format.block_bytes())) {
        quantize(group, block);
    }
    Ok(())
}

fn check_row(format: BlockFormat, bytes: usize, elements: usize) -> Result<()> {
    if format.row_bytes(elements) == Some(bytes) {
        return Ok(());
    }
    Err(Error::Internal { what: format!("a {format} row of {elements} elements was given {bytes} bytes") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by ggml 0.25.3 and gguf 0.19.0; `tests/data/quant/quant.json` tells how.
    fn reference(file: &str) -> Vec<u8> {
        let path = format!("{}/../tests/data/quant/{file}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn floats(bytes: &[u8]) -> Vec<f32> {
        bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
    }

    #[test]
    fn every_quantised_format_has_a_codec() {
        for format in BlockFormat::all() {
            assert_eq!(codec(format).is_some(), format.is_quantised(), "{format}");
        }
    }

    #[test]
    fn dequantises_as_ggml_bit_for_bit() {
        for format in BlockFormat::all().filter(|format| format.is_quantised()) {
            let expected = floats(&reference(&format!("{format}.f32")));
            let mut found = vec![0.0; expected.len()];
            dequantize_row(format, &reference(&format!("{format}.blocks")), &mut found).unwrap();
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(found.to_bits(), expected.to_bits(), "{format} element {i}: {found} {expected}");
            }
        }
    }

    #[test]
    fn quantises_as_ggml_byte_for_byte() {
        let source = floats(&reference("source_2x512.f32"));
        for format in CODECS.iter().filter(|codec| codec.quantize.is_some()).map(|codec| codec.format) {
            let expected = reference(&format!("{format}.blocks"));
            let mut found = vec![0; expected.len()];
            quantize_row(format, &source, &mut found).unwrap();
            assert_eq!(found, expected, "{format}");
        }
    }

    #[test]
    fn plain_formats_keep_what_they_can_hold() {
        let source = [0.0, -0.0, 1.5, -2.0, 65504.0, 2f32.powi(-24), f32::INFINITY];
        for format in [BlockFormat::F32, BlockFormat::F16, BlockFormat::BF16] {
            let mut row = vec![0; format.row_bytes(source.len()).unwrap()];
            quantize_row(format, &source, &mut row).unwrap();
            let mut back = [1.0; 7];
            dequantize_row(format, &row, &mut back).unwrap();
            for (back, source) in back.iter().zip(&source) {
                assert!(back == source || (back - source).abs() <= source.abs() / 256.0, "{format}: {source} {back}");
            }
        }
    }

    #[test]
    fn infinities_and_nans_quantise_to_something() {
        for format in CODECS.iter().filter(|codec| codec.quantize.is_some()).map(|codec| codec.format) {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN_POSITIVE / 2.0] {
                let mut row = vec![0; format.block_bytes()];
                quantize_row(format, &[value; 32], &mut row).unwrap();
                dequantize_row(format, &row, &mut [0.0; 32]).unwrap();
            }
        }
    }

    #[test]
    fn says_which_sizes_disagree() {
        let error = dequantize_row(BlockFormat::Q4_0, &[0; 17], &mut [0.0; 32]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "internal error: a Q4_0 row of 32 elements was given 17 bytes (please report this)"
        );
        let error = quantize_row(BlockFormat::Q6_K, &[0.0; 256], &mut [0; 210]).unwrap_err();
        assert_eq!(error.to_string(), "quantising to Q6_K (use Q8_0, Q5_1, Q5_0, Q4_1 or Q4_0)");
    }
}
