//! The text that a command works on: an argument, a file, or stdin.

use crate::args::TextArgs;
use crate::errors::{CliError, Result};
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

/// The most bytes that are read: far more than any context holds, far less than a phone's memory.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Reads the one text of a command.
///
/// # Errors
/// [`CliError::Usage`] if there is none and stdin is a terminal; otherwise as [`read_file`].
pub fn read(args: &TextArgs) -> Result<String> {
    match (&args.text, &args.file) {
        (Some(text), _) => Ok(text.clone()),
        (None, Some(path)) if path.as_os_str() != "-" => read_file(path),
        (None, None) if io::stdin().is_terminal() => {
            Err(CliError::Usage { what: "no text: pass it as an argument, with --file, or on stdin".to_owned() })
        }
        _ => read_text(io::stdin().lock(), "stdin"),
    }
}

/// Reads a UTF-8 file.
///
/// # Errors
/// [`CliError::Io`]; [`CliError::Input`] if it is larger than [`MAX_BYTES`] or not UTF-8, naming the first wrong byte.
pub fn read_file(path: &Path) -> Result<String> {
    let file = File::open(path).map_err(CliError::io("read", path))?;
    read_text(file, &path.to_string_lossy())
}

fn read_text(source: impl Read, at: &str) -> Result<String> {
    let mut bytes = Vec::new();
    source.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(CliError::io("read", Path::new(at)))?;
    let wrong = |what: String| CliError::Input { what, at: at.to_owned() };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(format!("a text has at most {MAX_BYTES} bytes")));
    }
    String::from_utf8(bytes)
        .map_err(|error| wrong(format!("not valid UTF-8 at byte {}", error.utf8_error().valid_up_to())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_utf8_names_the_first_wrong_byte() {
        let message = read_text(&b"gr\xc3\xbc\xdfe"[..], "letter.txt").unwrap_err().to_string();
        assert_eq!(message, "not valid UTF-8 at byte 4 (letter.txt)");
        assert_eq!(read_text("grüße".as_bytes(), "letter.txt").unwrap(), "grüße");
    }

    #[test]
    fn an_endless_source_is_cut_off() {
        let message = read_text(io::repeat(b'a'), "stdin").unwrap_err().to_string();
        assert_eq!(message, "a text has at most 67108864 bytes (stdin)");
    }

    #[test]
    fn a_folder_is_not_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let error = read_file(folder.path()).unwrap_err();
        assert!(matches!(error, CliError::Io { action: "read", .. }), "{error}");
    }
}
