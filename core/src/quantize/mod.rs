//! A model file written anew in another block format: for `minnow quantize`.

mod encoder;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use serde::Serialize;

use crate::format::gguf::{TensorSpec, Writer};
use crate::format::{BlockFormat, Metadata, ModelFile, TensorInfo, replace};
use crate::tensor::convert_rows;
use crate::{Error, Location, Result};

/// What [`quantize`] wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Quantized {
    /// Size of the file.
    pub bytes: u64,
    /// Tensors of each format.
    pub type_counts: BTreeMap<String, usize>,
}

/// The embedding and the output matrix. They are read a row at a time or once a token, and cost the most where they are coarse, so
/// published files keep them finer than the rest.
const ENDS: [&str; 2] = ["token_embd.weight", "output.weight"];

/// Tables of encoders that are read a row at a time and are small beside the rest; llama.cpp leaves them alone, too.
const SMALL: [&str; 2] = ["position_embd.weight", "token_types.weight"];

/// Rows that are in memory at once.
const ROWS: usize = 1024;

/// Writes the GGUF file `input`, or an encoder's folder of safetensors, to the GGUF file `output` with its matrices in `format`; `progress` is told
/// the elements done and in all.
///
/// Vectors and an encoder's tables of positions and types stay as they are, and so do a quantised embedding and output matrix, unless `format` isn't
/// quantised. A tensor is quantised from what its file holds: from 4 bits to other 4 bits, errors add up.
///
/// # Errors
/// `Unsupported` for a format that can't be written, a decoder's folder of safetensors, or rows that are no whole blocks; `InvalidInput` where
/// `output` is `input`; `ModelFile` and `Io` as they come. `output` is left alone then.
pub fn quantize(
    input: impl AsRef<Path>,
    output: impl AsRef<Path>,
    format: BlockFormat,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Quantized> {
    let (input, output) = (input.as_ref(), output.as_ref());
    if let (Ok(from), Ok(to)) = (input.canonicalize(), output.canonicalize())
        && from == to
    {
        return Err(Error::invalid("out", "the file can't be written over itself"));
    }
    let file = ModelFile::open(input)?;
    let Source { mut metadata, tensors } = match file.metadata() {
        Some(metadata) => Source { metadata: metadata.clone(), tensors: file.tensors().to_vec() },
        None => encoder::source(&file)?,
    };
    let specs = tensors.iter().map(|info| spec(info, format).map_err(|error| error.in_file(input)));
    let specs: Vec<TensorSpec> = specs.collect::<Result<_>>()?;
    metadata.insert("general.file_type", file_type(format)?);
    metadata.insert("general.quantization_version", 2u32);

    replace(output, |partial| write(&file, &tensors, &specs, &metadata, partial, progress))?;
    let mut type_counts = BTreeMap::new();
    for spec in &specs {
        *type_counts.entry(spec.format.name().to_owned()).or_default() += 1;
    }
    let bytes = fs::metadata(output).map_err(|error| Error::io("read", output, error))?.len();
    Ok(Quantized { bytes, type_counts })
}

/// What is written: metadata, and the file's tensors under the names that they get.
struct Source {
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
}

/// How a tensor will be stored.
fn spec(info: &TensorInfo, format: BlockFormat) -> Result<TensorSpec> {
    let (name, quantised) = (info.name.as_str(), info.format.is_quantised() && format.is_quantised());
    let is_kept = SMALL.contains(&name) || ENDS.contains(&name) && quantised;
    let format = if info.shape.len() < 2 || is_kept { info.format } else { format };
    if format.row_bytes(info.cols()).is_none() {
        let what = format!("rows of {} elements are no whole number of {format} blocks", info.cols());
        return Err(Error::model_file(what, Location::part(&info.name)));
    }
    Ok(TensorSpec { name: info.name.clone(), format, shape: info.shape.clone() })
}

/// llama.cpp's number (`enum llama_ftype`) for a file that is mostly of this format.
fn file_type(format: BlockFormat) -> Result<u32> {
    match format {
        BlockFormat::F32 => Ok(0),
        BlockFormat::F16 => Ok(1),
        BlockFormat::Q4_0 => Ok(2),
        BlockFormat::Q4_1 => Ok(3),
        BlockFormat::Q8_0 => Ok(7),
        BlockFormat::Q5_0 => Ok(8),
        BlockFormat::Q5_1 => Ok(9),
        BlockFormat::BF16 => Ok(32),
        BlockFormat::Q4_K | BlockFormat::Q5_K | BlockFormat::Q6_K => {
            Err(Error::unsupported(format!("quantising to {format}"), "use Q8_0, Q5_1, Q5_0, Q4_1 or Q4_0"))
        }
    }
}

fn write(
    file: &ModelFile,
    tensors: &[TensorInfo],
    specs: &[TensorSpec],
    metadata: &Metadata,
    path: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<()> {
    let out = File::create(path).map_err(|error| Error::io("create", path, error))?;
    let mut writer = Writer::new(BufWriter::new(out), path, metadata, specs)?;
    let elements = |info: &TensorInfo| (info.rows() * info.cols()) as u64;
    let (mut done, all) = (0, tensors.iter().map(elements).sum());
    for (info, spec) in tensors.iter().zip(specs) {
        let data = file.data(info);
        if spec.format == info.format {
            writer.write_tensor(&info.name, [Ok(&data[..])])?;
        } else {
            let row_bytes = (data.len() / info.rows().max(1)).max(1);
            let pieces = data.chunks(ROWS * row_bytes).enumerate();
            let pieces = pieces.map(|(index, rows)| convert_rows(info, index * ROWS, rows, spec.format));
            writer.write_tensor(&info.name, pieces)?;
        }
        file.give_back(info);
        done += elements(info);
        progress(done, all);
    }
    writer.finish()?.into_inner().map_err(|error| Error::io("write", path, error.into_error()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::path::PathBuf;

    use crate::format::Value;
    use crate::tensor::dequantize_row;

    /// A file with an embedding, a matrix of 3 rows and a vector.
    fn model(folder: &Path, cols: usize) -> PathBuf {
        let path = folder.join("model.gguf");
        let spec =
            |name: &str, format, shape: &[usize]| TensorSpec { name: name.into(), format, shape: shape.to_vec() };
        let specs = [
            spec("token_embd.weight", BlockFormat::Q8_0, &[2, 64]),
            spec("blk.0.attn_q.weight", BlockFormat::F32, &[3, cols]),
            spec("output_norm.weight", BlockFormat::F32, &[64]),
        ];
        let metadata = Metadata::from_entries([("general.architecture", "llama".into()), ("a.key", Value::U32(7))]);
        let mut writer = Writer::new(File::create(&path).unwrap(), &path, &metadata, &specs).unwrap();
        writer.write_tensor("token_embd.weight", [Ok(vec![3; 136])]).unwrap();
        let matrix: Vec<u8> = (0..3 * cols).flat_map(|i| ((i % 15) as f32 - 7.0).to_le_bytes()).collect();
        writer.write_tensor("blk.0.attn_q.weight", [Ok(matrix)]).unwrap();
        writer.write_tensor("output_norm.weight", [Ok(vec![0; 256])]).unwrap();
        writer.finish().unwrap();
        path
    }

    #[test]
    fn matrices_change_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (model(folder.path(), 64), folder.path().join("out.gguf"));
        let mut last = (0, 0);
        let report = quantize(&from, &to, BlockFormat::Q8_0, &mut |done, all| last = (done, all)).unwrap();
        assert_eq!(report.type_counts, BTreeMap::from([("F32".to_owned(), 1), ("Q8_0".to_owned(), 2)]));
        assert_eq!(last, (384, 384));
        let (before, after) = (ModelFile::open(&from).unwrap(), ModelFile::open(&to).unwrap());
        let metadata = after.metadata().unwrap();
        assert_eq!(metadata.usize("a.key").unwrap(), Some(7));
        assert_eq!(metadata.usize("general.file_type").unwrap(), Some(7));
        for name in ["token_embd.weight", "output_norm.weight"] {
            let data = |file: &ModelFile| file.data(file.tensor(name).unwrap());
            assert_eq!(data(&before), data(&after), "{name}");
        }
        let mut row = [0.0; 64];
        let info = after.tensor("blk.0.attn_q.weight").unwrap();
        dequantize_row(BlockFormat::Q8_0, &after.data(info)[68..136], &mut row).unwrap();
        for (i, x) in row.iter().enumerate() {
            assert!((x - ((64 + i) % 15) as f32 + 7.0).abs() < 0.05, "{i}: {x}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn refuses_what_it_can_not_do_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (model(folder.path(), 40), folder.path().join("out.gguf"));
        let run = |to: &Path, format| quantize(&from, to, format, &mut |_, _| {}).unwrap_err().to_string();
        assert!(run(&to, BlockFormat::Q4_0).contains("rows of 40 elements are no whole number of Q4_0 blocks"));
        assert!(run(&to, BlockFormat::Q4_K).starts_with("rows of 40") || run(&to, BlockFormat::Q4_K).contains("Q4_K"));
        assert!(run(&from, BlockFormat::F16).contains("(out)"));
        assert!(run(&folder.path().join("no/such/folder.gguf"), BlockFormat::F16).starts_with("can't create"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
