//! The key-values of a GGUF file, with getters that say what is wrong.
//!
//! Keys are listed in the GGUF specification (`ggml/docs/gguf.md`, "Standardized key-value pairs"). Integer and float widths
//! vary between the programs that write these files, so the getters take any width that fits. A getter gives `Ok(None)` for an
//! absent key and an error for a key of the wrong type; `require_*` errs for an absent key too. What a key means is not known
//! here: that is the model's and the tokenizer's business.

use std::collections::HashMap;

use super::value::{Array, Text, Value};
use crate::{Error, Location, Result};

/// Key-values in the order of the file. Cheap to keep: keys, strings and arrays are slices of the mapped file, which stays
/// mapped as long as any of them lives.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    entries: Vec<(Text, Value)>,
    index: HashMap<Text, usize>,
}

impl PartialEq for Metadata {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries // the index follows from the entries
    }
}

impl Metadata {
    /// Key-values made in memory: for tests, and for a file that is about to be written. A later key replaces an earlier one.
    pub fn from_entries<K: Into<Text>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        let mut metadata = Self::default();
        for (key, value) in entries {
            metadata.insert(key, value);
        }
        metadata
    }

    /// Sets `key`: in its old place where it was there, else at the end. Gives whether it was new.
    pub fn insert(&mut self, key: impl Into<Text>, value: impl Into<Value>) -> bool {
        let (key, value) = (key.into(), value.into());
        match self.index.get(key.as_str()) {
            Some(&place) => {
                self.entries[place].1 = value;
                false
            }
            None => {
                self.index.insert(key.clone(), self.entries.len());
                self.entries.push((key, value));
                true
            }
        }
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and values in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.index.get(key).map(|&place| &self.entries[place].1)
    }

    /// A count or size of any integer type.
    ///
    /// # Errors
    /// `ModelFile` at `key` where the value is not an integer, is negative, or does not fit.
    pub fn usize(&self, key: &str) -> Result<Option<usize>> {
        self.typed(key, "a non-negative integer", |value| usize::try_from(value.as_integer()?).ok())
    }

    /// A finite number of either float type.
    ///
    /// # Errors
    /// `ModelFile` at `key` where the value is not a float, or is not finite as f32.
    pub fn f32(&self, key: &str) -> Result<Option<f32>> {
        self.typed(key, "a finite float", |value| Some(value.as_float()? as f32).filter(|v| v.is_finite()))
    }

    /// A flag.
    ///
    /// # Errors
    /// `ModelFile` at `key` where the value is not a bool.
    pub fn bool(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "a bool", |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A string, borrowed from the file.
    ///
    /// # Errors
    /// `ModelFile` at `key` where the value is not a string.
    pub fn str(&self, key: &str) -> Result<Option<&str>> {
        self.typed(key, "a string", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// As [`usize`](Self::usize), for a key that has to be there.
    ///
    /// # Errors
    /// Also `ModelFile` at `key` where it is missing.
    pub fn require_usize(&self, key: &str) -> Result<usize> {
        self.usize(key)?.ok_or_else(|| missing(key, "a non-negative integer"))
    }

    /// As [`f32`](Self::f32), for a key that has to be there.
    ///
    /// # Errors
    /// Also `ModelFile` at `key` where it is missing.
    pub fn require_f32(&self, key: &str) -> Result<f32> {
        self.f32(key)?.ok_or_else(|| missing(key, "a finite float"))
    }

    /// As [`str`](Self::str), for a key that has to be there.
    ///
    /// # Errors
    /// Also `ModelFile` at `key` where it is missing.
    pub fn require_str(&self, key: &str) -> Result<&str> {
        self.str(key)?.ok_or_else(|| missing(key, "a string"))
    }

    /// An array of strings, each borrowed from the file.
    ///
    /// # Errors
    /// `ModelFile` at `key` where the value is not an array of strings.
    pub fn strings(&self, key: &str) -> Result<Option<Vec<&str>>> {
        self.typed(key, "an array of strings", |value| Some(array(value)?.strings()?.collect()))
    }

    /// An array of any integer type whose values fit into i32.
    ///
    /// # Errors
    /// `ModelFile` at `key` where the value is not an array of integers, or one does not fit.
    pub fn i32s(&self, key: &str) -> Result<Option<Vec<i32>>> {
        self.items(key, "an array of integers that fit into i32", |item| i32::try_from(item.as_integer()?).ok())
    }

    /// An array of either float type.
    ///
    /// # Errors
    /// `ModelFile` at `key` where the value is not an array of floats.
    pub fn f32s(&self, key: &str) -> Result<Option<Vec<f32>>> {
        self.items(key, "an array of floats", |item| item.as_float().map(|v| v as f32))
    }

    /// An array of flags.
    ///
    /// # Errors
    /// `ModelFile` at `key` where the value is not an array of bools.
    pub fn bools(&self, key: &str) -> Result<Option<Vec<bool>>> {
        self.items(key, "an array of bools", |item| match item {
            Value::Bool(flag) => Some(flag),
            _ => None,
        })
    }

    fn items<T>(&self, key: &str, expected: &str, read: impl Fn(Value) -> Option<T>) -> Result<Option<Vec<T>>> {
        self.typed(key, expected, |value| array(value)?.scalars()?.map(&read).collect())
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match read(value) {
            Some(found) => Ok(Some(found)),
            None => Err(Error::model_file(
                format!("metadata: expected {expected}, found {}", found(value)),
                Location::part(key),
            )),
        }
    }
}

/// Numbers are told as such, so that "expected a non-negative integer" comes with the reason.
fn found(value: &Value) -> String {
    match (value.as_integer(), value.as_float()) {
        (Some(number), _) => format!("{} ({number})", value.kind()),
        (_, Some(number)) => format!("{} ({number})", value.kind()),
        _ => value.kind(),
    }
}

fn array(value: &Value) -> Option<&Array> {
    match value {
        Value::Array(array) => Some(array),
        _ => None,
    }
}

fn missing(key: &str, expected: &str) -> Error {
    Error::model_file(format!("metadata: a required key is missing, expected {expected}"), Location::part(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Metadata {
        Metadata::from_entries([
            ("count", Value::U64(7)),
            ("negative", Value::I32(-1)),
            ("eps", Value::F64(1e-5)),
            ("huge", Value::F64(1e300)),
            ("flag", Value::Bool(true)),
            ("name", Value::from("llama")),
            ("tokens", Array::of_strings(&["a", "b"]).into()),
            ("types", Array::of_i32s(&[3, -4]).into()),
            ("scores", Array::of_f32s(&[-1.5]).into()),
            ("flags", Array::of_bools(&[true, false]).into()),
        ])
    }

    #[test]
    fn getters_take_any_width_that_fits() {
        let m = sample();
        assert_eq!(m.usize("count").unwrap(), Some(7));
        assert_eq!(m.f32("eps").unwrap(), Some(1e-5));
        assert_eq!(m.bool("flag").unwrap(), Some(true));
        assert_eq!(m.str("name").unwrap(), Some("llama"));
        assert_eq!(m.strings("tokens").unwrap(), Some(vec!["a", "b"]));
        assert_eq!(m.i32s("types").unwrap(), Some(vec![3, -4]));
        assert_eq!(m.f32s("scores").unwrap(), Some(vec![-1.5]));
        assert_eq!(m.bools("flags").unwrap(), Some(vec![true, false]));
        assert_eq!(m.usize("absent").unwrap(), None);
        assert_eq!(m.strings("absent").unwrap(), None);
    }

    #[test]
    fn a_wrong_type_names_the_key_and_both_types() {
        let m = sample();
        let message = |error: Error| error.to_string();
        assert_eq!(
            message(m.usize("name").unwrap_err()),
            "metadata: expected a non-negative integer, found a string (name)"
        );
        assert_eq!(
            message(m.usize("negative").unwrap_err()),
            "metadata: expected a non-negative integer, found an i32 (-1) (negative)"
        );
        assert_eq!(message(m.str("flag").unwrap_err()), "metadata: expected a string, found a bool (flag)");
        assert!(message(m.f32("huge").unwrap_err()).starts_with("metadata: expected a finite float, found an f64"));
        assert_eq!(
            message(m.i32s("tokens").unwrap_err()),
            "metadata: expected an array of integers that fit into i32, found an array of 2 string (tokens)"
        );
        assert!(m.strings("types").is_err());
        assert!(m.f32s("types").is_err());
        assert!(m.bools("types").is_err());
    }

    #[test]
    fn a_missing_key_is_named() {
        let error = sample().require_usize("llama.block_count").unwrap_err().to_string();
        assert_eq!(error, "metadata: a required key is missing, expected a non-negative integer (llama.block_count)");
        assert!(sample().require_str("x").is_err());
        assert!(sample().require_f32("x").is_err());
    }

    #[test]
    fn insert_replaces_in_place() {
        let mut m = sample();
        assert!(!m.insert("count", 8u32));
        assert_eq!(m.iter().next().unwrap(), ("count", &Value::U32(8)));
        assert!(m.insert("new", true));
        assert_eq!(m.len(), 11);
    }
}
