//! A cursor over a file's bytes that can't read past their end.
//!
//! It knows what it is reading (`part`: a key, a tensor, a section), so that each error tells the place without its caller's help.

use bytes::Bytes;

use crate::format::shown::shown;
use crate::format::value::Text;
use crate::{Error, Location, Result};

pub(super) struct Reader {
    file: Bytes,
    at: usize,
    part: String,
}

impl Reader {
    pub(super) fn new(file: Bytes) -> Self {
        Self { file, at: 0, part: "header".into() }
    }

    /// Says what is read from here on, for errors.
    pub(super) fn enter(&mut self, part: impl Into<String>) {
        self.part = part.into();
    }

    /// Bytes from the file's start.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Bytes of the whole file.
    pub(super) fn file_bytes(&self) -> usize {
        self.file.len()
    }

    /// Bytes that are left.
    pub(super) fn left(&self) -> usize {
        self.file.len() - self.at // `advance` keeps `at` inside
    }

    /// The bytes from `start` up to the cursor.
    pub(super) fn since(&self, start: usize) -> Bytes {
        self.file.slice(start.min(self.at)..self.at)
    }

    /// The next `len` bytes. `what` names them: `a u64`, `the version`.
    pub(super) fn take(&mut self, len: usize, what: &str) -> Result<Bytes> {
        let start = self.at;
        self.advance(len as u64, what)?;
        Ok(self.since(start))
    }

    /// Steps over `len` bytes and gives them for a look.
    pub(super) fn advance(&mut self, len: u64, what: &str) -> Result<&[u8]> {
        match usize::try_from(len) {
            Ok(len) if len <= self.left() => {
                self.at += len;
                Ok(&self.file[self.at - len..self.at])
            }
            _ => {
                let left = self.left();
                Err(self.error(format!("{what} needs {len} bytes, the file has {left} left: download it again")))
            }
        }
    }

    pub(super) fn u32(&mut self, what: &str) -> Result<u32> {
        let bytes = self.advance(4, what)?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte)))
    }

    pub(super) fn u64(&mut self, what: &str) -> Result<u64> {
        let bytes = self.advance(8, what)?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    /// Checks a count from the file against what is left of it: `count` things of at least `smallest` bytes each.
    pub(super) fn count(&self, count: u64, smallest: usize, what: &str) -> Result<usize> {
        let left = self.left();
        match usize::try_from(count) {
            Ok(count) if count <= left / smallest => Ok(count),
            _ => Err(self.error(format!(
                "{count} {what} of at least {smallest} bytes each can't fit into the {left} bytes that are left: download the \
                 file again"
            ))),
        }
    }

    /// A string of at most `longest` bytes.
    pub(super) fn text(&mut self, longest: usize, what: &str) -> Result<Text> {
        let len = self.u64(what)?;
        if len > longest as u64 {
            return Err(self.error(format!("{what} has {len} bytes, at most {longest} are allowed")));
        }
        let start = self.at;
        self.advance(len, what)?;
        Text::new(self.since(start)).ok_or_else(|| self.error(format!("{what} is not UTF-8")))
    }

    /// Steps over a string, checking it as [`text`](Self::text) does.
    pub(super) fn skip_text(&mut self, what: &str) -> Result<()> {
        let len = self.u64(what)?;
        match std::str::from_utf8(self.advance(len, what)?) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.error(format!("{what} is not UTF-8"))),
        }
    }

    /// A damaged file, at this place.
    pub(super) fn error(&self, what: impl Into<String>) -> Error {
        Error::model_file(what, Location::part(shown(&self.part)).at(self.at as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_little_endian_and_stops_at_the_end() {
        let mut reader = Reader::new(Bytes::from_static(&[1, 2, 0, 0, 3, 0, 0, 0, 0, 0, 0, 128, 9]));
        assert_eq!(reader.u32("a").unwrap(), 0x201);
        assert_eq!(reader.u64("b").unwrap(), (128 << 56) | 3);
        assert_eq!((reader.at(), reader.left()), (12, 1));
        let error = reader.u32("the version").unwrap_err().to_string();
        assert_eq!(error, "the version needs 4 bytes, the file has 1 left: download it again (header, byte 12)");
        assert_eq!(reader.left(), 1, "a failed read takes nothing");
    }

    #[test]
    fn a_count_has_to_fit_into_what_is_left() {
        let reader = Reader::new(Bytes::from_static(&[0; 24]));
        assert_eq!(reader.count(3, 8, "things").unwrap(), 3);
        assert_eq!(
            reader.count(4, 8, "things").unwrap_err().to_string(),
            "4 things of at least 8 bytes each can't fit into the 24 bytes that are left: download the file again (header, byte 0)"
        );
        assert!(reader.count(u64::MAX, 1, "things").is_err());
    }
}
