//! Bytes at an offset: the one thing that every reader above asks of a disk, an image or a part of one.
//!
//! Positioned reads need no shared cursor, so one source serves many readers at once. A source may know where it holds
//! nothing but zeros ([`ReadAt::data_from`]); scans of sparse journals and disks skip those stretches.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

/// Something that can be read at any offset.
pub trait ReadAt: Send + Sync {
    /// Reads at most `buffer.len()` bytes at `offset`; 0 only at or behind the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// Bytes in all.
    fn len(&self) -> u64;

    /// Whether there is nothing to read.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first offset, not before `offset`, that may hold something else than zeros. A source that knows nothing of
    /// holes answers `offset`; one without further data answers its length.
    fn data_from(&self, offset: u64) -> u64 {
        offset
    }

    /// Fills the whole buffer or fails with [`io::ErrorKind::UnexpectedEof`].
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if self.read_full_at(offset, buffer)? < buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Fills as much of the buffer as there is.
    fn read_full_at(&self, mut offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_at(offset, rest) {
                Ok(0) => break,
                Ok(count) => {
                    filled += count;
                    offset = offset.saturating_add(count as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// A shared source.
pub type Shared = Arc<dyn ReadAt>;

impl ReadAt for Vec<u8> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(Vec::len(self));
        let found = self.get(start..).unwrap_or_default();
        let count = found.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), found.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn len(&self) -> u64 {
        Vec::len(self) as u64
    }
}

/// A regular file or a block device.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    len: u64,
}

impl FileSource {
    /// Takes the length by seeking to the end, which works for block devices too, where metadata says 0.
    pub fn new(mut file: File) -> io::Result<FileSource> {
        let len = file.seek(SeekFrom::End(0))?;
        Ok(FileSource { file, len })
    }
}

impl ReadAt for FileSource {
    #[cfg(unix)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(&self.file, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(&self.file, buffer, offset)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// A window of another source: a partition, for instance. Never reads outside of it.
pub struct Window {
    source: Shared,
    start: u64,
    len: u64,
}

impl Window {
    /// The window `start .. start + len`, cut to what the source has.
    pub fn new(source: Shared, start: u64, len: u64) -> Window {
        let len = len.min(source.len().saturating_sub(start));
        Window { source, start, len }
    }
}

impl ReadAt for Window {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = rest.min(buffer.len());
        match buffer.get_mut(..count) {
            Some(part) if count > 0 => self.source.read_at(self.start + offset, part),
            _ => Ok(0),
        }
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn data_from(&self, offset: u64) -> u64 {
        if offset >= self.len {
            return self.len;
        }
        let found = self.source.data_from(self.start + offset);
        (found.saturating_sub(self.start)).clamp(offset, self.len)
    }
}

/// A cursor over a source, for what wants [`Read`] and [`Seek`].
pub struct Cursor {
    source: Shared,
    at: u64,
}

impl Cursor {
    /// Starts at offset 0.
    pub fn new(source: Shared) -> Cursor {
        Cursor { source, at: 0 }
    }
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(self.at, buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.source.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, ReadAt, Shared, Window};
    use std::io::{Read, Seek, SeekFrom};
    use std::sync::Arc;

    #[test]
    fn windows_do_not_leak_what_lies_around_them() {
        let whole: Shared = Arc::new((0..100u8).collect::<Vec<_>>());
        let window: Shared = Arc::new(Window::new(whole.clone(), 90, 50));
        assert_eq!(window.len(), 10);
        let mut buffer = [0; 20];
        assert_eq!(window.read_full_at(5, &mut buffer).unwrap(), 5);
        assert_eq!(buffer[..5], [95, 96, 97, 98, 99]);
        assert_eq!(window.read_at(10, &mut buffer).unwrap(), 0);
        assert_eq!(window.read_at(u64::MAX, &mut buffer).unwrap(), 0);
        assert_eq!(Window::new(whole, 200, 5).len(), 0);
        let mut cursor = Cursor::new(window);
        cursor.seek(SeekFrom::End(-2)).unwrap();
        let mut rest = Vec::new();
        cursor.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, [98, 99]);
    }
}
