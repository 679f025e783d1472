//! ggml's tensor types that are not read, so that an error can name them.
//!
//! Source: `enum ggml_type` in ggml's `ggml.h`; numbers 4, 5, 31-33 and 36-38 were removed there and live on in old files.

use crate::Error;
use crate::format::BlockFormat;

const NOT_READ: [(u32, &str); 31] = [
    (4, "Q4_2"),
    (5, "Q4_3"),
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (31, "Q4_0_4_4"),
    (32, "Q4_0_4_8"),
    (33, "Q4_0_8_8"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (36, "IQ4_NL_4_4"),
    (37, "IQ4_NL_4_8"),
    (38, "IQ4_NL_8_8"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
];

/// The name of a type that ggml has and this crate does not read.
pub(super) fn name_of_unread(number: u32) -> Option<&'static str> {
    NOT_READ.iter().find(|row| row.0 == number).map(|row| row.1)
}

/// The error for such a type, with the types that are read.
pub(super) fn unsupported(tensor: &str, type_name: &str) -> Error {
    let read: Vec<_> = BlockFormat::all().map(BlockFormat::name).collect();
    Error::unsupported(
        format!("tensor {tensor} is stored as {type_name}"),
        format!("choose a file with the types {}", read.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_below_the_last_is_read_or_named() {
        for number in 0..=41 {
            let read = BlockFormat::from_gguf(number).is_some();
            assert!(read != name_of_unread(number).is_some(), "type {number}");
        }
    }
}
