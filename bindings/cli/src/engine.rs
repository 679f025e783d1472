//! Opening a model for a command, as the global options say.

use crate::args::{DeviceArg, GlobalArgs};
use crate::errors::Result;
use crate::model_source;
use minnow::format::{BlockFormat, ModelFile};
use minnow::{DevicePreference, Encoder, EncoderOptions, Engine, EngineOptions, SpecialTokens};

/// Opens the model behind `--model`.
///
/// # Errors
/// What finding, fetching or opening it fails with.
pub fn open(model: &str, global: &GlobalArgs) -> Result<Engine> {
    let path = model_source::resolve(model, global)?;
    let mut options = EngineOptions::default().device(device(global));
    if let Some(threads) = global.threads {
        options = options.threads(threads.get());
    }
    // without a home folder nothing is kept
    if let Ok(folder) = minnow_models::desktop::cache_folder() {
        options = options.cache_folder(folder.join("prompts"));
    }
    Ok(Engine::open(path, options)?)
}

/// Opens the encoder behind `--model` as it is stored, or makes one of a chat model's states.
///
/// # Errors
/// What finding, fetching or opening it fails with.
pub fn open_encoder(model: &str, global: &GlobalArgs) -> Result<Encoder> {
    encoder(model, EncoderOptions::default(), global)
}

/// As [`open_encoder`], in 8 bits where it is stored in more: for classifying, where that is as often right in a fraction of the time.
///
/// # Errors
/// What finding, fetching or opening it fails with.
pub fn open_encoder_in_8_bits(model: &str, global: &GlobalArgs) -> Result<Encoder> {
    encoder(model, EncoderOptions::default().dense_as(BlockFormat::Q8_0), global)
}

fn encoder(model: &str, options: EncoderOptions, global: &GlobalArgs) -> Result<Encoder> {
    let path = model_source::resolve(model, global)?;
    if Engine::implements(ModelFile::open(&path)?.architecture()?) {
        return Ok(Encoder::from_engine(&open(model, global)?)?);
    }
    let mut options = options.device(device(global));
    if let Some(threads) = global.threads {
        options = options.threads(threads.get());
    }
    Ok(Encoder::open(path, options)?)
}

fn device(global: &GlobalArgs) -> DevicePreference {
    match global.device {
        DeviceArg::Auto => DevicePreference::Auto,
        DeviceArg::Gpu => DevicePreference::Gpu,
        DeviceArg::Cpu => DevicePreference::Cpu,
    }
}

/// The ids of a prompt that a developer wrote: special tokens written out in it are those tokens, and the model's begin
/// token stands in front where the model wants one.
///
/// # Errors
/// `Unsupported` for a model without a tokenizer.
pub fn prompt_ids(engine: &Engine, text: &str) -> Result<Vec<u32>> {
    let tokenizer = engine.tokenizer()?;
    let mut ids: Vec<u32> = tokenizer.bos().filter(|_| tokenizer.add_bos()).into_iter().collect();
    ids.extend(tokenizer.encode(text, SpecialTokens::Recognise)?);
    Ok(ids)
}
