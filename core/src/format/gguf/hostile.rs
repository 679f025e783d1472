//! Damaged and hostile GGUF files: one test for each limit, asserting on the message.

use bytes::Bytes;

use super::parse;
use crate::Error;

/// A file under construction.
#[derive(Clone, Default)]
struct Draft(Vec<u8>);

impl Draft {
    fn header(tensors: u64, keys: u64) -> Self {
        Self(b"GGUF".to_vec()).u32(3).u64(tensors).u64(keys)
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u32(self, value: u32) -> Self {
        self.raw(&value.to_le_bytes())
    }

    fn u64(self, value: u64) -> Self {
        self.raw(&value.to_le_bytes())
    }

    fn text(self, text: impl AsRef<[u8]>) -> Self {
        let bytes = text.as_ref();
        self.u64(bytes.len() as u64).raw(bytes)
    }

    fn tensor(self, name: &str, ne: &[u64], number: u32, offset: u64) -> Self {
        let draft = self.text(name).u32(ne.len() as u32);
        ne.iter().fold(draft, |draft, &n| draft.u64(n)).u32(number).u64(offset)
    }

    /// Ends the header and adds `bytes` of data.
    fn data(mut self, bytes: usize) -> Self {
        let start = self.0.len().next_multiple_of(32);
        self.0.resize(start + bytes, 0);
        self
    }

    #[track_caller]
    fn error(self) -> Error {
        parse(Bytes::from(self.0)).expect_err("the file has to be refused")
    }

    #[track_caller]
    fn refused(self, message: &str) {
        assert_eq!(self.error().to_string(), message);
    }
}

/// Value type numbers.
const U32: u32 = 4;
const BOOL: u32 = 7;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// Tensor type numbers.
const F32: u32 = 0;
const Q4_0: u32 = 2;

#[test]
fn accepts_the_file_that_the_others_are_variations_of() {
    let draft = Draft::header(2, 1).text("k").u32(U32).u32(7).tensor("a", &[8], F32, 0).tensor("b", &[32, 2], Q4_0, 32);
    let gguf = parse(draft.data(32 + 36).0.into()).unwrap();
    assert_eq!((gguf.version, gguf.alignment), (3, 32));
    assert_eq!(gguf.metadata.usize("k").unwrap(), Some(7));
    assert_eq!(gguf.tensors[1].shape, [2, 32], "outermost first");
    assert_eq!((gguf.tensors[1].offset - gguf.tensors[0].offset, gguf.tensors[1].bytes), (32, 36));
}

#[test]
fn rejects_what_is_not_gguf() {
    Draft(b"<!DOCTYPE html>".to_vec()).refused(
        "not a GGUF file: expected it to start with \"GGUF\", found \"<!DO\"; is it a web page or a Git LFS pointer? (byte 0)",
    );
    Draft::default().refused("the magic needs 4 bytes, the file has 0 left: download it again (header, byte 0)");
}

#[test]
fn rejects_other_versions_and_byte_orders_by_name() {
    let version = |version: u32| Draft(b"GGUF".to_vec()).u32(version);
    version(1).refused("GGUF version 1 (convert the model again: versions 2 and 3 are read)");
    version(4).refused("GGUF version 4 (versions 2 and 3 are read)");
    version(0).refused("GGUF version 0 (versions 2 and 3 are read)");
    version(3 << 24).refused("a big-endian GGUF file (convert the model again as little-endian)");
    assert!(matches!(version(1).error(), Error::Unsupported { .. }));
}

#[test]
fn reads_version_2() {
    let gguf = parse(Bytes::from(Draft(b"GGUF".to_vec()).u32(2).u64(0).u64(0).0)).unwrap();
    assert_eq!(gguf.version, 2);
}

#[test]
fn rejects_every_truncation() {
    let draft = Draft::header(1, 3).text("k").u32(U32).u32(7).text("s").u32(STRING).text("value");
    let draft = draft.text("a").u32(ARRAY).u32(STRING).u64(2).text("x").text("y");
    let whole = draft.tensor("w", &[8], F32, 0).data(32).0;
    assert!(parse(whole.clone().into()).is_ok());
    for len in 0..whole.len() {
        let error = Draft(whole[..len].to_vec()).error();
        assert!(matches!(error, Error::ModelFile { .. }), "{len} bytes: {error}");
        assert!(error.to_string().contains("download"), "{len} bytes: {error}");
    }
}

#[test]
fn rejects_more_keys_than_allowed() {
    Draft::header(0, 65_537)
        .refused("the file announces 65537 metadata keys, at most 65536 are allowed (header, byte 24)");
}

#[test]
fn rejects_more_keys_than_fit() {
    Draft::header(0, 2).raw(&[0; 25]).refused(
        "2 metadata keys of at least 13 bytes each can't fit into the 25 bytes that are left: download the file again \
         (header, byte 24)",
    );
}

#[test]
fn rejects_more_tensors_than_allowed() {
    Draft::header(u64::MAX, 0)
        .refused("the file announces 18446744073709551615 tensors, at most 65536 are allowed (tensor list, byte 24)");
}

#[test]
fn rejects_more_tensors_than_fit() {
    Draft::header(2, 0).raw(&[0; 63]).refused(
        "2 tensors of at least 32 bytes each can't fit into the 63 bytes that are left: download the file again (tensor \
         list, byte 24)",
    );
}

#[test]
fn rejects_oversized_key_length() {
    Draft::header(0, 1)
        .u64(65_536)
        .raw(&[b'k'; 65_600])
        .refused("a key has 65536 bytes, at most 65535 are allowed (metadata key 1 of 1, byte 32)");
}

#[test]
fn rejects_an_empty_key() {
    Draft::header(0, 1).text("").u32(U32).u32(1).refused("a key is empty (metadata key 1 of 1, byte 32)");
}

#[test]
fn rejects_a_key_that_is_not_utf8() {
    Draft::header(0, 1).text(b"k\xff").u32(U32).u32(1).refused("a key is not UTF-8 (metadata key 1 of 1, byte 34)");
}

#[test]
fn rejects_a_key_that_comes_twice() {
    let entry = |draft: Draft| draft.text("k").u32(U32).u32(1);
    entry(entry(Draft::header(0, 2))).refused("two metadata entries have this key (k, byte 58)");
}

#[test]
fn rejects_an_unknown_value_type() {
    Draft::header(0, 1).text("k").u32(13).raw(&[0; 8]).refused("unknown value type 13, expected 0 to 12 (k, byte 37)");
}

#[test]
fn rejects_oversized_string_length() {
    Draft::header(0, 1)
        .text("k")
        .u32(STRING)
        .u64(u64::MAX)
        .refused("a string needs 18446744073709551615 bytes, the file has 0 left: download it again (k, byte 45)");
}

#[test]
fn rejects_a_string_that_is_not_utf8() {
    Draft::header(0, 1).text("k").u32(STRING).text(b"\xc3\x28").refused("a string is not UTF-8 (k, byte 47)");
}

#[test]
fn rejects_a_flag_that_is_neither_0_nor_1() {
    Draft::header(0, 1)
        .text("k")
        .u32(BOOL)
        .raw(&[2])
        .refused("expected 0 or 1 for a bool, found another number (k, byte 38)");
    Draft::header(0, 1)
        .text("k")
        .u32(ARRAY)
        .u32(BOOL)
        .u64(2)
        .raw(&[1, 9])
        .refused("expected 0 or 1 for a bool, found another number (k, byte 51)");
}

#[test]
fn rejects_arrays_longer_than_the_file() {
    let array =
        |element: u32, count: u64| Draft::header(0, 1).text("k").u32(ARRAY).u32(element).u64(count).raw(&[0; 16]);
    array(U32, 5).refused(
        "5 array elements of at least 4 bytes each can't fit into the 16 bytes that are left: download the file again (k, \
         byte 49)",
    );
    array(U32, u64::MAX / 4 + 2).refused(
        "4611686018427387905 array elements of at least 4 bytes each can't fit into the 16 bytes that are left: download the \
         file again (k, byte 49)",
    );
    array(STRING, 3).refused(
        "3 strings of at least 8 bytes each can't fit into the 16 bytes that are left: download the file again (k, byte 49)",
    );
    array(ARRAY, 2).refused(
        "2 arrays of at least 12 bytes each can't fit into the 16 bytes that are left: download the file again (k, byte 49)",
    );
}

#[test]
fn rejects_an_array_of_an_unknown_type() {
    Draft::header(0, 1)
        .text("k")
        .u32(ARRAY)
        .u32(99)
        .u64(0)
        .refused("unknown value type 99, expected 0 to 12 (k, byte 41)");
}

#[test]
fn rejects_a_bad_string_inside_an_array() {
    let array = |draft: Draft| draft.text("k").u32(ARRAY).u32(STRING).u64(2).text("fine");
    array(Draft::header(0, 1)).text(b"\xff").refused("a string is not UTF-8 (k, byte 70)");
    array(Draft::header(0, 1))
        .u64(1 << 40)
        .refused("a string needs 1099511627776 bytes, the file has 0 left: download it again (k, byte 69)");
}

#[test]
fn rejects_deeply_nested_arrays() {
    let nested = |depth: usize| {
        let outer = (1..depth).fold(Draft::header(0, 1).text("k").u32(ARRAY), |draft, _| draft.u32(ARRAY).u64(1));
        outer.u32(U32).u64(1).u32(5)
    };
    assert!(parse(nested(4).0.into()).is_ok());
    nested(5).refused("arrays are nested more than 4 deep (k, byte 85)");
    nested(100_000).refused("arrays are nested more than 4 deep (k, byte 85)");
}

#[test]
fn rejects_alignments_that_are_no_power_of_two_in_range() {
    for bad in [0, 4, 12, 131_072] {
        Draft::header(0, 1)
            .text("general.alignment")
            .u32(U32)
            .u32(bad)
            .refused(&format!("expected a power of two from 8 to 65536, found {bad} (general.alignment)"));
    }
    Draft::header(0, 1)
        .text("general.alignment")
        .u32(STRING)
        .text("x")
        .refused("metadata: expected a non-negative integer, found a string (general.alignment)");
}

#[test]
fn rejects_oversized_tensor_name() {
    let name = "n".repeat(65);
    Draft::header(1, 0)
        .tensor(&name, &[8], F32, 0)
        .data(32)
        .refused("a tensor name has 65 bytes, at most 64 are allowed (tensor 1 of 1, byte 32)");
}

#[test]
fn rejects_a_tensor_name_that_is_not_utf8() {
    Draft::header(1, 0).text(b"\xff").raw(&[0; 64]).refused("a tensor name is not UTF-8 (tensor 1 of 1, byte 33)");
}

#[test]
fn rejects_tensor_names_that_come_twice() {
    let draft = Draft::header(2, 0).tensor("w", &[8], F32, 0).tensor("w", &[8], F32, 32);
    draft.data(64).refused("two tensors have this name (w, byte 128)");
}

#[test]
fn rejects_dimensions_out_of_range() {
    Draft::header(1, 0)
        .tensor("w", &[1; 5], F32, 0)
        .data(32)
        .refused("expected 1 to 4 dimensions, found 5 (w, byte 37)");
    Draft::header(1, 0).tensor("w", &[], F32, 0).data(32).refused("expected 1 to 4 dimensions, found 0 (w, byte 37)");
    Draft::header(1, 0)
        .tensor("w", &[8, 0], F32, 0)
        .data(32)
        .refused("expected no empty dimension, found shape [0, 8] (w)");
}

#[test]
fn rejects_sizes_that_overflow() {
    Draft::header(1, 0)
        .tensor("w", &[1 << 62, 8], F32, 0)
        .data(32)
        .refused("the size of shape [8, 4611686018427387904] overflows (w)");
    Draft::header(1, 0)
        .tensor("w", &[8, 1 << 40, 1 << 40], F32, 0)
        .data(32)
        .refused("the size of shape [1099511627776, 1099511627776, 8] overflows (w)");
}

#[test]
fn rejects_rows_that_are_not_whole_blocks() {
    Draft::header(1, 0)
        .tensor("w", &[33, 32], Q4_0, 0)
        .data(4096)
        .refused("rows of 33 elements are not whole blocks: Q4_0 has 32 elements a block (w)");
}

#[test]
fn rejects_tensor_types_by_name() {
    let message = |number: u32| Draft::header(1, 0).tensor("w", &[256], number, 0).data(4096).error().to_string();
    let hint = "choose a file with the types F32, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K, BF16";
    assert_eq!(message(10), format!("tensor w is stored as Q2_K ({hint})"));
    assert_eq!(message(23), format!("tensor w is stored as IQ4_XS ({hint})"));
    assert_eq!(message(39), format!("tensor w is stored as MXFP4 ({hint})"));
    assert_eq!(message(1000), "unknown tensor type 1000 (w, byte 49)");
}

#[test]
fn rejects_offsets_that_are_misaligned_past_the_end_or_overflow() {
    let at = |offset: u64| Draft::header(1, 0).tensor("w", &[8], F32, offset).data(64);
    assert!(parse(at(32).0.into()).is_ok());
    at(16).refused("offset 16 is not a multiple of the alignment, 32 (w, byte 57)");
    at(64).refused("tensor w needs 32 bytes at offset 128, the file has 0 left: download it again (w, byte 128)");
    at(u64::MAX - 31).refused("offset 18446744073709551584 overflows: download the file again (w, byte 57)");
}

#[test]
fn rejects_data_that_is_cut_off() {
    Draft::header(1, 0)
        .tensor("w", &[8], F32, 0)
        .data(31)
        .refused("tensor w needs 32 bytes at offset 64, the file has 31 left: download it again (w, byte 64)");
}

#[test]
fn rejects_overlapping_tensors() {
    let draft = Draft::header(2, 0).tensor("a", &[16], F32, 0).tensor("b", &[8], F32, 32);
    draft.data(64).refused("the data overlaps tensor a, which ends at byte 160 (b, byte 128)");
}

#[test]
fn names_in_messages_stay_one_line() {
    let message = Draft::header(0, 1).text("k\n\u{1b}[2J").u32(13).raw(&[0; 8]).error().to_string();
    assert_eq!(message, "unknown value type 13, expected 0 to 12 (k\\n\\u{1b}[2J, byte 42)");
}
