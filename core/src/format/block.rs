//! The block formats that weights are stored in: names, sizes and GGUF type numbers.
//!
//! A row of a matrix is a sequence of blocks of `block_len` elements and `block_bytes` bytes. Source of numbers and layouts:
//! ggml's `ggml.h` (`enum ggml_type`) and `ggml-common.h`. How the bits are read is told in `tensor/block`.

/// How the elements of a tensor are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(non_camel_case_types)] // the field's own spelling of these names
#[allow(missing_docs)] // the table below says all there is to say
pub enum BlockFormat {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q4_K,
    Q5_K,
    Q6_K,
}

struct Row(BlockFormat, &'static str, u32, usize, usize);

/// format, name, GGUF type number, elements a block, bytes a block
const TABLE: [Row; 11] = [
    Row(BlockFormat::F32, "F32", 0, 1, 4),
    Row(BlockFormat::F16, "F16", 1, 1, 2),
    Row(BlockFormat::Q4_0, "Q4_0", 2, 32, 18),
    Row(BlockFormat::Q4_1, "Q4_1", 3, 32, 20),
    Row(BlockFormat::Q5_0, "Q5_0", 6, 32, 22),
    Row(BlockFormat::Q5_1, "Q5_1", 7, 32, 24),
    Row(BlockFormat::Q8_0, "Q8_0", 8, 32, 34),
    Row(BlockFormat::Q4_K, "Q4_K", 12, 256, 144),
    Row(BlockFormat::Q5_K, "Q5_K", 13, 256, 176),
    Row(BlockFormat::Q6_K, "Q6_K", 14, 256, 210),
    Row(BlockFormat::BF16, "BF16", 30, 1, 2),
];

impl BlockFormat {
    /// Every format, in the order of GGUF's type numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// The format with this GGUF type number.
    pub fn from_gguf(number: u32) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == number).map(|row| row.0)
    }

    /// The format with this name, as `minnow inspect` prints it; upper and lower case are the same.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1.eq_ignore_ascii_case(name)).map(|row| row.0)
    }

    /// `Q4_K`, `F16` …
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// GGUF's type number.
    pub fn gguf_number(self) -> u32 {
        self.row().2
    }

    /// Elements a block.
    pub fn block_len(self) -> usize {
        self.row().3
    }

    /// Bytes a block.
    pub fn block_bytes(self) -> usize {
        self.row().4
    }

    /// Bytes of a row of `cols` elements; `None` where `cols` is not a whole number of blocks or the size overflows.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        cols.is_multiple_of(self.block_len()).then(|| (cols / self.block_len()).checked_mul(self.block_bytes()))?
    }

    /// Whether elements share a scale, so that a row can only be cut at block borders.
    pub fn is_quantised(self) -> bool {
        self.block_len() > 1
    }

    fn row(self) -> &'static Row {
        // The table has a row for each variant; the test below holds that.
        TABLE.iter().find(|row| row.0 == self).unwrap_or(&TABLE[0])
    }
}

impl std::fmt::Display for BlockFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_number_and_name() {
        for format in BlockFormat::all() {
            assert_eq!(BlockFormat::from_gguf(format.gguf_number()), Some(format));
            assert_eq!(BlockFormat::from_name(&format.name().to_lowercase()), Some(format));
        }
    }

    #[test]
    fn a_row_is_whole_blocks() {
        assert_eq!(BlockFormat::Q4_1.row_bytes(64), Some(40));
        assert_eq!(BlockFormat::Q4_K.row_bytes(64), None);
        assert_eq!(BlockFormat::F32.row_bytes(usize::MAX), None);
    }
}
