//! Damaged and hostile safetensors files, one test for each limit, and the same properties as for GGUF.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{parse, parse_index};
use crate::Error;
use crate::format::BlockFormat;
use crate::format::tensor_info::MAX_TENSORS;

/// A file with this header and `data` bytes of data.
fn file(header: &str, data: usize) -> Bytes {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + data, 0);
    file.into()
}

#[track_caller]
fn refused(header: &str, data: usize, message: &str) {
    assert_eq!(parse(&file(header, data)).expect_err("the file has to be refused").to_string(), message);
}

const TWO: &str = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},
"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}  "#;

#[test]
fn accepts_the_file_that_the_others_are_variations_of() {
    let tensors = parse(&file(TWO, 16)).unwrap();
    let start = 8 + TWO.len() as u64;
    assert_eq!(
        tensors.iter().map(|t| (t.name.as_str(), t.offset)).collect::<Vec<_>>(),
        [("a", start), ("b", start + 4)]
    );
    assert_eq!((tensors[1].format, &tensors[1].shape[..], tensors[1].bytes), (BlockFormat::BF16, &[2, 3][..], 12));
}

#[test]
fn rejects_every_truncation() {
    let whole = file(TWO, 16);
    for len in 0..whole.len() {
        assert!(matches!(parse(&whole.slice(..len)), Err(Error::ModelFile { .. })), "{len} bytes");
    }
}

#[test]
fn rejects_headers_longer_than_allowed_or_than_the_file() {
    let message = |len: u64| parse(&Bytes::from(len.to_le_bytes().to_vec())).unwrap_err().to_string();
    assert_eq!(
        message(u64::MAX),
        "the header's length is 18446744073709551615, at most 16777216 are allowed: is it a safetensors file? (header, byte 0)"
    );
    assert_eq!(message(9), "the header needs 9 bytes, the file has 0 left: download it again (header, byte 0)");
    assert_eq!(
        parse(&Bytes::from_static(&[0; 7])).unwrap_err().to_string(),
        "the header's length needs 8 bytes, the file has 7 (header, byte 0)"
    );
}

#[test]
fn rejects_headers_that_are_not_the_json_expected() {
    let message = |header: &str| parse(&file(header, 0)).unwrap_err().to_string();
    assert!(message("").starts_with("unexpected JSON: EOF while parsing"));
    assert!(message("[]").starts_with("unexpected JSON: invalid type: sequence, expected an object of tensors"));
    assert!(message(r#"{"w":{"dtype":"F32","shape":[1]}}"#).contains("tensor w: missing field `data_offsets`"));
    assert!(message(r#"{"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#).contains("tensor w: invalid value"));
    assert!(message("{\"\u{0}").contains("control character"));
    let deep = "[".repeat(100_000);
    assert!(message(&format!(r#"{{"__metadata__":{deep}"#)).starts_with("unexpected JSON: EOF while parsing"));
    assert!(message(&format!(r#"{{"w":{{"more":{deep}"#)).starts_with("unexpected JSON: tensor w: EOF while parsing"));
}

#[test]
fn rejects_other_data_types_by_name() {
    refused(
        r#"{"w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#,
        8,
        "tensor w is stored as I64 (choose a checkpoint with the types F32, F16, BF16)",
    );
}

#[test]
fn rejects_shapes_that_are_too_deep_empty_or_overflow() {
    let header = |shape: &str| format!(r#"{{"w":{{"dtype":"F32","shape":{shape},"data_offsets":[0,4]}}}}"#);
    let message = |shape: &str| parse(&file(&header(shape), 4)).unwrap_err().to_string();
    assert!(message("[1,1,1,1,1]").contains("tensor w: expected at most 4 dimensions"));
    assert!(message("[0]").starts_with("expected no empty dimension, found shape [0]"));
    assert!(message("[4294967296,4294967296,4294967296]").contains("overflows"));
    assert!(message("[18446744073709551616]").contains("tensor w: invalid"));
}

#[test]
fn rejects_offsets_that_disagree_with_the_shape_or_the_file() {
    let header =
        |begin: u64, end: u64| format!(r#"{{"w":{{"dtype":"F32","shape":[2],"data_offsets":[{begin},{end}]}}}}"#);
    refused(&header(0, 4), 8, "shape [2] needs 8 bytes, data_offsets are 0 to 4 (w)");
    refused(&header(8, 0), 8, "shape [2] needs 8 bytes, data_offsets are 8 to 0 (w)");
    refused(
        &header(u64::MAX - 8, u64::MAX),
        8,
        "shape [2] needs 8 bytes, data_offsets are 18446744073709551607 to 18446744073709551615 (w)",
    );
    refused(
        &header(0, 8),
        7,
        "tensor w needs 8 bytes at offset 62, the file has 7 left: download it again (w, byte 62)",
    );
    refused(&header(1, 9), 9, "expected the data at byte 62, where the last tensor ended (w, byte 63)");
    refused(&header(0, 8), 9, "1 bytes after the last tensor belong to none: download the file again (byte 70)");
}

#[test]
fn rejects_twins_and_overlaps() {
    let pair = |first: &str, second: &str, begin: u64| {
        format!(
            r#"{{"{first}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},"{second}":{{"dtype":"F32","shape":[1],"data_offsets":[{begin},{}]}}}}"#,
            begin + 4
        )
    };
    let message = |header: &str| parse(&file(header, 8)).unwrap_err().to_string();
    assert!(message(&pair("w", "w", 4)).starts_with("two tensors have this name (w, "));
    assert!(message(&pair("a", "b", 2)).starts_with("the data overlaps tensor a, which ends at byte "));
}

#[test]
fn rejects_more_tensors_than_allowed() {
    let entry = |i: usize| format!(r#""{i}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#);
    let header = format!("{{{}}}", (0..=MAX_TENSORS).map(entry).collect::<Vec<_>>().join(","));
    assert!(parse(&file(&header, 4)).unwrap_err().to_string().contains("expected at most 65536 tensors"));
}

#[test]
fn an_index_assigns_tensors_to_plain_file_names() {
    let index = parse_index(br#"{"metadata":{"total_size":1},"weight_map":{"b":"2.safetensors","a":"1.safetensors"}}"#)
        .unwrap();
    assert_eq!(index.files, ["1.safetensors", "2.safetensors"]);
    assert_eq!(index.shard_of.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 0), ("b".to_owned(), 1)]);
    let message = |json: &str| parse_index(json.as_bytes()).unwrap_err().to_string();
    assert_eq!(message(r#"{"weight_map":{}}"#), "expected 1 to 256 files, found 0 (weight_map)");
    for bad in ["../x.safetensors", "/etc/x.safetensors", "C:x.safetensors", "a\\\\b.safetensors", "passwd"] {
        let found = message(&format!(r#"{{"weight_map":{{"a":"{bad}"}}}}"#));
        assert!(found.starts_with("expected file names ending in .safetensors, found "), "{found}");
    }
    let many: Vec<_> = (0..257).map(|i| format!(r#""{i}":"{i}.safetensors""#)).collect();
    assert_eq!(
        message(&format!(r#"{{"weight_map":{{{}}}}}"#, many.join(","))),
        "expected 1 to 256 files, found 257 (weight_map)"
    );
    assert!(message("{}").contains("missing field `weight_map`"));
}

proptest! {
    #[test]
    fn a_changed_file_does_no_harm(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in 0usize..4) {
        let mut bytes = file(TWO, 16).to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(bytes.len() - cut);
        let bytes = Bytes::from(bytes);
        if let Ok(tensors) = parse(&bytes) {
            for tensor in tensors {
                prop_assert!(tensor.end() <= bytes.len() as u64);
                prop_assert_eq!(tensor.rows() * tensor.format.row_bytes(tensor.cols()).unwrap(), tensor.bytes);
            }
        }
    }

    #[test]
    fn what_is_laid_out_is_read(dims in vec(vec(1usize..5, 0..5), 1..10)) {
        let (mut header, mut end) = (Vec::new(), 0);
        for (i, shape) in dims.iter().enumerate() {
            let bytes = 2 * shape.iter().product::<usize>();
            header.push(format!(r#""t{i}":{{"dtype":"F16","shape":{shape:?},"data_offsets":[{end},{}]}}"#, end + bytes));
            end += bytes;
        }
        let tensors = parse(&file(&format!("{{{}}}", header.join(",")), end)).unwrap();
        prop_assert_eq!(tensors.into_iter().map(|t| t.shape).collect::<Vec<_>>(), dims);
    }
}
