//! A writer of Apache Parquet files, as small as flat tables of texts, numbers and times allow.
//!
//! The kept crate for this format costs more building time than the rest of the Index' dependencies together, and most of it
//! is for what is not needed here: nested schemas, dictionaries, statistics, all codecs, reading. What is written is the
//! plain core of the format that every reader knows: row groups of one data page (version 1) to a column, PLAIN values,
//! GZIP, the footer in Thrift's compact protocol.
//! Formats: <https://parquet.apache.org/docs/file-format/>, and
//! <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.
//!
//! A row group is held in memory until it is full: at most [`MOST_ROWS`] rows or [`MOST_BYTES`] bytes.

use super::{Cell, Column, Type};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};

const MOST_ROWS: u32 = 65_536;
const MOST_BYTES: usize = 16 << 20;
const MAGIC: &[u8] = b"PAR1";

/// Numbers of the format's enumerations.
mod is {
    pub(super) const INT64: i32 = 2;
    pub(super) const BYTE_ARRAY: i32 = 6;
    pub(super) const REQUIRED: i32 = 0;
    pub(super) const OPTIONAL: i32 = 1;
    pub(super) const CONVERTED_UTF8: i32 = 0;
    pub(super) const CONVERTED_UINT_64: i32 = 14;
    pub(super) const PLAIN: i32 = 0;
    pub(super) const RLE: i32 = 3;
    pub(super) const DATA_PAGE: i32 = 0;
}

/// How pages are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Packing {
    /// Not at all: the same bytes with every version of the packer, which is what a test needs.
    #[cfg_attr(not(test), expect(dead_code, reason = "for tests"))]
    Plain = 0,
    /// As gzip does.
    Gzip = 2,
}

/// A column of the row group under way.
#[derive(Default)]
struct Part {
    values: Vec<u8>,
    /// A bit for each row, lowest first: whether there is a value.
    there: Vec<u8>,
}

/// A column of a row group that was written.
struct Chunk {
    offset: i64,
    plain: i64,
    packed: i64,
}

struct Group {
    rows: u32,
    chunks: Vec<Chunk>,
}

/// Writes a file, row by row.
pub(super) struct Writer<'o> {
    out: &'o mut dyn Write,
    at: i64,
    columns: &'static [Column],
    packing: Packing,
    most_rows: u32,
    parts: Vec<Part>,
    rows: u32,
    bytes: usize,
    groups: Vec<Group>,
}

impl<'o> Writer<'o> {
    pub(super) fn begin(
        out: &'o mut dyn Write,
        columns: &'static [Column],
        packing: Packing,
    ) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        Ok(Self {
            out,
            at: MAGIC.len() as i64,
            columns,
            packing,
            most_rows: MOST_ROWS,
            parts: columns.iter().map(|_| Part::default()).collect(),
            rows: 0,
            bytes: 0,
            groups: Vec::new(),
        })
    }

    /// One row; a cell that is not of its column's type counts as none, or as empty where the column needs one.
    pub(super) fn row(&mut self, cells: &[Cell]) -> io::Result<()> {
        let (byte, bit) = (self.rows / 8, self.rows % 8);
        for ((column, part), cell) in self.columns.iter().zip(&mut self.parts).zip(cells) {
            let before = part.values.len();
            let there = match (column.holds, cell) {
                (Type::Text, Cell::Text(text)) => text_value(&mut part.values, text.as_bytes()),
                (Type::Number, Cell::Number(number)) => number_value(&mut part.values, *number),
                (Type::Time, Cell::Time(time)) if !crate::times::is_far(*time) => {
                    number_value(&mut part.values, time.cast_unsigned())
                }
                (Type::Text, _) if column.always => text_value(&mut part.values, b""),
                (_, _) if column.always => number_value(&mut part.values, 0),
                _ => false,
            };
            if !column.always {
                part.there.resize(byte as usize + 1, 0);
                if let Some(last) = part.there.last_mut() {
                    *last |= u8::from(there) << bit;
                }
            }
            self.bytes += part.values.len() - before;
        }
        self.rows += 1;
        if self.rows >= self.most_rows || self.bytes >= MOST_BYTES {
            self.group()?;
        }
        Ok(())
    }

    /// Writes the row group that is in memory.
    fn group(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let mut chunks = Vec::with_capacity(self.columns.len());
        for (column, part) in self.columns.iter().zip(&mut self.parts) {
            let levels = if column.always {
                Vec::new()
            } else {
                levels(&part.there)
            };
            let plain = levels.len() + part.values.len();
            let page = pack(self.packing, &levels, &part.values)?;
            // Room that one group of long names needed is not kept for all that follow.
            part.values.clear();
            part.values.shrink_to(MOST_BYTES / 16);
            part.there.clear();
            let header = page_header(rows, size(plain)?, size(page.len())?);
            chunks.push(Chunk {
                offset: self.at,
                plain: (header.len() + plain) as i64,
                packed: (header.len() + page.len()) as i64,
            });
            self.out.write_all(&header)?;
            self.out.write_all(&page)?;
            self.at += (header.len() + page.len()) as i64;
        }
        self.groups.push(Group { rows, chunks });
        Ok(())
    }

    /// Writes what is left, and the footer.
    pub(super) fn end(&mut self) -> io::Result<()> {
        self.group()?;
        let footer = footer(self.columns, &self.groups, self.packing);
        self.out.write_all(&footer)?;
        self.out
            .write_all(&u32::try_from(footer.len()).map_err(too_long)?.to_le_bytes())?;
        self.out.write_all(MAGIC)?;
        self.out.flush()
    }
}

fn pack(packing: Packing, levels: &[u8], values: &[u8]) -> io::Result<Vec<u8>> {
    match packing {
        Packing::Plain => Ok([levels, values].concat()),
        Packing::Gzip => {
            let mut page = GzEncoder::new(Vec::new(), Compression::fast());
            page.write_all(levels)?;
            page.write_all(values)?;
            page.finish()
        }
    }
}

fn too_long(_: std::num::TryFromIntError) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        "a part of the table is longer than the format allows",
    )
}

fn size(bytes: usize) -> io::Result<i32> {
    i32::try_from(bytes).map_err(too_long)
}

fn text_value(values: &mut Vec<u8>, text: &[u8]) -> bool {
    // No name or list of attributes comes near.
    let text = text.get(..1 << 24).unwrap_or(text);
    values.extend((text.len() as u32).to_le_bytes());
    values.extend(text);
    true
}

fn number_value(values: &mut Vec<u8>, number: u64) -> bool {
    values.extend(number.to_le_bytes());
    true
}

/// Which rows have a value: one run of packed bits, with its length before it.
fn levels(there: &[u8]) -> Vec<u8> {
    let mut run = Vec::with_capacity(there.len() + 8);
    varint(&mut run, (there.len() as u64) << 1 | 1);
    run.extend(there);
    let mut levels = (run.len() as u32).to_le_bytes().to_vec();
    levels.extend(run);
    levels
}

fn page_header(rows: u32, plain: i32, packed: i32) -> Vec<u8> {
    let mut header = Thrift::default();
    header.int(1, is::DATA_PAGE);
    header.int(2, plain);
    header.int(3, packed);
    header.structure(5, |data| {
        data.int(1, rows.cast_signed());
        data.int(2, is::PLAIN);
        data.int(3, is::RLE);
        data.int(4, is::RLE);
    });
    header.end()
}

fn footer(columns: &[Column], groups: &[Group], packing: Packing) -> Vec<u8> {
    let rows = groups.iter().map(|g| i64::from(g.rows)).sum();
    let mut file = Thrift::default();
    file.int(1, 1);
    file.list(2, Thrift::STRUCT, columns.len() + 1);
    file.element(|root| {
        root.text(4, "index");
        root.int(5, columns.len() as i32);
    });
    for column in columns {
        file.element(|leaf| {
            schema(leaf, column);
        });
    }
    file.long(3, rows);
    file.list(4, Thrift::STRUCT, groups.len());
    for group in groups {
        file.element(|g| {
            g.list(1, Thrift::STRUCT, group.chunks.len());
            for (column, chunk) in columns.iter().zip(&group.chunks) {
                g.element(|c| {
                    c.long(2, chunk.offset);
                    c.structure(3, |meta| {
                        chunk_head(meta, column);
                        meta.int(4, packing as i32);
                        chunk_sizes(meta, chunk, group.rows);
                    });
                });
            }
            g.long(2, group.chunks.iter().map(|c| c.plain).sum());
            g.long(3, group.rows.into());
        });
    }
    file.text(6, "cordon");
    file.end()
}

fn schema(leaf: &mut Thrift, column: &Column) {
    let text = column.holds == Type::Text;
    leaf.int(1, if text { is::BYTE_ARRAY } else { is::INT64 });
    leaf.int(
        3,
        if column.always {
            is::REQUIRED
        } else {
            is::OPTIONAL
        },
    );
    leaf.text(4, column.name);
    match column.holds {
        Type::Text => {
            leaf.int(6, is::CONVERTED_UTF8);
            leaf.structure(10, |logical| logical.structure(1, |_| {}));
        }
        Type::Number => {
            leaf.int(6, is::CONVERTED_UINT_64);
            leaf.structure(10, |logical| {
                logical.structure(10, |integer| {
                    integer.byte(1, 64);
                    integer.bool(2, false);
                });
            });
        }
        // Nanoseconds have no older name.
        Type::Time => leaf.structure(10, |logical| {
            logical.structure(8, |time| {
                time.bool(1, true);
                time.structure(2, |unit| unit.structure(3, |_| {}));
            });
        }),
    }
}

fn chunk_head(meta: &mut Thrift, column: &Column) {
    let text = column.holds == Type::Text;
    meta.int(1, if text { is::BYTE_ARRAY } else { is::INT64 });
    meta.list(2, Thrift::I32, 2);
    meta.bare_int(is::PLAIN);
    meta.bare_int(is::RLE);
    meta.list(3, Thrift::BINARY, 1);
    meta.bare_text(column.name);
}

fn chunk_sizes(meta: &mut Thrift, chunk: &Chunk, rows: u32) {
    meta.long(5, rows.into());
    meta.long(6, chunk.plain);
    meta.long(7, chunk.packed);
    meta.long(9, chunk.offset);
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// One struct of Thrift's compact protocol, and those within it.
#[derive(Default)]
struct Thrift {
    out: Vec<u8>,
    /// The last field of this struct.
    last: u8,
}

impl Thrift {
    const TRUE: u8 = 1;
    const FALSE: u8 = 2;
    const BYTE: u8 = 3;
    const I32: u8 = 5;
    const I64: u8 = 6;
    const BINARY: u8 = 8;
    const LIST: u8 = 9;
    const STRUCT: u8 = 12;

    /// Fields come in order, at most 15 apart.
    fn field(&mut self, number: u8, kind: u8) {
        self.out.push((number - self.last) << 4 | kind);
        self.last = number;
    }

    fn zigzag(&mut self, number: i64) {
        varint(&mut self.out, (number << 1 ^ number >> 63).cast_unsigned());
    }

    fn int(&mut self, field: u8, number: i32) {
        self.field(field, Self::I32);
        self.bare_int(number);
    }

    fn bare_int(&mut self, number: i32) {
        self.zigzag(number.into());
    }

    fn long(&mut self, field: u8, number: i64) {
        self.field(field, Self::I64);
        self.zigzag(number);
    }

    fn byte(&mut self, field: u8, number: u8) {
        self.field(field, Self::BYTE);
        self.out.push(number);
    }

    fn bool(&mut self, field: u8, value: bool) {
        self.field(field, if value { Self::TRUE } else { Self::FALSE });
    }

    fn text(&mut self, field: u8, text: &str) {
        self.field(field, Self::BINARY);
        self.bare_text(text);
    }

    fn bare_text(&mut self, text: &str) {
        varint(&mut self.out, text.len() as u64);
        self.out.extend(text.as_bytes());
    }

    /// The head of a list, whose elements follow.
    fn list(&mut self, field: u8, of: u8, len: usize) {
        self.field(field, Self::LIST);
        match u8::try_from(len) {
            Ok(short) if short < 15 => self.out.push(short << 4 | of),
            _ => {
                self.out.push(0xF0 | of);
                varint(&mut self.out, len as u64);
            }
        }
    }

    fn structure(&mut self, field: u8, fill: impl FnOnce(&mut Self)) {
        self.field(field, Self::STRUCT);
        self.element(fill);
    }

    /// A struct that is an element of a list.
    fn element(&mut self, fill: impl FnOnce(&mut Self)) {
        let outer = std::mem::take(&mut self.last);
        fill(self);
        self.out.push(0);
        self.last = outer;
    }

    fn end(mut self) -> Vec<u8> {
        self.out.push(0);
        self.out
    }
}

#[cfg(test)]
mod tests;
