//! One GGUF metadata value: a number, a flag, a string or an array of these.
//!
//! Source: the GGUF specification (`ggml/docs/gguf.md`, `enum gguf_metadata_value_type`). The one idea: strings and arrays stay
//! where they are in the mapped file. A [`Text`] or [`Array`] is a checked slice of it, so that a vocabulary of 262,144 tokens
//! costs a few words of memory until somebody asks for the tokens. Checking happens once, where the slice is made (by the
//! parser in `gguf/`, or by the constructors here); reading can't fail after that.

use bytes::Bytes;

/// The type of a value, with GGUF's number for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say it; widths are in `TABLE`
pub enum ValueType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Bool,
    String,
    Array,
    U64,
    I64,
    F64,
}

/// GGUF's type number is the place in this table: type, name, bytes a value (`None` where the value says its own length).
const TABLE: [(ValueType, &str, Option<usize>); 13] = [
    (ValueType::U8, "u8", Some(1)),
    (ValueType::I8, "i8", Some(1)),
    (ValueType::U16, "u16", Some(2)),
    (ValueType::I16, "i16", Some(2)),
    (ValueType::U32, "u32", Some(4)),
    (ValueType::I32, "i32", Some(4)),
    (ValueType::F32, "f32", Some(4)),
    (ValueType::Bool, "bool", Some(1)),
    (ValueType::String, "string", None),
    (ValueType::Array, "array", None),
    (ValueType::U64, "u64", Some(8)),
    (ValueType::I64, "i64", Some(8)),
    (ValueType::F64, "f64", Some(8)),
];

impl ValueType {
    /// The type with this GGUF number.
    pub fn from_gguf(number: u32) -> Option<Self> {
        TABLE.get(usize::try_from(number).ok()?).map(|row| row.0)
    }

    /// GGUF's number for this type.
    pub fn gguf_number(self) -> u32 {
        self as u32 // variants are declared in the table's order; a test holds that
    }

    /// `u8`, `string` …
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// Bytes of one value; `None` for strings and arrays, which carry their own length.
    pub fn width(self) -> Option<usize> {
        TABLE[self as usize].2
    }
}

impl std::fmt::Display for ValueType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A metadata value. Equality is by bits for arrays and by value for numbers.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)] // as in `ValueType`
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(Text),
    Array(Array),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl Value {
    /// This value's type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::U8(_) => ValueType::U8,
            Self::I8(_) => ValueType::I8,
            Self::U16(_) => ValueType::U16,
            Self::I16(_) => ValueType::I16,
            Self::U32(_) => ValueType::U32,
            Self::I32(_) => ValueType::I32,
            Self::F32(_) => ValueType::F32,
            Self::Bool(_) => ValueType::Bool,
            Self::String(_) => ValueType::String,
            Self::Array(_) => ValueType::Array,
            Self::U64(_) => ValueType::U64,
            Self::I64(_) => ValueType::I64,
            Self::F64(_) => ValueType::F64,
        }
    }

    /// The value of any integer type; `None` for the rest.
    pub fn as_integer(&self) -> Option<i128> {
        match *self {
            Self::U8(v) => Some(v.into()),
            Self::I8(v) => Some(v.into()),
            Self::U16(v) => Some(v.into()),
            Self::I16(v) => Some(v.into()),
            Self::U32(v) => Some(v.into()),
            Self::I32(v) => Some(v.into()),
            Self::U64(v) => Some(v.into()),
            Self::I64(v) => Some(v.into()),
            _ => None,
        }
    }

    /// The value of either float type; `None` for the rest.
    pub fn as_float(&self) -> Option<f64> {
        match *self {
            Self::F32(v) => Some(v.into()),
            Self::F64(v) => Some(v),
            _ => None,
        }
    }

    /// What it is, for error messages: `a u32`, `an array of 3 string` …; never the content.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Array(array) => format!("an array of {} {}", array.len, array.element),
            other => {
                let name = other.value_type().name();
                let article = if name.starts_with(['i', 'f']) { "an" } else { "a" };
                format!("{article} {name}")
            }
        }
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::U32(value)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::F32(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::String(value.into())
    }
}

impl From<Array> for Value {
    fn from(value: Array) -> Self {
        Self::Array(value)
    }
}

/// A string inside a file: bytes that are known to be UTF-8. As a key of a map it is found by `&str`.
#[derive(Clone, PartialEq, Eq)]
pub struct Text(Bytes);

impl Text {
    /// Checks `bytes`; `None` where they are not UTF-8.
    pub(crate) fn new(bytes: Bytes) -> Option<Self> {
        std::str::from_utf8(&bytes).ok()?;
        Some(Self(bytes))
    }

    /// The string.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // checked in `new`
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl std::borrow::Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl std::hash::Hash for Text {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state); // as `str` hashes, which `Borrow` asks for
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Values of one type, as they lie in the file: little-endian numbers one after the other; strings each after its length (u64).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    element: ValueType,
    len: usize,
    data: Bytes,
}

impl Array {
    /// An array over bytes that the caller has checked: `data` holds exactly `len` well-formed values of type `element`.
    pub(crate) fn over(element: ValueType, len: usize, data: Bytes) -> Self {
        Self { element, len, data }
    }

    /// An array of strings.
    pub fn of_strings<S: AsRef<str>>(items: &[S]) -> Self {
        let mut data = Vec::new();
        for item in items {
            let bytes = item.as_ref().as_bytes();
            data.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            data.extend_from_slice(bytes);
        }
        Self::over(ValueType::String, items.len(), data.into())
    }

    /// An array of i32.
    pub fn of_i32s(items: &[i32]) -> Self {
        Self::over(ValueType::I32, items.len(), items.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// An array of f32.
    pub fn of_f32s(items: &[f32]) -> Self {
        Self::over(ValueType::F32, items.len(), items.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// An array of bool.
    pub fn of_bools(items: &[bool]) -> Self {
        Self::over(ValueType::Bool, items.len(), items.iter().map(|&v| u8::from(v)).collect())
    }

    /// The type of its values.
    pub fn element(&self) -> ValueType {
        self.element
    }

    /// How many values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The values as they lie in the file.
    pub(crate) fn data(&self) -> &Bytes {
        &self.data
    }

    /// The strings; `None` where the elements are of another type.
    pub fn strings(&self) -> Option<impl Iterator<Item = &str>> {
        let mut rest = &self.data[..];
        (self.element == ValueType::String).then(|| {
            std::iter::from_fn(move || {
                let (length, after) = rest.split_first_chunk::<8>()?;
                let (text, after) = after.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
                rest = after;
                std::str::from_utf8(text).ok()
            })
        })
    }

    /// The numbers or flags, one by one; `None` where the elements are strings or arrays.
    pub fn scalars(&self) -> Option<impl Iterator<Item = Value>> {
        let (element, width) = (self.element, self.element.width()?);
        Some(self.data.chunks_exact(width).filter_map(move |bytes| scalar(element, bytes)))
    }
}

/// Reads one number or flag from exactly `element.width()` bytes; `None` for other lengths, and for flags that are neither 0
/// nor 1.
pub(crate) fn scalar(element: ValueType, bytes: &[u8]) -> Option<Value> {
    Some(match element {
        ValueType::U8 => Value::U8(u8::from_le_bytes(bytes.try_into().ok()?)),
        ValueType::I8 => Value::I8(i8::from_le_bytes(bytes.try_into().ok()?)),
        ValueType::U16 => Value::U16(u16::from_le_bytes(bytes.try_into().ok()?)),
        ValueType::I16 => Value::I16(i16::from_le_bytes(bytes.try_into().ok()?)),
        ValueType::U32 => Value::U32(u32::from_le_bytes(bytes.try_into().ok()?)),
        ValueType::I32 => Value::I32(i32::from_le_bytes(bytes.try_into().ok()?)),
        ValueType::F32 => Value::F32(f32::from_le_bytes(bytes.try_into().ok()?)),
        ValueType::U64 => Value::U64(u64::from_le_bytes(bytes.try_into().ok()?)),
        ValueType::I64 => Value::I64(i64::from_le_bytes(bytes.try_into().ok()?)),
        ValueType::F64 => Value::F64(f64::from_le_bytes(bytes.try_into().ok()?)),
        ValueType::Bool => match bytes {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            _ => return None,
        },
        ValueType::String | ValueType::Array => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_type_numbers() {
        for (number, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0.gguf_number() as usize, number);
            assert_eq!(ValueType::from_gguf(number as u32), Some(row.0));
        }
        assert_eq!(ValueType::from_gguf(13), None);
    }

    #[test]
    fn arrays_give_back_what_they_were_made_of() {
        let words = ["", "a", "é 中"];
        assert_eq!(Array::of_strings(&words).strings().unwrap().collect::<Vec<_>>(), words);
        let flags = Array::of_bools(&[true, false]);
        assert_eq!(flags.scalars().unwrap().collect::<Vec<_>>(), [Value::Bool(true), Value::Bool(false)]);
        assert!(flags.strings().is_none());
        assert!(Array::of_strings(&words).scalars().is_none());
    }

    #[test]
    fn text_is_only_made_of_utf8() {
        assert!(Text::new(Bytes::from_static(b"\xff")).is_none());
        assert_eq!(Text::new(Bytes::from_static("é".as_bytes())).unwrap().as_str(), "é");
    }

    #[test]
    fn kinds_read_as_english() {
        assert_eq!(Value::U32(1).kind(), "a u32");
        assert_eq!(Value::I8(1).kind(), "an i8");
        assert_eq!(Value::F64(1.0).kind(), "an f64");
        assert_eq!(Value::from(Array::of_strings(&["x"])).kind(), "an array of 1 string");
    }
}
