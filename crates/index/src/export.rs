//! The whole Index in the forms of other tools: body file, CSV, JSON lines, Parquet.
//!
//! Rows go out as they are read, in one reading of the database, so that memory does not grow with their number and
//! all of them are of one moment. [`COLUMNS`] are those of every form but the body file, which has its own.

mod body;
mod parquet;

use crate::entry::flag;
use crate::query::{self, Filter, Record};
use crate::store::{StoreError, doing};
use crate::text;
use crate::times;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::ControlFlow;

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Body file of The Sleuth Kit 3, for timelines.
    Bodyfile,
    /// Comma separated values with a line of names, RFC 4180.
    Csv,
    /// One JSON object a line; what is not known is left out.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

/// Failure of an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Where it goes.
    #[error("cannot write the export")]
    Write(#[source] io::Error),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// A number of 64 bits without sign.
    Number,
    /// A time, as [`crate::times`] has it; in text as RFC 3339. In Parquet nanoseconds since 1970 UTC, and null where those do
    /// not reach.
    Time,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub holds: Type,
    /// Every row has it.
    pub always: bool,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Not known, or there is none.
    None,
    /// See [`Type::Text`].
    Text(String),
    /// See [`Type::Number`].
    Number(u64),
    /// See [`Type::Time`].
    Time(i64),
}

const fn column(name: &'static str, holds: Type, always: bool) -> Column {
    Column {
        name,
        holds,
        always,
    }
}

/// The columns, in order. Times are `modified` (content), `changed` (anything), `born`, and the Index' own.
pub const COLUMNS: [Column; 32] = [
    column("path", Type::Text, true),
    column("name", Type::Text, true),
    column("kind", Type::Text, true),
    column("size", Type::Number, true),
    column("modified", Type::Time, false),
    column("changed", Type::Time, false),
    column("born", Type::Time, false),
    column("mode", Type::Text, true),
    column("uid", Type::Number, true),
    column("gid", Type::Number, true),
    column("owner", Type::Text, false),
    column("group", Type::Text, false),
    column("links", Type::Number, true),
    column("inode", Type::Number, true),
    column("flags", Type::Text, false),
    column("target", Type::Text, false),
    column("state", Type::Text, true),
    column("magic", Type::Text, false),
    column("mime", Type::Text, false),
    column("md5", Type::Text, false),
    column("sha1", Type::Text, false),
    column("sha256", Type::Text, false),
    column("blake3", Type::Text, false),
    column("hashed", Type::Time, false),
    column("content_changed", Type::Time, false),
    column("first_seen", Type::Time, true),
    column("set_back_from", Type::Time, false),
    column("extended", Type::Text, false),
    column("capabilities", Type::Text, false),
    column("volume", Type::Text, true),
    column("filesystem", Type::Text, true),
    column("device", Type::Text, true),
];

/// What rows need beside their record.
struct Around {
    /// Point, file system and device of each volume.
    volumes: BTreeMap<i64, [String; 3]>,
    /// Volumes whose inodes are file references of NTFS.
    ntfs: BTreeSet<i64>,
    /// Names of users (0) and groups (1).
    principals: BTreeMap<(i64, u32), String>,
}

impl Around {
    fn read(connection: &Connection) -> Result<Self, StoreError> {
        let failed = doing("read what is indexed");
        let readable = |row: &rusqlite::Row<'_>, at| {
            row.get_ref(at)
                .map(|value| text::readable(text::bytes(value)).into_owned())
        };
        let volumes: BTreeMap<i64, [String; 3]> = connection
            .prepare("SELECT id, point, kind, source FROM volume")
            .and_then(|mut s| {
                s.query_map([], |row| {
                    let facts = [readable(row, 1)?, row.get(2)?, readable(row, 3)?];
                    Ok((row.get(0)?, facts))
                })?
                .collect()
            })
            .map_err(&failed)?;
        let principals = connection
            .prepare("SELECT kind, id, name FROM principal")
            .and_then(|mut s| {
                s.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)))?
                    .collect()
            })
            .map_err(doing("read the names of users"))?;
        Ok(Self {
            ntfs: volumes
                .iter()
                .filter(|(_, [_, kind, _])| kind.eq_ignore_ascii_case("ntfs"))
                .map(|(id, _)| *id)
                .collect(),
            volumes,
            principals,
        })
    }
}

/// Takes rows.
trait Form {
    fn row(&mut self, record: &Record, around: &Around) -> io::Result<()>;
    fn end(&mut self) -> io::Result<()>;
}

/// Writes every entry of the database. Returns how many.
///
/// # Errors
/// [`ExportError`].
pub fn export(
    connection: &Connection,
    format: Format,
    out: &mut dyn Write,
) -> Result<u64, ExportError> {
    let around = Around::read(connection)?;
    let mut form: Box<dyn Form + '_> = match format {
        Format::Bodyfile => Box::new(body::Body(out)),
        Format::Csv => Box::new(Csv::begin(out).map_err(ExportError::Write)?),
        Format::Jsonl => Box::new(Jsonl(out)),
        Format::Parquet => Box::new(Table(
            parquet::Writer::begin(out, &COLUMNS, parquet::Packing::Gzip)
                .map_err(ExportError::Write)?,
        )),
    };
    let everything = Filter {
        directories: true,
        ..Filter::default()
    };
    let (mut rows, mut failure) = (0, None);
    query::find(connection, &everything, &mut |record| {
        rows += 1;
        match form.row(&record, &around) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match failure {
        Some(error) => Err(ExportError::Write(error)),
        None => form.end().map_err(ExportError::Write).map(|()| rows),
    }
}

const SECOND: i64 = 1_000_000_000;

fn cells(record: &Record, around: &Around) -> [Cell; COLUMNS.len()] {
    let a = &record.attributes;
    let some = |text: Option<String>| text.map_or(Cell::None, Cell::Text);
    let readable = |bytes: &[u8]| Cell::Text(text::readable(bytes).into_owned());
    let hex = |bytes: &Option<Vec<u8>>| some(bytes.as_deref().map(text::hex));
    let time = |time: Option<i64>| match time {
        None | Some(times::NONE) => Cell::None,
        Some(time) => Cell::Time(time),
    };
    let seconds = |s: Option<i64>| time(s.map(|s| s.saturating_mul(SECOND)));
    let principal = |kind, id| some(around.principals.get(&(kind, id)).cloned());
    let [point, kind, device] = around
        .volumes
        .get(&record.volume)
        .cloned()
        .unwrap_or_default();
    [
        readable(&record.path()),
        readable(&record.name),
        Cell::Text(a.kind().name().to_owned()),
        Cell::Number(a.size),
        time(Some(a.mtime)),
        time(Some(a.ctime)),
        time(a.btime),
        Cell::Text(format!("{:04o}", a.mode & 0o7777)),
        Cell::Number(a.uid.into()),
        Cell::Number(a.gid.into()),
        principal(0, a.uid),
        principal(1, a.gid),
        Cell::Number(a.links.into()),
        Cell::Number(a.inode),
        some(flags(a.flags)),
        record.target.as_deref().map_or(Cell::None, readable),
        Cell::Text(record.state.name().to_owned()),
        some(record.magic.as_deref().map(|m| text::hex(m).to_uppercase())),
        some(record.mime.clone()),
        hex(&record.md5),
        hex(&record.sha1),
        hex(&record.sha256),
        hex(&record.blake3),
        seconds(record.hashed),
        seconds(record.changed),
        seconds(Some(record.first_seen)),
        time(record.set_back_from),
        some(
            record
                .extended
                .as_ref()
                .map(|names| names.replace('\n', ",")),
        ),
        some(record.capabilities.clone()),
        Cell::Text(point),
        Cell::Text(kind),
        Cell::Text(device),
    ]
}

fn flags(bits: u32) -> Option<String> {
    let names = [
        (flag::IMMUTABLE, "immutable"),
        (flag::APPEND_ONLY, "append-only"),
        (flag::COMPRESSED, "compressed"),
        (flag::ENCRYPTED, "encrypted"),
        (flag::VERITY, "verity"),
        (flag::HIDDEN, "hidden"),
        (flag::SYSTEM, "system"),
        (flag::READ_ONLY, "read-only"),
        (flag::MOUNT_POINT, "mount-point"),
        (flag::STREAM, "stream"),
        (flag::DAMAGED, "damaged"),
    ];
    let set: Vec<&str> = names
        .iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| *name)
        .collect();
    (!set.is_empty()).then(|| set.join(","))
}

struct Csv<'o>(&'o mut dyn Write);

impl<'o> Csv<'o> {
    fn begin(out: &'o mut dyn Write) -> io::Result<Self> {
        let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        writeln!(out, "{}", names.join(","))?;
        Ok(Self(out))
    }
}

impl Form for Csv<'_> {
    fn row(&mut self, record: &Record, around: &Around) -> io::Result<()> {
        let mut line = String::with_capacity(512);
        for cell in cells(record, around) {
            match cell {
                Cell::None => {}
                Cell::Text(text) => question::csv::field(&mut line, &text),
                Cell::Number(number) => line.push_str(&number.to_string()),
                Cell::Time(time) => line.push_str(&text::time(time)),
            }
            line.push(',');
        }
        line.pop();
        line.push('\n');
        self.0.write_all(line.as_bytes())
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

struct Jsonl<'o>(&'o mut dyn Write);

impl Form for Jsonl<'_> {
    fn row(&mut self, record: &Record, around: &Around) -> io::Result<()> {
        let mut object = serde_json::Map::new();
        for (column, cell) in COLUMNS.iter().zip(cells(record, around)) {
            let value = match cell {
                Cell::None => continue,
                Cell::Text(text) => text.into(),
                Cell::Number(number) => number.into(),
                Cell::Time(time) => text::time(time).into(),
            };
            object.insert(column.name.to_owned(), value);
        }
        let line = serde_json::to_string(&object)?;
        self.0
            .write_all(question::cell::harmless_json(&line).as_bytes())?;
        self.0.write_all(b"\n")
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

struct Table<'o>(parquet::Writer<'o>);

impl Form for Table<'_> {
    fn row(&mut self, record: &Record, around: &Around) -> io::Result<()> {
        self.0.row(&cells(record, around))
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.end()
    }
}
