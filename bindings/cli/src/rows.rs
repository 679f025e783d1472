//! Labelled texts in files: JSON lines as data sets have them, or two columns.

use crate::errors::{CliError, Result};
use crate::text_input::MAX_BYTES;
use flate2::read::GzDecoder;
use minnow::LabelledText;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// A row of a JSONL file.
pub type Row = Map<String, Value>;

/// Keys under which data sets keep the text, the first that a row has; the parts of a ticket go together.
const TEXTS: [&[&str]; 4] = [&["text"], &["merchant"], &["description"], &["subject", "body"]];

/// Reads the rows of a JSONL file, gzipped where its name ends in `.gz`.
///
/// # Errors
/// [`CliError::Io`]; [`CliError::Input`] with the line where it is no JSON object.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let file = File::open(path).map_err(CliError::io("read", path))?;
    let zipped = path.extension().is_some_and(|extension| extension == "gz");
    let source: Box<dyn Read> = if zipped { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    let mut rows = Vec::new();
    for (index, line) in BufReader::new(source.take(MAX_BYTES)).lines().enumerate() {
        let line = line.map_err(CliError::io("read", path))?;
        if line.trim().is_empty() {
            continue;
        }
        let wrong = |error: serde_json::Error| {
            // the parser's words may quote the line
            let what = format!("line {} is no JSON object (column {})", index + 1, error.column());
            CliError::Input { what, at: path.display().to_string() }
        };
        rows.push(serde_json::from_str(&line).map_err(wrong)?);
    }
    Ok(rows)
}

/// The text of a row.
pub fn text(row: &Row) -> Option<String> {
    let parts = |keys: &&[&str]| -> Option<Vec<&str>> { keys.iter().map(|key| row.get(*key)?.as_str()).collect() };
    TEXTS.iter().find_map(parts).map(|parts| parts.join("\n"))
}

/// The label of a row.
pub fn label(row: &Row) -> Option<&str> {
    row.get("label")?.as_str()
}

/// Rows as examples: those of the split `train` where rows say which split they belong to.
///
/// # Errors
/// [`CliError::Input`] for a row without text or label.
pub fn examples(rows: &[Row], path: &Path) -> Result<Vec<LabelledText>> {
    let in_training = |row: &&Row| row.get("split").and_then(Value::as_str).is_none_or(|split| split == "train");
    let example = |row: &Row| Some(LabelledText::new(text(row)?, label(row)?));
    let missing = || CliError::Input { what: "a row has no text or no label".into(), at: path.display().to_string() };
    rows.iter().filter(in_training).map(|row| example(row).ok_or_else(missing)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn row(json: &str) -> Row {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_text_is_found_under_the_names_that_data_sets_use() {
        assert_eq!(text(&row(r#"{"text": "a", "subject": "b"}"#)).unwrap(), "a");
        assert_eq!(text(&row(r#"{"merchant": "Raffles"}"#)).unwrap(), "Raffles");
        assert_eq!(text(&row(r#"{"subject": "a", "body": "b"}"#)).unwrap(), "a\nb");
        assert_eq!(text(&row(r#"{"subject": "a"}"#)), None);
    }

    #[test]
    fn zipped_and_plain_rows_are_read_and_wrong_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("rows.jsonl");
        std::fs::write(&plain, "{\"text\": \"a\", \"label\": \"x\", \"split\": \"train\"}\n\n{\"text\": \"b\", \"label\": \"x\", \"split\": \"test\"}\n").unwrap();
        let zipped = folder.path().join("rows.jsonl.gz");
        let mut encoder = flate2::write::GzEncoder::new(File::create(&zipped).unwrap(), flate2::Compression::fast());
        encoder.write_all(&std::fs::read(&plain).unwrap()).unwrap();
        encoder.finish().unwrap();
        let rows = read(&plain).unwrap();
        assert_eq!(read(&zipped).unwrap(), rows);
        assert_eq!(examples(&rows, &plain).unwrap(), [LabelledText::new("a", "x")]);
        std::fs::write(&plain, "{}\n[1]\n").unwrap();
        assert!(read(&plain).unwrap_err().to_string().starts_with("line 2 is no JSON object"));
        assert!(examples(&[row("{}")], &plain).is_err());
    }
}
