//! A head as a file.
//!
//! GGUF, as models have it: its parser is checked against hostile files already, and 8-bit blocks keep a head at a few hundred kilobytes. What
//! it says about itself is under `head.`; the tensors are named below.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use super::calibration::Calibration;
use super::head::{Head, Memory, Scaling};
use super::lexical::PLACES;
use super::logistic::{Weights, turned};
use crate::format::gguf::{TensorSpec, Writer};
use crate::format::{Array, BlockFormat, Metadata, ModelFile, replace};
use crate::tensor::{dequantize_row, quantize_row};
use crate::{Error, Location, Result};

/// The name of the format where models have their family's.
const ARCHITECTURE: &str = "minnow-head";
/// Raised whenever an older program would misread a head.
const VERSION: u32 = 2;
const VERSION_KEY: &str = "head.version";

/// Labels of a head at most: more are damage, or a search and no classification.
pub(super) const MAX_LABELS: usize = 10_000;
/// Elements of an embedding at most.
const MAX_WIDTH: usize = 1 << 16;

/// Writes a head; a file that was there is replaced in one step.
///
/// # Errors
/// `Io` where the system refuses; what was there is left alone then.
pub(super) fn save(head: &Head, path: &Path) -> Result<()> {
    replace(path, |partial| write(head, partial))
}

fn write(head: &Head, path: &Path) -> Result<()> {
    let (labels, dense) = (head.labels.len(), head.scaling.mean.len());
    let Calibration { temperature, accuracy, expected_calibration_error, .. } = head.calibration;
    let examples: Vec<f32> = head.memory.iter().map(|memory| memory.examples).collect();
    let mut metadata = Metadata::from_entries([("general.architecture", ARCHITECTURE.into())]);
    metadata.insert(VERSION_KEY, VERSION);
    metadata.insert("head.labels", Array::of_strings(&head.labels));
    metadata.insert("head.dense", dense as u32);
    metadata.insert("head.lexical", head.scaling.lexical);
    metadata.insert("head.examples", Array::of_f32s(&examples));
    metadata.insert("head.temperature", temperature);
    metadata.insert("head.accuracy", accuracy);
    metadata.insert("head.expected_calibration_error", expected_calibration_error);
    metadata.insert("head.confidences", Array::of_f32s(&head.calibration.confidences));
    metadata.insert("head.accuracies", Array::of_f32s(&head.calibration.accuracies));
    metadata.insert("head.nearness", head.calibration.nearness);
    metadata.insert("head.familiarities", Array::of_f32s(&head.calibration.familiarities));
    metadata.insert("head.probe", Array::of_f32s(&head.probe));

    let lexical = head.memory.iter().flat_map(|memory| memory.lexical.iter().copied()).collect();
    let tensors = [
        ("scaling", BlockFormat::F32, [2, dense], [&head.scaling.mean[..], &head.scaling.factor[..]].concat()),
        ("rarity", BlockFormat::F32, [1, PLACES], head.scaling.rarity.clone()),
        ("weight.dense", blocks(dense), [labels, dense], head.weights.of_dense().to_vec()),
        ("weight.lexical", blocks(PLACES), [labels, PLACES], turned(head.weights.of_places(), labels)),
        ("bias", BlockFormat::F32, [1, labels], head.weights.bias().to_vec()),
        ("memory.dense", blocks(dense), [labels, dense], head.memory.iter().flat_map(|m| m.dense.clone()).collect()),
        ("memory.lexical", blocks(PLACES), [labels, PLACES], lexical),
    ];
    let spec = |(name, format, shape, _): &(&str, BlockFormat, [usize; 2], Vec<f32>)| TensorSpec {
        name: (*name).to_owned(),
        format: *format,
        shape: shape.to_vec(),
    };
    let specs: Vec<TensorSpec> = tensors.iter().map(spec).collect();
    let out = File::create(path).map_err(|error| Error::io("create", path, error))?;
    let mut writer = Writer::new(BufWriter::new(out), path, &metadata, &specs)?;
    for (name, format, [_, cols], values) in &tensors {
        let row_bytes = format.row_bytes(*cols).ok_or_else(|| Error::Internal { what: format!("rows of {cols}") })?;
        let rows = values.chunks_exact(*cols).map(|row| {
            let mut out = vec![0; row_bytes];
            quantize_row(*format, row, &mut out).map(|()| out)
        });
        writer.write_tensor(name, rows)?;
    }
    writer.finish()?.into_inner().map_err(|error| Error::io("write", path, error.into_error()))?;
    Ok(())
}

/// 8 bits where rows are whole blocks.
fn blocks(cols: usize) -> BlockFormat {
    if BlockFormat::Q8_0.row_bytes(cols).is_some() { BlockFormat::Q8_0 } else { BlockFormat::F16 }
}

/// Reads a head.
///
/// # Errors
/// `ModelFile` for a file that is no head or damaged, `Unsupported` for one of a later version, `Io`.
pub(super) fn load(path: &Path) -> Result<Head> {
    read(&ModelFile::open(path)?).map_err(|error| error.in_file(path))
}

fn read(file: &ModelFile) -> Result<Head> {
    let fault = |what: String, key: &str| Error::model_file(what, Location::part(key));
    let metadata = file.metadata().filter(|_| file.architecture().is_ok_and(|name| name == ARCHITECTURE));
    let metadata = metadata.ok_or_else(|| fault("this is no head of a classifier".into(), "general.architecture"))?;
    let version = metadata.require_usize(VERSION_KEY)?;
    if version != VERSION as usize {
        let what = format!("a head of version {version}, this program reads {VERSION}");
        return Err(Error::unsupported(what, "train it again, or use the version of Minnow that wrote it"));
    }
    let missing = |key: &str| fault(format!("{key} is missing"), key);
    let floats = |key: &str| -> Result<Vec<f32>> {
        let values = metadata.f32s(key)?.ok_or_else(|| missing(key))?;
        if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(fault("not a number".into(), key)) }
    };
    let finite = |key: &str| -> Result<f32> {
        let value = metadata.require_f32(key)?;
        if value.is_finite() { Ok(value) } else { Err(fault("not a number".into(), key)) }
    };
    let labels: Vec<String> = metadata
        .strings("head.labels")?
        .ok_or_else(|| missing("head.labels"))?
        .iter()
        .map(|s| (*s).to_owned())
        .collect();
    let dense = metadata.require_usize("head.dense")?;
    if !(2..=MAX_LABELS).contains(&labels.len()) || !(1..=MAX_WIDTH).contains(&dense) {
        return Err(fault(format!("{} labels over embeddings of {dense}", labels.len()), "head.labels"));
    }
    let tensor = |name: &str, shape: [usize; 2]| -> Result<Vec<f32>> {
        let info = file.require(name, &shape)?;
        let mut values = vec![0.0; shape[0] * shape[1]];
        dequantize_row(info.format, &file.data(info), &mut values)?;
        if values.iter().all(|value| value.is_finite()) { Ok(values) } else { Err(fault("not a number".into(), name)) }
    };
    let scaling = tensor("scaling", [2, dense])?;
    let (mean, factor) = scaling.split_at(dense);
    let of_places = turned(&tensor("weight.lexical", [labels.len(), PLACES])?, PLACES);
    let values =
        [tensor("weight.dense", [labels.len(), dense])?, of_places, tensor("bias", [1, labels.len()])?].concat();
    let weights = Weights { dense, labels: labels.len(), values };
    let calibration = Calibration {
        temperature: finite("head.temperature")?,
        accuracy: finite("head.accuracy")?,
        expected_calibration_error: finite("head.expected_calibration_error")?,
        confidences: floats("head.confidences")?,
        accuracies: floats("head.accuracies")?,
        nearness: finite("head.nearness")?,
        familiarities: floats("head.familiarities")?,
    };
    if calibration.temperature <= 0.0 {
        return Err(fault(format!("a temperature of {}", calibration.temperature), "head.temperature"));
    }
    let examples = floats("head.examples")?;
    if examples.len() != labels.len() {
        return Err(fault(format!("{} counts for {} labels", examples.len(), labels.len()), "head.examples"));
    }
    let (of_dense, of_words) =
        (tensor("memory.dense", [labels.len(), dense])?, tensor("memory.lexical", [labels.len(), PLACES])?);
    let means = of_dense.chunks_exact(dense).zip(of_words.chunks_exact(PLACES)).zip(examples);
    let memory =
        means.map(|((dense, lexical), examples)| Memory { examples, dense: dense.to_vec(), lexical: lexical.to_vec() });
    let scaling = Scaling {
        mean: mean.to_vec(),
        factor: factor.to_vec(),
        rarity: tensor("rarity", [1, PLACES])?,
        lexical: finite("head.lexical")?,
    };
    Ok(Head::new(labels, scaling, weights, calibration, memory.collect(), floats("head.probe")?))
}
