//! Writes GGUF, version 3.
//!
//! The header lists every tensor's place, so all shapes are given first; the data follows in the same order, in chunks of any
//! size. Nothing but one chunk is ever held. Files are written under the same limits as they are read, so what is written here
//! can be read here.

use std::io::Write;
use std::path::PathBuf;

use super::file::{MAGIC, VERSION, alignment};
use super::tensors::MAX_NAME_BYTES;
use super::values::{MAX_KEY_BYTES, MAX_KEYS};
use crate::format::shown::shown;
use crate::format::tensor_info::{MAX_TENSORS, byte_len, check_placement};
use crate::format::value::Value;
use crate::format::{BlockFormat, Metadata, TensorInfo};
use crate::{Error, Location, Result};

/// A tensor that is going to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// The name in the file, at most 64 bytes.
    pub name: String,
    /// How the elements are stored.
    pub format: BlockFormat,
    /// Elements along each dimension, outermost first.
    pub shape: Vec<usize>,
}

/// Writes one file. [`finish`](Self::finish) has to be called: without it, the file may lack its end.
pub struct Writer<W> {
    out: W,
    path: PathBuf,
    alignment: u64,
    tensors: Vec<TensorInfo>,
    next: usize,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Writes the header for these key-values and tensors. `path` is where `out` leads, for errors. Data is aligned as
    /// `general.alignment` among the key-values says.
    ///
    /// # Errors
    /// `ModelFile` where a name or shape can't be stored; `Io` where `out` refuses.
    pub fn new(out: W, path: impl Into<PathBuf>, metadata: &Metadata, tensors: &[TensorSpec]) -> Result<Self> {
        if metadata.len() as u64 > MAX_KEYS || tensors.len() > MAX_TENSORS {
            return Err(Error::model_file(
                format!("at most {MAX_KEYS} metadata keys and {MAX_TENSORS} tensors are allowed"),
                Location::default(),
            ));
        }
        let alignment = alignment(metadata)? as u64;
        let (mut header, offset_places, tensors) = header(metadata, tensors)?;
        let data_start = (header.len() as u64).next_multiple_of(alignment);
        let tensors = place(tensors, data_start, alignment)?;
        for (place, tensor) in offset_places.into_iter().zip(&tensors) {
            header[place..place + 8].copy_from_slice(&(tensor.offset - data_start).to_le_bytes());
        }
        let mut writer = Self { out, path: path.into(), alignment, tensors, next: 0, written: 0 };
        writer.write(&header)?;
        Ok(writer)
    }

    /// Where each tensor is going to lie.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// Writes the data of the next tensor, which has to be `name`, from chunks that together make it up.
    ///
    /// # Errors
    /// `Internal` where it is not this tensor's turn or the chunks have more or fewer bytes than it; `Io` where `out` refuses;
    /// what `chunks` gives.
    pub fn write_tensor<C: AsRef<[u8]>>(
        &mut self,
        name: &str,
        chunks: impl IntoIterator<Item = Result<C>>,
    ) -> Result<()> {
        let tensor = match self.tensors.get(self.next) {
            Some(tensor) if tensor.name == name => tensor.clone(),
            _ => return Err(internal(format!("tensor {} is written out of turn", shown(name)))),
        };
        self.pad_to(tensor.offset)?;
        for chunk in chunks {
            let chunk = chunk?;
            if chunk.as_ref().len() as u64 > tensor.end() - self.written {
                return Err(internal(format!("tensor {} got more than its {} bytes", shown(name), tensor.bytes)));
            }
            self.write(chunk.as_ref())?;
        }
        if self.written != tensor.end() {
            let got = self.written - tensor.offset;
            return Err(internal(format!("tensor {} got {got} of its {} bytes", shown(name), tensor.bytes)));
        }
        self.next += 1;
        Ok(())
    }

    /// Ends the file as the reference reader wants it, on a multiple of the alignment, and gives `out` back.
    ///
    /// # Errors
    /// `Internal` where tensors are missing; `Io` where `out` refuses.
    pub fn finish(mut self) -> Result<W> {
        if let Some(tensor) = self.tensors.get(self.next) {
            return Err(internal(format!("tensor {} was not written", shown(&tensor.name))));
        }
        self.pad_to(self.written.next_multiple_of(self.alignment))?;
        self.out.flush().map_err(|e| Error::io("write", &self.path, e))?;
        Ok(self.out)
    }

    fn pad_to(&mut self, offset: u64) -> Result<()> {
        const ZEROS: [u8; 4096] = [0; 4096];
        while self.written < offset {
            let step = (offset - self.written).min(ZEROS.len() as u64) as usize;
            self.write(&ZEROS[..step])?;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| Error::io("write", &self.path, e))?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

/// The header's bytes with offsets of 0, the places of these offsets, and the tensors in order, not placed yet.
fn header(metadata: &Metadata, specs: &[TensorSpec]) -> Result<(Vec<u8>, Vec<usize>, Vec<TensorInfo>)> {
    let mut header = MAGIC.to_vec();
    header.extend(VERSION.to_le_bytes());
    header.extend((specs.len() as u64).to_le_bytes());
    header.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata.iter() {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(Error::model_file(
                format!("expected a key of 1 to {MAX_KEY_BYTES} bytes, found {}", key.len()),
                Location::part(shown(key)),
            ));
        }
        put_text(&mut header, key);
        header.extend(value.value_type().gguf_number().to_le_bytes());
        put_value(&mut header, value);
    }
    let (mut offset_places, mut tensors) = (Vec::with_capacity(specs.len()), Vec::with_capacity(specs.len()));
    for TensorSpec { name, format, shape } in specs {
        if name.len() > MAX_NAME_BYTES || shape.is_empty() {
            return Err(Error::model_file(
                format!(
                    "expected a name of at most {MAX_NAME_BYTES} bytes and at least one dimension, found {} and {}",
                    name.len(),
                    shape.len()
                ),
                Location::part(shown(name)),
            ));
        }
        let bytes = byte_len(name, *format, shape)?;
        put_text(&mut header, name);
        header.extend((shape.len() as u32).to_le_bytes());
        for &dim in shape.iter().rev() {
            header.extend((dim as u64).to_le_bytes());
        }
        header.extend(format.gguf_number().to_le_bytes());
        offset_places.push(header.len());
        header.extend(0u64.to_le_bytes());
        let (name, shape) = (name.clone(), shape.clone());
        tensors.push(TensorInfo { name, format: *format, shape, offset: 0, bytes, shard: 0 });
    }
    Ok((header, offset_places, tensors))
}

/// Lays the tensors one after the other from `data_start`, each on a multiple of the alignment.
fn place(mut tensors: Vec<TensorInfo>, data_start: u64, alignment: u64) -> Result<Vec<TensorInfo>> {
    let mut offset = data_start;
    for tensor in &mut tensors {
        tensor.offset = offset;
        offset = tensor.end().checked_next_multiple_of(alignment).unwrap_or(u64::MAX);
    }
    check_placement(&tensors, usize::MAX)?;
    Ok(tensors)
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(v) => out.extend(v.to_le_bytes()),
        Value::I8(v) => out.extend(v.to_le_bytes()),
        Value::U16(v) => out.extend(v.to_le_bytes()),
        Value::I16(v) => out.extend(v.to_le_bytes()),
        Value::U32(v) => out.extend(v.to_le_bytes()),
        Value::I32(v) => out.extend(v.to_le_bytes()),
        Value::F32(v) => out.extend(v.to_le_bytes()),
        Value::Bool(v) => out.push(u8::from(*v)),
        Value::String(text) => put_text(out, text.as_str()),
        Value::Array(array) => {
            out.extend(array.element().gguf_number().to_le_bytes());
            out.extend((array.len() as u64).to_le_bytes());
            out.extend_from_slice(array.data());
        }
        Value::U64(v) => out.extend(v.to_le_bytes()),
        Value::I64(v) => out.extend(v.to_le_bytes()),
        Value::F64(v) => out.extend(v.to_le_bytes()),
    }
}

fn internal(what: String) -> Error {
    Error::Internal { what }
}
