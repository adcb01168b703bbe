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

const FILE: u8 = 1;
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
    /// What it happened to, if that is no directory and the kernel tells.
    pub file: Option<Handle<'a>>,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The directory.
    pub directory: Handle<'a>,
    /// The name; `.` for the directory itself.
    pub name: &'a [u8],
}

/// A directory or file as the kernel names it: number of the file system, then `struct file_handle`.
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
    let (mut at, mut to, mut file) = (None, None, None);
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
            FILE => {
                let (handle, _) = split_handle(content).ok_or(EventError::Handle)?;
                file = (mask & self::mask::ON_DIRECTORY == 0).then_some(handle);
            }
            // The process, an error: not asked for, or of a later kernel.
            _ => {}
        }
    }
    let event = Event {
        mask,
        pid,
        at,
        to,
        file,
    };
    Ok((event, rest))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Linux 6.18 said of a process that made, wrote, changed, renamed and removed files and directories.
    #[cfg(target_endian = "little")]
    const RECORDED: [&[u8]; 2] = [
        include_bytes!("../../tests/data/events/ext4.bin"),
        include_bytes!("../../tests/data/events/tmpfs.bin"),
    ];

    #[test]
    #[cfg(target_endian = "little")]
    fn recorded_buffers() {
        use mask::{ATTRIB, CLOSE_WRITE, CREATE, DELETE, MODIFY, ON_DIRECTORY, RENAME};
        let long = "a longer name than before";
        for buffer in RECORDED {
            let found: Vec<Event<'_>> = events(buffer).collect::<Result<_, _>>().unwrap();
            // Directories in the order of their first event.
            let mut directories: Vec<&[u8]> = Vec::new();
            let mut shown = |place: Place<'_>| {
                let handle = buffer_part(buffer, place.directory.bytes());
                let number = directories.iter().position(|it| *it == handle);
                let number = number.unwrap_or_else(|| {
                    directories.push(handle);
                    directories.len() - 1
                });
                format!("{number}/{}", place.name.escape_ascii())
            };
            let found: Vec<_> = found
                .iter()
                .map(|event| {
                    assert!(event.pid > 0);
                    (
                        event.mask,
                        event.at.map(&mut shown),
                        event.to.map(&mut shown),
                    )
                })
                .collect();
            let place = |text: &str| Some(text.to_owned());
            let expected = [
                (CREATE | MODIFY | CLOSE_WRITE | ATTRIB, place("0/new"), None),
                (RENAME, place("0/new"), place(&format!("1/{long}"))),
                (CREATE | CLOSE_WRITE, place("0/\\xff\\n"), None),
                (ATTRIB | ON_DIRECTORY, place("0/."), None),
                (RENAME | ON_DIRECTORY, place("2/a"), place("2/c")),
                (DELETE, place(&format!("1/{long}")), None),
                (DELETE | ON_DIRECTORY, place("0/b"), None),
                (ATTRIB | ON_DIRECTORY, place("2/."), None),
            ];
            assert_eq!(found, expected);
        }
    }

    #[cfg(target_endian = "little")]
    fn buffer_part<'a>(buffer: &'a [u8], part: &[u8]) -> &'a [u8] {
        let found = buffer.windows(part.len()).find(|it| *it == part);
        found.expect("a handle lies within the buffer")
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_buffer_cut_anywhere_is_an_error_or_ends_with_an_event() {
        for buffer in RECORDED {
            let whole: Vec<_> = events(buffer).collect();
            for end in 0..buffer.len() {
                let cut: Vec<_> = events(&buffer[..end]).collect();
                let good = cut.iter().take_while(|event| event.is_ok()).count();
                assert_eq!(cut[..good], whole[..good]);
                assert!(cut.len() <= good + 1);
            }
        }
    }

    #[test]
    fn wrong_lengths_are_named() {
        let event = event_bytes(0, 1, &[]);
        let with = |at: usize, value: u8| {
            let mut event = event.clone();
            event[at] = value;
            events(&event).next().unwrap().unwrap_err()
        };
        let length = |length| EventError::Length { length, left: 24 };
        assert_eq!(with(0, 23), length(23));
        assert_eq!(with(0, 25), length(25));
        assert_eq!(with(4, 2), EventError::Version(2));
        assert_eq!(with(6, 25), length(24));
        let record = |bytes: &[u8]| {
            let event = event_bytes(0, 1, bytes);
            events(&event).next().unwrap().map(|_| ()).unwrap_err()
        };
        let short = |length, left| EventError::Record { length, left };
        assert_eq!(record(&[2, 0, 1]), short(0, 3));
        assert_eq!(record(&[2, 0, 0, 0]), short(0, 4));
        assert_eq!(record(&[9, 0, 200, 0]), short(200, 4));
        assert_eq!(record(&[2, 0, 4, 0]), EventError::Handle);
        let named = |name: &[u8]| record(&record_bytes(2, &[1, 2, 3], name));
        assert_eq!(named(b""), EventError::Name);
        assert_eq!(named(b"no end"), EventError::Name);
        assert_eq!(named(b"\0"), EventError::Name);
        assert_eq!(named(b"a/b\0"), EventError::Name);
        let long = record_bytes(2, &[0; LONGEST_HANDLE + 1], b"x\0");
        assert_eq!(record(&long), EventError::Handle);
    }

    #[test]
    fn records_of_other_kinds_are_passed_over() {
        let mut records = record_bytes(1, &[7; 12], b"");
        records.extend(record_bytes(99, &[1], b"zz"));
        records.extend(record_bytes(DIRECTORY, &[1, 2], b""));
        let event = event_bytes(mask::ATTRIB, 5, &records);
        let event = events(&event).next().unwrap().unwrap();
        let at = event.at.unwrap();
        assert_eq!((at.name, at.directory.file_system()), (&b"."[..], [9; 8]));
        assert_eq!(Handle::new(at.directory.bytes()), Ok(at.directory));
        assert_eq!(at.directory.file_handle().len(), 8 + 2);
        let file = event.file.unwrap();
        assert_eq!(&file.file_handle()[HANDLE_HEADER..], [7; 12]);
    }

    fn event_bytes(mask: u64, pid: i32, records: &[u8]) -> Vec<u8> {
        let mut event = ((FIXED + records.len()) as u32).to_ne_bytes().to_vec();
        event.extend([VERSION, 0]);
        event.extend((FIXED as u16).to_ne_bytes());
        event.extend(mask.to_ne_bytes());
        event.extend((-1_i32).to_ne_bytes());
        event.extend(pid.to_ne_bytes());
        event.extend(records);
        event
    }

    fn record_bytes(kind: u8, handle: &[u8], name: &[u8]) -> Vec<u8> {
        let length = RECORD_HEADER + FILE_SYSTEM + HANDLE_HEADER + handle.len() + name.len();
        let mut record = vec![kind, 0];
        record.extend((length as u16).to_ne_bytes());
        record.extend([9; FILE_SYSTEM]);
        record.extend((handle.len() as u32).to_ne_bytes());
        record.extend(1_i32.to_ne_bytes());
        record.extend(handle);
        record.extend(name);
        record
    }

    fn name() -> impl Strategy<Value = Vec<u8>> {
        let byte = any::<u8>().prop_filter("cannot stand in a name", |b| !b"\0/".contains(b));
        proptest::collection::vec(byte, 1..300)
    }

    fn handle() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..=LONGEST_HANDLE)
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(events(&bytes).count() <= bytes.len() / FIXED + 1);
        }

        #[test]
        fn any_records_are_read_or_refused(
            bytes in proptest::collection::vec(prop_oneof![Just(0), 0_u8..40, any::<u8>()], 0..120),
        ) {
            let event = event_bytes(mask::CREATE, 1, &bytes);
            prop_assert_eq!(events(&event).count(), 1);
        }

        #[test]
        fn what_was_put_together_is_found(
            all in proptest::collection::vec((any::<u64>(), any::<i32>(), handle(), name(), handle(), name(), 0_usize..8), 0..5),
        ) {
            let mut buffer = Vec::new();
            for (mask, pid, from, old, to, new, zeros) in &all {
                let ended = |name: &[u8]| [name, b"\0", &[0; 8][..*zeros]].concat();
                let mut records = record_bytes(OLD_DIRECTORY_AND_NAME, from, &ended(old));
                records.extend(record_bytes(NEW_DIRECTORY_AND_NAME, to, &ended(new)));
                buffer.extend(event_bytes(*mask, *pid, &records));
            }
            let found: Vec<_> = events(&buffer).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(found.len(), all.len());
            for (event, (mask, pid, from, old, to, new, _)) in found.iter().zip(&all) {
                prop_assert_eq!((event.mask, event.pid), (*mask, *pid));
                let (at, there) = (event.at.unwrap(), event.to.unwrap());
                prop_assert_eq!(at.name, old);
                prop_assert_eq!(there.name, new);
                prop_assert_eq!(&at.directory.file_handle()[HANDLE_HEADER..], from);
                prop_assert_eq!(&there.directory.file_handle()[HANDLE_HEADER..], to);
            }
        }
    }
}
