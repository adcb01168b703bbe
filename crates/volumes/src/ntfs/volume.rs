//! A whole NTFS volume: finds the MFT through the boot sector, and the content of files through their records.

use super::attribute::{Attribute, Body, kind, listed};
use super::boot::Boot;
use super::mft::Mft;
use super::record::Record;
use super::reference::Reference;
use super::reparse::Reparse;
use super::runs::{self, Run};
use super::stream::{Extents, NtfsStream};
use super::tree::same_file;
use crate::entry::{Entry, FileId, FileSystem, Report, VolumeError};
use crate::source::{Cursor, ReadAt, Shared};
use crate::text::utf16;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

/// The system itself keeps attribute lists below this.
const LONGEST_LIST: u64 = 256 << 10;
/// Pieces of one attribute, in all its records. No real file comes near.
const MOST_RUNS: usize = 4 << 20;
const LARGEST_UNIT: u64 = 1 << 20;

/// An NTFS volume.
pub struct Ntfs {
    volume: Shared,
    boot: Boot,
    mft: Mft,
}

impl Ntfs {
    /// Reads the boot sector and finds the MFT.
    pub fn open(volume: Shared) -> Result<Ntfs, VolumeError> {
        let boot = Boot::read(&volume)?;
        let size = usize::try_from(boot.record).unwrap_or(usize::MAX);
        let table = first_record(&volume, &boot, size, boot.mft)
            .or_else(|error| first_record(&volume, &boot, size, boot.mirror).map_err(|_| error))?;
        // Only what is on the volume can be read: a forged size must not make work.
        let solid = table.extents.solid().saturating_mul(boot.cluster);
        let len = table.size.min(solid).min(volume.len());
        let table = NtfsStream {
            size: len,
            initialised: len,
            ..table
        };
        let mft = Mft::with_record_size(Arc::new(table), size)?;
        Ok(Ntfs { volume, boot, mft })
    }

    /// What the boot sector says.
    pub fn boot(&self) -> &Boot {
        &self.boot
    }

    /// The master file table.
    pub fn mft(&self) -> &Mft {
        &self.mft
    }

    /// Name of the volume.
    pub fn label(&self) -> Result<Vec<u8>, VolumeError> {
        let name = self.value(Reference(3), kind::VOLUME_NAME, b"")?;
        let mut units = vec![0; usize::try_from(name.len().min(512)).unwrap_or_default()];
        name.read_exact_at(0, &mut units)
            .map_err(|source| VolumeError::Read {
                what: "the label",
                offset: 0,
                source,
            })?;
        Ok(utf16(&units))
    }

    /// The content of a file, or with a name (as WTF-8) one of its streams.
    pub fn stream(&self, file: Reference, name: &[u8]) -> Result<Shared, VolumeError> {
        if name.is_empty() {
            let mut tag = [0; 4];
            if let Ok(value) = self.value(file, kind::REPARSE_POINT, b"")
                && value.read_exact_at(0, &mut tag).is_ok()
                && let Some(what) = Reparse::hides_content(u32::from_le_bytes(tag))
            {
                return Err(VolumeError::Unsupported { what });
            }
        }
        self.value(file, kind::DATA, name)
    }

    /// The change journal, when the volume keeps one; see [`super::usn`].
    pub fn journal(&self) -> Result<Option<Shared>, VolumeError> {
        let mut found = None;
        self.mft.entries(&mut |entry| {
            if !entry.deleted && entry.paths.iter().any(|path| path == b"/$Extend/$UsnJrnl") {
                found = Some(Reference(entry.id.0));
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        found.map(|file| self.stream(file, b"$J")).transpose()
    }

    /// The value of an attribute, wherever it lies.
    pub fn value(&self, file: Reference, kind: u32, name: &[u8]) -> Result<Shared, VolumeError> {
        let mut buffer = Vec::new();
        let record = self.record(file, &mut buffer)?;
        if !same_file(file, record.sequence(), record.in_use()) {
            return Err(VolumeError::NoSuchFile { id: file.0 });
        }
        let mut pieces = Pieces::new(kind, name);
        pieces.take(&record)?;
        if let Some(list) = self.list(&record)? {
            let mut records: Vec<Reference> = listed(&list)
                .filter(|entry| entry.kind == kind && utf16(entry.name) == name)
                .map(|entry| entry.record)
                .filter(|record| record.number() != file.number())
                .collect();
            records.sort_unstable();
            records.dedup();
            let mut spare = Vec::new();
            for reference in records {
                let more = self.record(reference, &mut spare)?;
                if more
                    .base()
                    .is_some_and(|base| base.number() == file.number())
                {
                    pieces.take(&more)?;
                }
            }
        }
        match pieces.finish(&self.volume, self.boot.cluster)? {
            Value::Resident(bytes) => Ok(Arc::new(bytes)),
            Value::Stream(stream) => Ok(Arc::new(stream)),
        }
    }

    fn record<'b>(
        &self,
        file: Reference,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Record<'b>, VolumeError> {
        self.mft
            .read(file.number(), buffer)?
            .map_err(|_| VolumeError::Damaged {
                what: "the FILE record",
                why: "it does not hold a file",
            })
    }

    fn list(&self, record: &Record<'_>) -> Result<Option<Vec<u8>>, VolumeError> {
        read_list(record, &self.volume, self.boot.cluster)
    }
}

impl FileSystem for Ntfs {
    fn kind(&self) -> &'static str {
        "ntfs"
    }

    fn entries(
        &mut self,
        each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<Report, VolumeError> {
        self.mft.entries(each)
    }

    fn open(&mut self, id: FileId) -> Result<Box<dyn Read + '_>, VolumeError> {
        self.open_stream(id, b"")
    }

    fn open_stream(&mut self, id: FileId, name: &[u8]) -> Result<Box<dyn Read + '_>, VolumeError> {
        Ok(Box::new(Cursor::new(self.stream(Reference(id.0), name)?)))
    }
}

/// The content of the MFT itself. Its pieces may lie in records that earlier pieces hold, so they are taken in order.
fn first_record(
    volume: &Shared,
    boot: &Boot,
    size: usize,
    at: u64,
) -> Result<NtfsStream, VolumeError> {
    const WHAT: &str = "the first record of the MFT";
    if !size.is_power_of_two() || !(512..=65_536).contains(&size) {
        return Err(VolumeError::Damaged {
            what: "the boot sector",
            why: "records have an impossible size",
        });
    }
    let offset = at.checked_mul(boot.cluster).ok_or(VolumeError::Damaged {
        what: WHAT,
        why: "it lies nowhere",
    })?;
    let mut buffer = vec![0; size];
    volume
        .read_exact_at(offset, &mut buffer)
        .map_err(|source| VolumeError::Read {
            what: WHAT,
            offset,
            source,
        })?;
    let record = Record::parse(&mut buffer).map_err(|_| VolumeError::Damaged {
        what: WHAT,
        why: "it is no FILE record",
    })?;
    let mut pieces = Pieces::new(kind::DATA, b"");
    pieces.take(&record)?;
    let Some(list) = read_list(&record, volume, boot.cluster)? else {
        return pieces.finish(volume, boot.cluster)?.into_stream();
    };
    let mut wanted: Vec<(u64, u64)> = listed(&list)
        .filter(|entry| {
            entry.kind == kind::DATA && entry.name.is_empty() && entry.record.number() != 0
        })
        .map(|entry| (entry.first, entry.record.number()))
        .collect();
    wanted.sort_unstable();
    let mut spare = vec![0; size];
    for (first, number) in wanted {
        pieces.runs.sort_unstable_by_key(|run| run.first);
        let known = Extents {
            volume: volume.clone(),
            cluster: boot.cluster,
            runs: std::mem::take(&mut pieces.runs),
        };
        // The rest may be lost: what is known so far is still a table.
        let found = known.solid() >= first
            && read_all(&known, number.saturating_mul(size as u64), &mut spare);
        pieces.runs = known.runs;
        if !found {
            break;
        }
        if let Ok(more) = Record::parse(&mut spare)
            && more.base().is_some_and(|base| base.number() == 0)
        {
            pieces.take(&more)?;
        }
    }
    pieces.finish(volume, boot.cluster)?.into_stream()
}

fn read_all(extents: &Extents, offset: u64, buffer: &mut [u8]) -> bool {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match extents.read(offset.saturating_add(filled as u64), rest) {
            Ok(count) if count > 0 => filled += count,
            _ => return false,
        }
    }
    true
}

/// The attribute list of a record, if it has one.
fn read_list(
    record: &Record<'_>,
    volume: &Shared,
    cluster: u64,
) -> Result<Option<Vec<u8>>, VolumeError> {
    if !record
        .attributes()
        .any(|attribute| attribute.kind == kind::ATTRIBUTE_LIST)
    {
        return Ok(None);
    }
    let mut pieces = Pieces::new(kind::ATTRIBUTE_LIST, b"");
    pieces.take(record)?;
    match pieces.finish(volume, cluster)? {
        Value::Resident(bytes) => Ok(Some(bytes)),
        Value::Stream(stream) => {
            let mut list =
                vec![0; usize::try_from(stream.size.min(LONGEST_LIST)).unwrap_or_default()];
            stream
                .read_exact_at(0, &mut list)
                .map_err(|source| VolumeError::Read {
                    what: "an attribute list",
                    offset: 0,
                    source,
                })?;
            Ok(Some(list))
        }
    }
}

enum Value {
    Resident(Vec<u8>),
    Stream(NtfsStream),
}

impl Value {
    fn into_stream(self) -> Result<NtfsStream, VolumeError> {
        match self {
            Value::Stream(stream) => Ok(stream),
            Value::Resident(_) => Err(VolumeError::Damaged {
                what: "the MFT",
                why: "it claims to lie in its own record",
            }),
        }
    }
}

/// One attribute, gathered from the records that hold its pieces.
struct Pieces<'n> {
    kind: u32,
    name: &'n [u8],
    resident: Option<Vec<u8>>,
    head: Option<Head>,
    runs: Vec<Run>,
}

#[derive(Clone, Copy)]
struct Head {
    size: u64,
    initialised: u64,
    unit: Option<u8>,
    encrypted: bool,
}

impl<'n> Pieces<'n> {
    fn new(kind: u32, name: &'n [u8]) -> Pieces<'n> {
        Pieces {
            kind,
            name,
            resident: None,
            head: None,
            runs: Vec::new(),
        }
    }

    fn take(&mut self, record: &Record<'_>) -> Result<(), VolumeError> {
        let (kind, name) = (self.kind, self.name);
        record
            .attributes()
            .filter(|attribute| attribute.kind == kind && utf16(attribute.name) == name)
            .try_for_each(|attribute| self.piece(&attribute))
    }

    fn piece(&mut self, attribute: &Attribute<'_>) -> Result<(), VolumeError> {
        const WHAT: &str = "the content of the file";
        let piece = match attribute.body {
            Body::Resident(value) => {
                self.resident.get_or_insert_with(|| value.to_vec());
                return Ok(());
            }
            Body::NonResident(piece) => piece,
        };
        if piece.first == 0 {
            let head = Head {
                size: piece.size,
                initialised: piece.initialised,
                unit: attribute
                    .is_compressed()
                    .then_some(piece.unit)
                    .filter(|unit| *unit > 0),
                encrypted: attribute.is_encrypted(),
            };
            self.head.get_or_insert(head);
        }
        for run in runs::decode(piece.runs, piece.first) {
            let run = run.map_err(|_| VolumeError::Damaged {
                what: WHAT,
                why: "its mapping pairs make no sense",
            })?;
            if self.runs.len() >= MOST_RUNS {
                return Err(VolumeError::Damaged {
                    what: WHAT,
                    why: "it has more runs than any file",
                });
            }
            self.runs.push(run);
        }
        Ok(())
    }

    fn finish(mut self, volume: &Shared, cluster: u64) -> Result<Value, VolumeError> {
        if let Some(bytes) = self.resident {
            return Ok(Value::Resident(bytes));
        }
        let head = match self.head {
            Some(head) => head,
            None if self.runs.is_empty() => return Err(VolumeError::NoContent),
            None => {
                return Err(VolumeError::Damaged {
                    what: "the content of the file",
                    why: "its first piece is lost",
                });
            }
        };
        if head.encrypted {
            return Err(VolumeError::Unsupported {
                what: "content encrypted by the file system (EFS)",
            });
        }
        self.runs.sort_unstable_by_key(|run| run.first);
        if self
            .runs
            .array_windows()
            .any(|[left, right]| left.end() > right.first)
        {
            return Err(VolumeError::Damaged {
                what: "the content of the file",
                why: "its pieces overlap",
            });
        }
        let unit = head
            .unit
            .map(|power| 1u64.checked_shl(power.into()).unwrap_or(u64::MAX));
        if unit.is_some_and(|unit| unit.saturating_mul(cluster) > LARGEST_UNIT) {
            return Err(VolumeError::Damaged {
                what: "the content of the file",
                why: "its compression units are too large",
            });
        }
        Ok(Value::Stream(NtfsStream {
            extents: Extents {
                volume: volume.clone(),
                cluster,
                runs: self.runs,
            },
            size: head.size,
            initialised: head.initialised,
            unit,
            expanded: Mutex::new(None),
        }))
    }
}
