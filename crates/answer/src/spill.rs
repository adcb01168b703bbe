//! Where cells go that do not fit in memory: a file without a name that is only ever appended to.
//!
//! The file ends with the answer, or with the process, however that ends. A failed append leaves no trace: the length grows only after
//! all bytes are written, and the next append writes over what a failed one left.

use crate::{AnswerError, row};
use std::fs::File;
use std::path::PathBuf;

/// How much memory the rows of an answer may take, and where the rest goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes in memory; sets of endpoints are not counted.
    pub memory: usize,
    /// Folder for the spill file; it must exist when the budget is reached.
    pub folder: PathBuf,
}

impl Budget {
    /// This many bytes in memory, the rest in a file in `folder`.
    #[must_use]
    pub fn new(memory: usize, folder: impl Into<PathBuf>) -> Self {
        Self {
            memory,
            folder: folder.into(),
        }
    }
    /// Everything in memory.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(usize::MAX, PathBuf::new())
    }
}

#[derive(Debug)]
pub(crate) struct Spill {
    file: File,
    folder: PathBuf,
    length: u64,
}

/// A row's place in the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) check: u64,
}

impl Spill {
    pub(crate) fn create(folder: &std::path::Path) -> Result<Self, AnswerError> {
        let file = tempfile::tempfile_in(folder).map_err(|source| AnswerError::SpillWrite {
            folder: folder.display().to_string(),
            source,
        })?;
        Ok(Self::over(file, folder))
    }

    pub(crate) fn over(file: File, folder: &std::path::Path) -> Self {
        Self {
            file,
            folder: folder.to_owned(),
            length: 0,
        }
    }

    /// Where the next append will begin.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), AnswerError> {
        system::write_all_at(&self.file, bytes, self.length).map_err(|source| {
            AnswerError::SpillWrite {
                folder: self.folder.display().to_string(),
                source,
            }
        })?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn read(&self, into: &mut [u8], at: u64) -> std::io::Result<()> {
        system::read_exact_at(&self.file, into, at)
    }
}

/// Reads rows back, a window at a time: rows lie in the file in the order of their numbers, so a scan reads it once.
pub(crate) struct Reader<'a> {
    spill: Option<&'a Spill>,
    window: Vec<u8>,
    start: u64,
    ahead: usize,
}

impl<'a> Reader<'a> {
    /// For single rows.
    pub(crate) fn single(spill: Option<&'a Spill>) -> Self {
        Self::with(spill, 0)
    }
    /// For a scan in the order of row numbers.
    pub(crate) fn scan(spill: Option<&'a Spill>) -> Self {
        Self::with(spill, 256 << 10)
    }
    fn with(spill: Option<&'a Spill>, ahead: usize) -> Self {
        Self {
            spill,
            window: Vec::new(),
            start: 0,
            ahead,
        }
    }

    pub(crate) fn get(&mut self, place: Place) -> Result<&[u8], AnswerError> {
        let folder = || {
            self.spill
                .map(|s| s.folder.display().to_string())
                .unwrap_or_default()
        };
        let damaged = || AnswerError::SpillDamaged {
            folder: folder(),
            offset: place.offset,
            length: place.length,
        };
        let spill = self.spill.ok_or_else(damaged)?;
        let length = place.length as usize;
        let inside = place.offset >= self.start
            && place.offset + u64::from(place.length) <= self.start + self.window.len() as u64;
        if !inside {
            let left = usize::try_from(spill.length.saturating_sub(place.offset)).unwrap_or(length);
            let want = length.max(self.ahead.min(left));
            self.window.resize(want, 0);
            self.start = place.offset;
            if let Err(source) = spill.read(&mut self.window, place.offset) {
                self.window.clear();
                return Err(AnswerError::SpillRead {
                    folder: folder(),
                    offset: place.offset,
                    length: place.length,
                    source,
                });
            }
        }
        let from = usize::try_from(place.offset - self.start).unwrap_or(usize::MAX);
        let packed = self
            .window
            .get(from..from.saturating_add(length))
            .ok_or_else(damaged)?;
        if row::check(packed) == place.check {
            Ok(packed)
        } else {
            Err(damaged())
        }
    }
}

#[cfg(unix)]
mod system {
    use std::fs::File;
    use std::io::Result;
    use std::os::unix::fs::FileExt as _;

    pub(super) fn write_all_at(file: &File, bytes: &[u8], at: u64) -> Result<()> {
        file.write_all_at(bytes, at)
    }
    pub(super) fn read_exact_at(file: &File, into: &mut [u8], at: u64) -> Result<()> {
        file.read_exact_at(into, at)
    }
}

#[cfg(windows)]
mod system {
    use std::fs::File;
    use std::io::{ErrorKind, Result};
    use std::os::windows::fs::FileExt as _;

    pub(super) fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> Result<()> {
        while !bytes.is_empty() {
            let written = file.seek_write(bytes, at)?;
            if written == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(written..).unwrap_or_default();
            at += written as u64;
        }
        Ok(())
    }
    pub(super) fn read_exact_at(file: &File, mut into: &mut [u8], mut at: u64) -> Result<()> {
        while !into.is_empty() {
            let read = file.seek_read(into, at)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            into = into.get_mut(read..).unwrap_or_default();
            at += read as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Contribution, State};

    fn contribution(ordinal: u32, text: &str) -> Contribution {
        Contribution {
            ordinal,
            state: State::Answered,
            rows: vec![(0, vec![text.as_bytes().into()])],
            problems: vec![],
            rows_cut: 0,
        }
    }

    #[test]
    fn a_failed_write_keeps_the_rows_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let mut answer = Answer::new(1, Budget::new(0, folder.path()));
        // A file that can be read but not written stands for a full disk.
        let path = folder.path().join("spill");
        std::fs::write(&path, b"").unwrap();
        answer.set_spill(Spill::over(File::open(&path).unwrap(), folder.path()));
        answer.add(contribution(1, "first")).unwrap();
        let error = answer.add(contribution(2, "second")).unwrap_err();
        assert!(matches!(error, AnswerError::SpillWrite { .. }), "{error}");
        assert_eq!(
            answer.whole().row(0, 0).unwrap().cells,
            [Box::from(&b"first"[..])]
        );
        assert_eq!(answer.coverage().state_of(2), None);
        assert_eq!(answer.rows(), 1);
    }

    #[test]
    fn damage_on_disk_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spill");
        let file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let mut answer = Answer::new(1, Budget::new(0, folder.path()));
        answer.set_spill(Spill::over(file, folder.path()));
        answer.add(contribution(1, "first")).unwrap();
        answer.add(contribution(1, "second")).unwrap();
        assert_eq!(answer.whole().row(0, 0).unwrap().count, 1);
        std::fs::write(&path, b"\x05\0\0\0other").unwrap();
        assert!(matches!(
            answer.whole().row(0, 0),
            Err(AnswerError::SpillDamaged { .. })
        ));
        std::fs::write(&path, b"").unwrap();
        assert!(matches!(
            answer.whole().row(0, 0),
            Err(AnswerError::SpillRead { .. })
        ));
    }
}
