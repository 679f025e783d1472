//! Zip archives (jar, AAR, APK) that come out the same, byte for byte, whenever their files are the same: entries in the order of
//! their names, one fixed time, one mode.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Cursor, Read, Seek, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Files by their names in the archive.
#[derive(Debug, Default)]
pub struct Archive {
    entries: BTreeMap<String, Vec<u8>>,
}

impl Archive {
    /// Adds one file. A name can be given once.
    pub fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Result<()> {
        let name = name.into();
        if self.entries.contains_key(&name) {
            bail!("two files would be {name} in one archive");
        }
        self.entries.insert(name, bytes.into());
        Ok(())
    }

    /// Adds the file at a path.
    pub fn add_file(&mut self, name: impl Into<String>, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.add(name, fs::read(path).with_context(|| format!("{} can't be read", path.display()))?)
    }

    /// Adds every file below a folder whose name in the archive, `prefix` and the path from the folder, is wanted.
    pub fn add_folder(&mut self, prefix: &str, folder: &Path, wanted: impl Fn(&str) -> bool + Copy) -> Result<()> {
        let entries = fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let file_name = path.file_name().and_then(|name| name.to_str());
            let name = format!("{prefix}{}", file_name.with_context(|| format!("{} is no Unicode", path.display()))?);
            if path.is_dir() {
                self.add_folder(&format!("{name}/"), &path, wanted)?;
            } else if wanted(&name) {
                self.add_file(name, &path)?;
            }
        }
        Ok(())
    }

    /// Adds the files of another archive that `rename` gives a name for.
    pub fn add_archive<R: Read + Seek>(
        &mut self,
        mut archive: ZipArchive<R>,
        rename: impl Fn(&str) -> Option<String>,
    ) -> Result<()> {
        for index in 0..archive.len() {
            let mut file = archive.by_index(index)?;
            let Some(name) = rename(&file.name()?).filter(|_| file.is_file()) else { continue };
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            self.add(name, bytes)?;
        }
        Ok(())
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The bytes of the archive, everything compressed.
    pub fn compressed(&self) -> Result<Vec<u8>> {
        self.to_bytes(|_| None)
    }

    /// The bytes of the archive. What `alignment` names a multiple for is stored as it is, at such an offset.
    pub fn to_bytes(&self, alignment: impl Fn(&str) -> Option<u16>) -> Result<Vec<u8>> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let plain = SimpleFileOptions::default().last_modified_time(DateTime::default()).unix_permissions(0o644);
        for (name, bytes) in &self.entries {
            let options = match alignment(name) {
                Some(multiple) => plain.compression_method(CompressionMethod::Stored).with_alignment(multiple),
                None => plain.compression_method(CompressionMethod::Deflated),
            };
            writer.start_file(name.as_str(), options)?;
            writer.write_all(bytes)?;
        }
        Ok(writer.finish()?.into_inner())
    }
}

/// An archive in memory.
pub fn parse(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>> {
    Ok(ZipArchive::new(Cursor::new(bytes))?)
}

/// An archive on the disk.
pub fn open(path: &Path) -> Result<ZipArchive<File>> {
    let file = File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
    ZipArchive::new(file).with_context(|| format!("{} is no archive", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_adding_leaves_no_trace() -> Result<()> {
        let (mut one, mut other) = (Archive::default(), Archive::default());
        one.add("a", "first")?;
        one.add("b/c", "second")?;
        other.add("b/c", "second")?;
        other.add("a", "first")?;
        assert_eq!(one.compressed()?, other.compressed()?);
        Ok(())
    }

    #[test]
    fn names_are_given_once() -> Result<()> {
        let mut archive = Archive::default();
        archive.add("a", "first")?;
        let error = archive.add("a", "second").err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("two files would be a in one archive"));
        Ok(())
    }

    #[test]
    fn stored_files_begin_where_they_were_asked_to() -> Result<()> {
        let mut archive = Archive::default();
        archive.add("a", "first")?;
        archive.add("lib/b.so", "second")?;
        let bytes = archive.to_bytes(|name| name.ends_with(".so").then_some(16_384))?;
        let mut read = parse(&bytes)?;
        let file = read.by_name("lib/b.so")?;
        assert_eq!(file.data_start().map(|start| start % 16_384), Some(0));
        assert_eq!(file.compression(), CompressionMethod::Stored);
        Ok(())
    }
}
