//! The master file table: every record of a `$MFT`, and every file with its paths.
//!
//! [`Mft`] reads a bare `$MFT` that somebody has collected, or the one of a volume (which finds its clusters).
//! Listing takes two passes over the table: the first learns the directories and which records continue which, the second
//! gives the files. That costs reading twice and saves holding a million names.

use super::attribute::{Attribute, FileName, Namespace, Standard, kind};
use super::record::{Record, RecordError, allocated_size};
use super::reference::Reference;
use super::reparse::Reparse;
use super::tree::{ROOT, Tree, better, same_file};
use crate::entry::{Entry, EntryKind, FileId, ORPHANS, Report, Stream, Times, VolumeError};
use crate::source::Shared;
use crate::text::{push_utf16, utf16};
use std::ops::ControlFlow;

/// Records 0 to 23 belong to the file system; some of them are in use without a name.
const RESERVED: u64 = 24;
const CHUNK: usize = 1 << 20;
const SMALLEST: usize = 512;
const LARGEST: usize = 65_536;
/// A cut table may have lost its start; the size of records is looked for this far.
const SEARCH: usize = 1 << 20;

/// Receives the number of a record and what became of it.
pub type EachRecord<'a> = dyn FnMut(u64, Result<Record<'_>, RecordError>) -> ControlFlow<()> + 'a;

/// A master file table.
pub struct Mft {
    source: Shared,
    record_size: usize,
}

/// A record that continues a base record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Extension {
    base: Reference,
    record: u64,
}

impl Mft {
    /// A bare table. The size of its records is taken from the first that is intact.
    pub fn open(source: Shared) -> Result<Mft, VolumeError> {
        let mut start = vec![0; SEARCH.min(usize::try_from(source.len()).unwrap_or(usize::MAX))];
        source
            .read_exact_at(0, &mut start)
            .map_err(|source| VolumeError::Read {
                what: "the MFT",
                offset: 0,
                source,
            })?;
        let size = start
            .chunks(SMALLEST)
            .filter_map(allocated_size)
            .filter_map(|size| usize::try_from(size).ok())
            .find(|size| size.is_power_of_two() && (SMALLEST..=LARGEST).contains(size));
        match size {
            Some(size) => Mft::with_record_size(source, size),
            None => Err(VolumeError::Damaged {
                what: "the MFT",
                why: "it starts without any FILE record",
            }),
        }
    }

    /// A table whose size of records is known.
    pub fn with_record_size(source: Shared, size: usize) -> Result<Mft, VolumeError> {
        if !size.is_power_of_two() || !(SMALLEST..=LARGEST).contains(&size) {
            return Err(VolumeError::Damaged {
                what: "the MFT",
                why: "its records have an impossible size",
            });
        }
        Ok(Mft {
            source,
            record_size: size,
        })
    }

    /// Bytes of a record.
    pub fn record_size(&self) -> usize {
        self.record_size
    }

    /// Records, the never used ones included.
    pub fn count(&self) -> u64 {
        self.source.len() / self.record_size as u64
    }

    /// Reads one record into `buffer`, whose earlier content does not matter.
    pub fn read<'b>(
        &self,
        number: u64,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Result<Record<'b>, RecordError>, VolumeError> {
        if number >= self.count() {
            return Err(VolumeError::NoSuchFile { id: number });
        }
        buffer.resize(self.record_size, 0);
        let offset = number * self.record_size as u64;
        self.source
            .read_exact_at(offset, buffer)
            .map_err(|source| VolumeError::Read {
                what: "the MFT",
                offset,
                source,
            })?;
        Ok(Record::parse(buffer))
    }

    /// Gives every record in order. Stretches that the source knows to be empty are left out.
    pub fn records(&self, each: &mut EachRecord<'_>) -> ControlFlow<()> {
        let size = self.record_size as u64;
        let end = self.count() * size;
        let mut buffer = vec![0; CHUNK];
        let mut offset = 0;
        while offset < end {
            offset = self.source.data_from(offset) / size * size;
            let wanted = usize::try_from(end.saturating_sub(offset))
                .unwrap_or(CHUNK)
                .min(CHUNK);
            let Some(chunk) = buffer.get_mut(..wanted) else {
                break;
            };
            let filled = match self.source.read_full_at(offset, chunk) {
                Ok(filled) => filled,
                Err(_) => {
                    self.one_by_one(offset / size, (offset + wanted as u64) / size, each)?;
                    offset += wanted as u64;
                    continue;
                }
            };
            for (index, record) in chunk
                .get_mut(..filled)
                .unwrap_or_default()
                .chunks_exact_mut(self.record_size)
                .enumerate()
            {
                each(offset / size + index as u64, Record::parse(record))?;
            }
            if filled < wanted {
                break;
            }
            offset += wanted as u64;
        }
        ControlFlow::Continue(())
    }

    /// Around a bad sector, what can be read still is.
    fn one_by_one(&self, from: u64, to: u64, each: &mut EachRecord<'_>) -> ControlFlow<()> {
        let mut buffer = Vec::new();
        for number in from..to {
            let record = self.read(number, &mut buffer);
            each(number, record.unwrap_or(Err(RecordError::Unreadable)))?;
        }
        ControlFlow::Continue(())
    }

    /// Gives every file, directory and deleted file.
    pub fn entries(
        &self,
        each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<Report, VolumeError> {
        let (mut tree, extensions) = self.survey();
        let mut report = Report::default();
        let mut spare = Vec::new();
        let end = self.records(&mut |number, record| {
            let record = match record {
                Ok(record) => record,
                Err(RecordError::Unused) => return ControlFlow::Continue(()),
                Err(_) => {
                    report.damaged += 1;
                    return ControlFlow::Continue(());
                }
            };
            report.damaged += u64::from(record.is_torn());
            if record.base().is_some() {
                return ControlFlow::Continue(());
            }
            let mut file = Builder::new(&mut tree, number, &record);
            file.entry.damaged = record.is_torn();
            let mut continued = false;
            for attribute in record.attributes() {
                continued |= attribute.kind == kind::ATTRIBUTE_LIST;
                file.take(&attribute);
            }
            if continued {
                for extension in of(&extensions, number) {
                    if !same_file(extension.base, record.sequence(), record.in_use()) {
                        continue;
                    }
                    match self.read(extension.record, &mut spare) {
                        Ok(Ok(more)) => {
                            file.entry.damaged |= more.is_torn();
                            more.attributes()
                                .for_each(|attribute| file.take(&attribute));
                        }
                        Ok(Err(_)) | Err(_) => report.damaged += 1,
                    }
                }
            }
            let Some(entry) = file.finish() else {
                return ControlFlow::Continue(());
            };
            report.entries += 1;
            report.deleted += u64::from(entry.deleted);
            report.orphans += u64::from(entry.orphan);
            each(entry)
        });
        report.stopped = end.is_break();
        Ok(report)
    }

    /// The first pass: all directories, and which records continue which, sorted.
    fn survey(&self) -> (Tree, Vec<Extension>) {
        let mut tree = Tree::default();
        let mut extensions = Vec::new();
        let mut nameless = Vec::new();
        let everything = self.records(&mut |number, record| {
            let Ok(record) = record else {
                return ControlFlow::Continue(());
            };
            match record.base() {
                Some(base) => extensions.push(Extension {
                    base,
                    record: number,
                }),
                None if record.is_directory() => match best_name(&record) {
                    Some(name) => tree.add(number, &record, &name),
                    None => nameless.push(number),
                },
                None => {}
            }
            ControlFlow::Continue(())
        });
        debug_assert!(everything.is_continue());
        extensions.sort_unstable_by_key(|extension| (extension.base.number(), extension.record));
        let (mut buffer, mut spare) = (Vec::new(), Vec::new());
        for number in nameless {
            let Ok(Ok(record)) = self.read(number, &mut buffer) else {
                continue;
            };
            for extension in of(&extensions, number) {
                if let Ok(Ok(more)) = self.read(extension.record, &mut spare)
                    && same_file(extension.base, record.sequence(), record.in_use())
                    && let Some(name) = best_name(&more)
                {
                    tree.add(number, &record, &name);
                    break;
                }
            }
        }
        (tree, extensions)
    }
}

/// The records that continue a base record, in order.
fn of(extensions: &[Extension], base: u64) -> &[Extension] {
    let start = extensions.partition_point(|extension| extension.base.number() < base);
    let found = extensions.get(start..).unwrap_or_default();
    let len = found
        .iter()
        .take_while(|extension| extension.base.number() == base)
        .count();
    found.get(..len).unwrap_or_default()
}

fn best_name<'a>(record: &Record<'a>) -> Option<FileName<'a>> {
    record
        .attributes()
        .filter(|attribute| attribute.kind == kind::FILE_NAME)
        .filter_map(|attribute| FileName::parse(attribute.resident()?))
        .fold(None, better)
}

/// Puts an entry together from the attributes of one file, in whatever records they lie.
struct Builder<'t> {
    tree: &'t mut Tree,
    entry: Entry,
    number: u64,
    directory: bool,
    short: Option<(Vec<u8>, bool, Times)>,
}

impl<'t> Builder<'t> {
    fn new(tree: &'t mut Tree, number: u64, record: &Record<'_>) -> Builder<'t> {
        let directory = record.is_directory();
        let kind = if directory {
            EntryKind::Directory
        } else {
            EntryKind::File
        };
        let id = FileId(Reference::new(number, record.sequence()).0);
        let entry = Entry {
            paths: Vec::with_capacity(1),
            deleted: !record.in_use(),
            ..Entry::new(id, kind)
        };
        Builder {
            tree,
            entry,
            number,
            directory,
            short: None,
        }
    }

    fn take(&mut self, attribute: &Attribute<'_>) {
        match attribute.kind {
            kind::STANDARD_INFORMATION => self.standard(attribute),
            kind::FILE_NAME => self.name(attribute),
            kind::DATA => self.data(attribute),
            kind::REPARSE_POINT => {
                if let Some(reparse) = attribute.resident().and_then(Reparse::parse) {
                    self.entry.kind = reparse.kind.unwrap_or(self.entry.kind);
                    self.entry.link_target = reparse.target;
                }
            }
            _ => {}
        }
    }

    fn standard(&mut self, attribute: &Attribute<'_>) {
        let Some(standard) = attribute.resident().and_then(Standard::parse) else {
            return;
        };
        self.entry.modified = standard.times.modified;
        self.entry.changed = standard.times.changed;
        self.entry.created = standard.times.created;
        self.entry.accessed = standard.times.accessed;
        self.entry.dos_attributes = Some(standard.attributes);
    }

    fn name(&mut self, attribute: &Attribute<'_>) {
        let Some(name) = attribute.resident().and_then(FileName::parse) else {
            return;
        };
        if self.number == ROOT {
            self.entry.name_times = Some(name.times);
            return;
        }
        let (parent, orphan) = self.tree.path(name.parent);
        let mut path = Vec::with_capacity(parent.len() + 1 + name.name.len() / 2);
        path.extend_from_slice(parent);
        path.push(b'/');
        push_utf16(name.name, &mut path);
        if name.namespace == Namespace::Dos {
            self.short.get_or_insert((path, orphan, name.times));
        } else {
            self.add(path, orphan, name.times);
        }
    }

    fn add(&mut self, path: Vec<u8>, orphan: bool, times: Times) {
        self.entry.paths.push(path);
        self.entry.orphan |= orphan;
        self.entry.name_times.get_or_insert(times);
    }

    fn data(&mut self, attribute: &Attribute<'_>) {
        let Some(size) = attribute.size() else { return };
        if !attribute.name.is_empty() {
            self.entry.streams.push(Stream {
                name: utf16(attribute.name),
                size,
            });
        } else if !self.directory {
            self.entry.size = size;
        }
    }

    fn finish(mut self) -> Option<Entry> {
        if self.number == ROOT {
            self.entry.paths.push(b"/".to_vec());
        } else if self.entry.paths.is_empty() {
            // A short name alone is all that damage has left, or a file without any name.
            match self.short.take() {
                Some((path, orphan, times)) => self.add(path, orphan, times),
                // Neither a reserved record nor one that was only made ready has ever been a file.
                None if self.number < RESERVED || self.entry.dos_attributes.is_none() => {
                    return None;
                }
                None => {
                    let path =
                        [ORPHANS, format!("/OrphanFile-{}", self.number).as_bytes()].concat();
                    self.entry.paths.push(path);
                    self.entry.orphan = true;
                }
            }
        }
        self.entry.links = u32::try_from(self.entry.paths.len()).unwrap_or(u32::MAX);
        Some(self.entry)
    }
}
