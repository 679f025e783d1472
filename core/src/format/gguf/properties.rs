//! Properties of reading and writing GGUF: a round trip gives the same, and no change to a real file's header can do harm.

use std::path::PathBuf;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Gguf, TensorSpec, Writer, parse};
use crate::format::{Array, BlockFormat, Metadata, Value};

const SMOLLM2: &[u8] = include_bytes!("../../../../tests/data/format/smollm2.q4_0.gguf");

/// Where the data of the tiny model starts: what lies before is worth changing.
fn header_bytes() -> usize {
    let gguf = parse(Bytes::from_static(SMOLLM2)).unwrap();
    gguf.tensors.iter().map(|tensor| tensor.offset as usize).min().unwrap()
}

/// What every user of a parsed file relies on.
fn assert_sound(gguf: &Gguf, file_bytes: usize) {
    for tensor in &gguf.tensors {
        assert!(tensor.end() <= file_bytes as u64);
        assert_eq!(tensor.format.row_bytes(tensor.cols()).unwrap() * tensor.rows(), tensor.bytes);
        assert_eq!(tensor.offset % gguf.alignment as u64, 0);
    }
    for (key, value) in gguf.metadata.iter() {
        if let Value::Array(array) = value {
            let read = array.strings().map(Iterator::count).or_else(|| array.scalars().map(Iterator::count));
            assert_eq!(read.unwrap_or(array.len()), array.len(), "{key}");
        }
        // Getters of the wrong type have to err, not panic.
        let _ = (gguf.metadata.usize(key), gguf.metadata.f32(key), gguf.metadata.str(key), gguf.metadata.bool(key));
        let _ = (gguf.metadata.i32s(key), gguf.metadata.f32s(key), gguf.metadata.strings(key));
    }
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u8>().prop_map(Value::U8),
        any::<i8>().prop_map(Value::I8),
        any::<u16>().prop_map(Value::U16),
        any::<i16>().prop_map(Value::I16),
        any::<u32>().prop_map(Value::U32),
        any::<i32>().prop_map(Value::I32),
        any::<f32>().prop_filter("equal to itself", |v| !v.is_nan()).prop_map(Value::F32),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::U64),
        any::<i64>().prop_map(Value::I64),
        any::<f64>().prop_filter("equal to itself", |v| !v.is_nan()).prop_map(Value::F64),
        ".{0,20}".prop_map(|text: String| Value::from(text.as_str())),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => scalar(),
        1 => vec(".{0,8}", 0..20).prop_map(|items: Vec<String>| Array::of_strings(&items).into()),
        1 => vec(any::<i32>(), 0..20).prop_map(|items| Array::of_i32s(&items).into()),
        1 => vec(any::<f32>(), 0..20).prop_map(|items| Array::of_f32s(&items).into()),
        1 => vec(any::<bool>(), 0..20).prop_map(|items| Array::of_bools(&items).into()),
    ]
}

fn metadata() -> impl Strategy<Value = Metadata> {
    (vec(("[a-z._]{1,20}", value()), 0..12), proptest::option::of(3u32..8)).prop_map(|(entries, alignment)| {
        let mut metadata = Metadata::default();
        for (key, value) in &entries {
            metadata.insert(key.as_str(), value.clone());
        }
        if let Some(power) = alignment {
            metadata.insert("general.alignment", 1u32 << power);
        }
        metadata
    })
}

fn specs() -> impl Strategy<Value = Vec<TensorSpec>> {
    let format = proptest::sample::select(BlockFormat::all().collect::<Vec<_>>());
    let spec = (format, vec(1usize..4, 0..3), 1usize..3).prop_map(|(format, mut shape, blocks)| {
        shape.push(blocks * format.block_len());
        (format, shape)
    });
    vec(spec, 0..8).prop_map(|specs| {
        let named = specs.into_iter().enumerate();
        named.map(|(i, (format, shape))| TensorSpec { name: format!("blk.{i}.weight"), format, shape }).collect()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(metadata in metadata(), specs in specs(), cut in 1usize..40) {
        let mut writer = Writer::new(Vec::new(), PathBuf::from("sample.gguf"), &metadata, &specs).unwrap();
        let planned = writer.tensors().to_vec();
        for (fill, tensor) in planned.iter().enumerate() {
            let data = std::vec![fill as u8 + 1; tensor.bytes];
            writer.write_tensor(&tensor.name, data.chunks(cut).map(Ok)).unwrap();
        }
        let file = Bytes::from(writer.finish().unwrap());
        let gguf = parse(file.clone()).unwrap();
        prop_assert_eq!(&gguf.metadata, &metadata);
        prop_assert_eq!(&gguf.tensors, &planned);
        assert_sound(&gguf, file.len());
        for (fill, tensor) in gguf.tensors.iter().enumerate() {
            let data = &file[tensor.offset as usize..tensor.end() as usize];
            prop_assert!(data.iter().all(|&byte| byte == fill as u8 + 1));
        }
    }

    #[test]
    fn a_changed_header_does_no_harm(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut file = SMOLLM2.to_vec();
        let header = header_bytes();
        for (place, byte) in changes {
            file[place.index(header)] = byte;
        }
        let bytes = file.len();
        if let Ok(gguf) = parse(file.into()) {
            assert_sound(&gguf, bytes);
        }
    }

    #[test]
    fn a_huge_number_anywhere_does_no_harm(place in any::<prop::sample::Index>(), number in any::<u64>()) {
        let mut file = SMOLLM2.to_vec();
        let place = place.index(header_bytes() - 8);
        file[place..place + 8].copy_from_slice(&number.to_le_bytes());
        let bytes = file.len();
        if let Ok(gguf) = parse(file.into()) {
            assert_sound(&gguf, bytes);
        }
    }

    #[test]
    fn a_cut_file_is_refused(len in 0usize..SMOLLM2.len() - 32) {
        prop_assert!(parse(Bytes::from_static(&SMOLLM2[..len])).is_err());
    }

    #[test]
    fn noise_is_refused(noise in vec(any::<u8>(), 0..200)) {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(noise);
        let bytes = file.len();
        if let Ok(gguf) = parse(file.into()) {
            assert_sound(&gguf, bytes);
        }
    }
}

#[test]
fn a_tensor_takes_exactly_its_bytes_in_its_turn() {
    let spec = |name: &str| TensorSpec { name: name.into(), format: BlockFormat::F32, shape: vec![2] };
    let writer = || Writer::new(Vec::new(), "x.gguf", &Metadata::default(), &[spec("a"), spec("b")]).unwrap();
    let message = |data: &[u8]| writer().write_tensor("a", [Ok(data)]).unwrap_err().to_string();
    assert!(message(&[0; 7]).contains("tensor a got 7 of its 8 bytes"));
    assert!(message(&[0; 9]).contains("tensor a got more than its 8 bytes"));
    assert!(
        writer().write_tensor("b", [Ok([0; 8])]).unwrap_err().to_string().contains("tensor b is written out of turn")
    );
    assert!(writer().finish().unwrap_err().to_string().contains("tensor a was not written"));
}

#[test]
fn a_file_that_could_not_be_read_is_not_written() {
    let spec =
        |name: &str, shape: &[usize]| TensorSpec { name: name.into(), format: BlockFormat::Q8_0, shape: shape.into() };
    let write = |metadata: &Metadata, specs: &[TensorSpec]| Writer::new(Vec::new(), "x.gguf", metadata, specs).err();
    let none = Metadata::default();
    let long = "n".repeat(65);
    for bad in [spec(&long, &[32]), spec("w", &[]), spec("w", &[33]), spec("w", &[1, 1, 1, 1, 32]), spec("w", &[0, 32])]
    {
        assert!(write(&none, std::slice::from_ref(&bad)).is_some(), "{bad:?}");
    }
    assert!(write(&none, &[spec("w", &[32]), spec("w", &[32])]).is_some());
    assert!(write(&Metadata::from_entries([("", Value::U8(1))]), &[]).is_some());
    assert!(write(&Metadata::from_entries([("general.alignment", Value::U32(12))]), &[]).is_some());
}
