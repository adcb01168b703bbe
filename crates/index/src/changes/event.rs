//! Reads the buffers that fanotify(7) fills: events with directory handles and names.
//!
//! Layout as in `linux/fanotify.h` (metadata version 3), in the byte order of the machine: a fixed part of 24 bytes, then
//! information records of type, length and content. Safe code over plain bytes: no record reaches outside its event, no
//! event outside the buffer, and nothing is copied.

/// Bits of [`Event::mask`].
pub mod mask {
    /// Content was written.
    pub const MODIFY: u64 = 0x2;
    /// Attributes were changed.
    pub const ATTRIB: u64 = 0x4;
    /// A file open for writing was closed.
    pub const CLOSE_WRITE: u64 = 0x8;
    /// A name left a directory.
    pub const MOVED_FROM: u64 = 0x40;
    /// A name came to a directory.
    pub const MOVED_TO: u64 = 0x80;
    /// A name was made.
    pub const CREATE: u64 = 0x100;
    /// A name was removed.
    pub const DELETE: u64 = 0x200;
    /// The kernel's queue was full; events were lost.
    pub const OVERFLOW: u64 = 0x4000;
    /// A name became another; the event has both.
    pub const RENAME: u64 = 0x1000_0000;
    /// The event concerns a directory.
    pub const ON_DIRECTORY: u64 = 0x4000_0000;
}

const FIXED: usize = 24;
const VERSION: u8 = 3;
const RECORD_HEADER: usize = 4;
const FILE_SYSTEM: usize = 8;
const HANDLE_HEADER: usize = 8;
/// `MAX_HANDLE_SZ`: no kernel gives longer handles.
pub const LONGEST_HANDLE: usize = 128;

const DIRECTORY_AND_NAME: u8 = 2;
const DIRECTORY: u8 = 3;
const OLD_DIRECTORY_AND_NAME: u8 = 10;
const NEW_DIRECTORY_AND_NAME: u8 = 12;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// What happened, of this name, since it was last read: [`mask`].
    pub mask: u64,
    /// The process that did it.
    pub pid: i32,
    /// Where it happened; with a rename, the former place.
    pub at: Option<Place<'a>>,
    /// With a rename, the new place.
    pub to: Option<Place<'a>>,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The directory.
    pub directory: Handle<'a>,
    /// The name; `.` for the directory itself.
    pub name: &'a [u8],
}

/// A directory as the kernel names it: number of the file system, then `struct file_handle`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Handle<'a>(&'a [u8]);

impl<'a> Handle<'a> {
    /// Takes bytes that [`Handle::bytes`] gave, or that were put together the same way.
    ///
    /// # Errors
    /// [`EventError::Handle`] when the lengths do not fit each other.
    pub fn new(bytes: &'a [u8]) -> Result<Self, EventError> {
        match split_handle(bytes) {
            Some((handle, [])) => Ok(handle),
            _ => Err(EventError::Handle),
        }
    }

    /// All of it.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Number of the file system (`f_fsid`).
    #[must_use]
    pub fn file_system(self) -> [u8; 8] {
        array(self.0, 0).unwrap_or_default()
    }

    /// `struct file_handle`: length, type, content.
    #[must_use]
    pub fn file_handle(self) -> &'a [u8] {
        self.0.get(FILE_SYSTEM..).unwrap_or_default()
    }
}

/// What is wrong with a buffer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The buffer ends within an event, or an event is shorter than its fixed part.
    #[error("an event of {length} bytes where {left} are left")]
    Length {
        /// Its length, as it says.
        length: usize,
        /// Bytes left.
        left: usize,
    },
    /// Another version of the format.
    #[error("events of version {0} instead of 3")]
    Version(u8),
    /// An information record does not fit its event.
    #[error("an information record of {length} bytes where {left} are left")]
    Record {
        /// Its length, as it says.
        length: usize,
        /// Bytes left.
        left: usize,
    },
    /// A directory handle does not fit its record.
    #[error("a directory handle does not fit its record")]
    Handle,
    /// A name is empty, has a slash, or does not end within its record.
    #[error("a name is not ended, empty, or has a slash")]
    Name,
}

/// The events of a buffer, in order. Ends after the first error.
#[must_use]
pub const fn events(buffer: &[u8]) -> Events<'_> {
    Events { rest: buffer }
}

/// See [`events`].
#[derive(Clone, Debug)]
pub struct Events<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<Event<'a>, EventError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let rest = std::mem::take(&mut self.rest);
        Some(take_event(rest).map(|(event, rest)| {
            self.rest = rest;
            event
        }))
    }
}

fn take_event(buffer: &[u8]) -> Result<(Event<'_>, &[u8]), EventError> {
    let left = buffer.len();
    let short = EventError::Length { length: 0, left };
    let length = u32::from_ne_bytes(array(buffer, 0).ok_or(short)?) as usize;
    let wrong = EventError::Length { length, left };
    if length < FIXED {
        return Err(wrong);
    }
    let (event, rest) = buffer.split_at_checked(length).ok_or(wrong.clone())?;
    let version = u8::from_ne_bytes(array(event, 4).ok_or(wrong.clone())?);
    if version != VERSION {
        return Err(EventError::Version(version));
    }
    let fixed = u16::from_ne_bytes(array(event, 6).ok_or(wrong.clone())?) as usize;
    let mask = u64::from_ne_bytes(array(event, 8).ok_or(wrong.clone())?);
    let pid = i32::from_ne_bytes(array(event, 20).ok_or(wrong.clone())?);
    let mut records = event.get(fixed.max(FIXED)..).ok_or(wrong)?;
    let (mut at, mut to) = (None, None);
    while !records.is_empty() {
        let (kind, content, more) = take_record(records)?;
        records = more;
        match kind {
            DIRECTORY_AND_NAME | OLD_DIRECTORY_AND_NAME => at = Some(place(content)?),
            NEW_DIRECTORY_AND_NAME => to = Some(place(content)?),
            DIRECTORY => {
                let (directory, _) = split_handle(content).ok_or(EventError::Handle)?;
                at = Some(Place {
                    directory,
                    name: b".",
                });
            }
            // The file itself, the process, an error: not asked for, or of a later kernel.
            _ => {}
        }
    }
    Ok((Event { mask, pid, at, to }, rest))
}

fn take_record(records: &[u8]) -> Result<(u8, &[u8], &[u8]), EventError> {
    let left = records.len();
    let short = EventError::Record { length: 0, left };
    let kind = u8::from_ne_bytes(array(records, 0).ok_or(short.clone())?);
    let length = u16::from_ne_bytes(array(records, 2).ok_or(short)?) as usize;
    let wrong = EventError::Record { length, left };
    let (record, rest) = records.split_at_checked(length).ok_or(wrong.clone())?;
    let content = record.get(RECORD_HEADER..).ok_or(wrong)?;
    Ok((kind, content, rest))
}

fn place(content: &[u8]) -> Result<Place<'_>, EventError> {
    let (directory, rest) = split_handle(content).ok_or(EventError::Handle)?;
    let end = rest.iter().position(|b| *b == 0).ok_or(EventError::Name)?;
    let name = rest.get(..end).ok_or(EventError::Name)?;
    if name.is_empty() || name.contains(&b'/') {
        return Err(EventError::Name);
    }
    Ok(Place { directory, name })
}

fn split_handle(content: &[u8]) -> Option<(Handle<'_>, &[u8])> {
    let length = u32::from_ne_bytes(array(content, FILE_SYSTEM)?) as usize;
    if length > LONGEST_HANDLE {
        return None;
    }
    let (handle, rest) = content.split_at_checked(FILE_SYSTEM + HANDLE_HEADER + length)?;
    Some((Handle(handle), rest))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
