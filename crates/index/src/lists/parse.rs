//! The text of a list: hashes between commas or on lines, or a table with named columns.
//!
//! Lists are made by hand, by scripts and by spreadsheets, so this takes: commas, semicolons, blanks, tabs and any kind
//! of line end; a UTF-8 or UTF-16 mark; either case of letters; quotes; `md5:` and the like before a hash; the output
//! of `sha256sum` (what follows a hash after a blank is a note); comments from `#`, `;` or `//` at the start of a line,
//! and from `#` after a blank. The length of a word says which hash it is. A first line that names columns as the
//! known-file lists of NSRL do (`"SHA-1","MD5",…`) makes the whole text a table, of which the columns of hashes are
//! taken. There a line end always ends a row: an odd quote costs one row and not the rest of the list.
//!
//! The text is read in pieces, for one line may hold millions of hashes. What cannot be used is reported with its line.

use super::{HashKind, ListError};
use std::fmt::Write as _;
use std::io::{self, Read};

/// Warnings that are kept; the others are counted.
pub const MOST_WARNINGS: usize = 200;

const BUFFER: usize = 256 << 10;

/// A word or row longer than this is not looked at.
const LONGEST: usize = 64 << 10;

/// Something in a list that could not be used, or is probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListWarning {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for ListWarning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// A hash as read.
pub(super) enum Hash {
    Md5([u8; 16]),
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

/// What was noticed while reading.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) unusable: u64,
    pub(super) warnings: Vec<ListWarning>,
}

impl Notes {
    fn warn(&mut self, line: u64, message: impl FnOnce() -> String) {
        if self.warnings.len() < MOST_WARNINGS {
            self.warnings.push(ListWarning {
                line,
                message: message(),
            });
        }
    }

    fn unusable(&mut self, line: u64, message: impl FnOnce() -> String) {
        self.unusable += 1;
        self.warn(line, message);
    }
}

/// Reads a whole list and hands out its hashes.
pub(super) fn parse(
    reader: impl Read,
    mut each: impl FnMut(Hash) -> Result<(), ListError>,
) -> Result<Notes, ListError> {
    let mut notes = Notes::default();
    let mut pieces = Pieces::new(reader).map_err(|source| ListError::Source { source })?;
    match columns(pieces.first_line()) {
        Some(columns) => table(&mut pieces, &columns, &mut notes, &mut each)?,
        None => words(&mut pieces, &mut notes, &mut each)?,
    }
    Ok(notes)
}

fn words<R: Read>(
    pieces: &mut Pieces<R>,
    notes: &mut Notes,
    each: &mut impl FnMut(Hash) -> Result<(), ListError>,
) -> Result<(), ListError> {
    const ENDS: [bool; 256] = ends(b"\n\r,; \t");
    /// What stands before the next word.
    #[derive(Clone, Copy, PartialEq)]
    enum Before {
        LineStart,
        Separator,
        /// A hash and blanks.
        Hash,
        /// A note after a hash, which ends at the next separator.
        Note,
        /// A comment, which ends with the line.
        Comment,
    }
    let mut before = Before::LineStart;
    while let Some(piece) = pieces.next(&ENDS)? {
        let word = unquoted(piece.bytes);
        let (line, end) = (piece.line, piece.end);
        if word.is_empty() && !piece.overlong {
            if end == b';' && before == Before::LineStart {
                before = Before::Comment;
            }
        } else if matches!(before, Before::Comment | Before::Note) {
            // Passed over.
        } else if word.starts_with(b"#") || (before == Before::LineStart && word.starts_with(b"//"))
        {
            before = Before::Comment;
        } else if piece.overlong {
            notes.unusable(line, || format!("a word of more than {LONGEST} characters"));
            before = Before::Note;
        } else {
            match hash(word) {
                Ok(hash) => {
                    if of_nothing(&hash) {
                        notes.warn(line, || {
                            format!(
                                "{} is the hash of an empty file, every one will match",
                                shown(word)
                            )
                        });
                    }
                    each(hash)?;
                    before = Before::Hash;
                }
                // A file's name after its hash, unless it looks as if it were meant to be a hash.
                Err(_)
                    if before == Before::Hash
                        && !(word.len() >= 16 && word.iter().all(u8::is_ascii_hexdigit)) =>
                {
                    before = Before::Note;
                }
                Err(problem) => {
                    notes.unusable(line, || problem);
                    before = Before::Separator;
                }
            }
        }
        match end {
            b'\n' | b'\r' => before = Before::LineStart,
            b',' | b';' if before != Before::Comment => before = Before::Separator,
            _ => {}
        }
    }
    Ok(())
}

fn table<R: Read>(
    pieces: &mut Pieces<R>,
    columns: &[usize],
    notes: &mut Notes,
    each: &mut impl FnMut(Hash) -> Result<(), ListError>,
) -> Result<(), ListError> {
    const ENDS: [bool; 256] = ends(b"\n\r");
    let last = columns.iter().copied().max().unwrap_or(0);
    let mut header = true;
    while let Some(row) = pieces.next(&ENDS)? {
        if row.bytes.trim_ascii().is_empty() && !row.overlong || row.bytes.starts_with(b"#") {
            continue;
        }
        if std::mem::take(&mut header) {
            continue;
        }
        let mut taken = 0;
        for (at, cell) in Cells(Some(row.bytes)).enumerate().take(last + 1) {
            if !columns.contains(&at) {
                continue;
            }
            let word = unquoted(cell.trim_ascii());
            if word.is_empty() {
                taken += 1;
                continue;
            }
            match hash(word) {
                Ok(hash) => {
                    taken += 1;
                    // Known-good lists have the hash of the empty file for good reason, so it is not remarked on here.
                    each(hash)?;
                }
                Err(problem) => notes.unusable(row.line, || problem),
            }
        }
        if taken == 0 || row.overlong {
            notes.unusable(row.line, || "a row without a usable hash".into());
        }
    }
    Ok(())
}

/// The columns of hashes when a line names columns.
fn columns(line: &[u8]) -> Option<Vec<usize>> {
    let named = |cell: &[u8]| {
        let name: Vec<u8> = unquoted(cell.trim_ascii())
            .iter()
            .filter(|b| **b != b'-')
            .map(u8::to_ascii_lowercase)
            .collect();
        matches!(name.as_slice(), b"md5" | b"sha1" | b"sha256")
    };
    let found: Vec<usize> = Cells(Some(line))
        .enumerate()
        .filter_map(|(at, cell)| named(cell).then_some(at))
        .collect();
    (!found.is_empty()).then_some(found)
}

/// The cells of a row: between commas that are not within quotes.
struct Cells<'r>(Option<&'r [u8]>);

impl<'r> Iterator for Cells<'r> {
    type Item = &'r [u8];

    fn next(&mut self) -> Option<&'r [u8]> {
        let row = self.0?;
        let mut quoted = false;
        for (at, byte) in row.iter().enumerate() {
            match byte {
                b'"' => quoted = !quoted,
                b',' if !quoted => {
                    self.0 = row.get(at + 1..);
                    return row.get(..at);
                }
                _ => {}
            }
        }
        self.0 = None;
        Some(row)
    }
}

fn unquoted(word: &[u8]) -> &[u8] {
    match word {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        _ => word,
    }
}

fn hash(word: &[u8]) -> Result<Hash, String> {
    let cut = word.iter().position(|b| matches!(b, b':' | b'='));
    let (named, digits) = cut
        .and_then(|at| Some((kind(word.get(..at)?), word.get(at + 1..)?)))
        .unwrap_or((None, word));
    let read = match digits.len() {
        32 => decode(digits).map(Hash::Md5),
        40 => decode(digits).map(Hash::Sha1),
        64 => decode(digits).map(Hash::Sha256),
        _ => None,
    };
    let fits =
        digits.len() == word.len() || named.is_some_and(|kind| kind.bytes() * 2 == digits.len());
    read.filter(|_| fits).ok_or_else(|| {
        let length = word.len();
        match word.iter().all(u8::is_ascii_hexdigit) {
            true => format!(
                "{} has {length} digits, so it is no MD5 (32), SHA-1 (40) or SHA-256 (64)",
                shown(word)
            ),
            false => format!("{} is not a hash", shown(word)),
        }
    })
}

fn kind(name: &[u8]) -> Option<HashKind> {
    match name.to_ascii_lowercase().as_slice() {
        b"md5" => Some(HashKind::Md5),
        b"sha1" | b"sha-1" => Some(HashKind::Sha1),
        b"sha256" | b"sha-256" => Some(HashKind::Sha256),
        _ => None,
    }
}

fn decode<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    /// The value of each hexadecimal digit, 0xFF for other bytes.
    #[expect(
        clippy::indexing_slicing,
        reason = "the compiler makes it, and would say so"
    )]
    const DIGITS: [u8; 256] = {
        let mut table = [0xFF; 256];
        let mut value = 0;
        while value < 16 {
            table[b"0123456789abcdef"[value] as usize] = value as u8;
            table[b"0123456789ABCDEF"[value] as usize] = value as u8;
            value += 1;
        }
        table
    };
    let (pairs, _) = digits.as_chunks::<2>();
    let value = |digit: u8| DIGITS.get(usize::from(digit)).copied().unwrap_or(0xFF);
    let mut out = [0; N];
    let mut bad = 0;
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        let (high, low) = (value(*high), value(*low));
        bad |= high | low;
        *byte = high << 4 | low & 0xF;
    }
    (bad < 16 && pairs.len() == N).then_some(out)
}

fn of_nothing(hash: &Hash) -> bool {
    const MD5: [u8; 4] = [0xD4, 0x1D, 0x8C, 0xD9];
    const SHA1: [u8; 4] = [0xDA, 0x39, 0xA3, 0xEE];
    const SHA256: [u8; 4] = [0xE3, 0xB0, 0xC4, 0x42];
    // Four bytes sort out nearly everything; the ends make it as good as certain.
    match hash {
        Hash::Md5(bytes) => bytes.starts_with(&MD5) && bytes.ends_with(&[0xF8, 0x42, 0x7E]),
        Hash::Sha1(bytes) => bytes.starts_with(&SHA1) && bytes.ends_with(&[0xD8, 0x07, 0x09]),
        Hash::Sha256(bytes) => bytes.starts_with(&SHA256) && bytes.ends_with(&[0x52, 0xB8, 0x55]),
    }
}

/// Foreign text for a message: short, on one line, without anything that acts on a terminal.
fn shown(word: &[u8]) -> String {
    const MOST: usize = 72;
    let mut out: String = word.get(..MOST).unwrap_or(word).escape_ascii().to_string();
    if word.len() > MOST {
        let _written = write!(out, "…");
    }
    out
}

#[expect(
    clippy::indexing_slicing,
    reason = "the compiler makes these tables, and would say so"
)]
const fn ends(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        table[bytes[at] as usize] = true;
        at += 1;
    }
    table
}

/// Bytes up to an end.
struct Piece<'b> {
    bytes: &'b [u8],
    /// The byte that ended it; a line break at the end of the text.
    end: u8,
    line: u64,
    /// The piece was longer than is looked at; `bytes` is only its start.
    overlong: bool,
}

/// Cuts a text into pieces without having it in memory.
struct Pieces<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    ended: bool,
    wide: Option<Wide>,
    line: u64,
    /// The last piece ended with CR, so that LF would belong to it.
    after_cr: bool,
}

/// Which byte of a UTF-16 pair comes first.
#[derive(Clone, Copy)]
enum Wide {
    LowFirst,
    HighFirst,
}

impl<R: Read> Pieces<R> {
    fn new(reader: R) -> io::Result<Self> {
        let mut this = Self {
            reader,
            buffer: vec![0; BUFFER],
            start: 0,
            filled: 0,
            ended: false,
            wide: None,
            line: 1,
            after_cr: false,
        };
        this.fill()?;
        let narrowed = match this.buffer.get(..this.filled).unwrap_or_default() {
            [0xEF, 0xBB, 0xBF, ..] => {
                this.start = 3;
                return Ok(this);
            }
            [0xFF, 0xFE, rest @ ..] => narrow(rest, Wide::LowFirst),
            [0xFE, 0xFF, rest @ ..] => narrow(rest, Wide::HighFirst),
            _ => return Ok(this),
        };
        this.wide = Some(if this.buffer.first() == Some(&0xFF) {
            Wide::LowFirst
        } else {
            Wide::HighFirst
        });
        put(&mut this.buffer, &narrowed);
        this.filled = narrowed.len();
        Ok(this)
    }

    /// The first line that is not empty or a comment, as far as it is in the buffer.
    fn first_line(&self) -> &[u8] {
        let text = self.buffer.get(self.start..self.filled).unwrap_or_default();
        let sound = |line: &&[u8]| !line.trim_ascii().is_empty() && !line.starts_with(b"#");
        let line = text
            .split(|b| matches!(b, b'\n' | b'\r'))
            .find(sound)
            .unwrap_or_default();
        line.get(..4096).unwrap_or(line)
    }

    /// Reads until the buffer is full or the text ends.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        while self.filled < self.buffer.len() && !self.ended {
            let from = self.filled;
            // A whole number of pairs, so that none is cut in two.
            let room = (self.buffer.len() - from) & !1;
            if room == 0 {
                break;
            }
            let mut read = 0;
            while read < room && !self.ended {
                let into = self.buffer.get_mut(from + read..from + room);
                match self.reader.read(into.unwrap_or_default()) {
                    Ok(0) => self.ended = true,
                    Ok(count) => read += count.min(room - read),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            self.filled += match self.wide {
                None => read,
                Some(wide) => {
                    let new = self.buffer.get_mut(from..from + read).unwrap_or_default();
                    let narrowed = narrow(new, wide);
                    put(new, &narrowed);
                    narrowed.len()
                }
            };
        }
        Ok(())
    }

    fn next(&mut self, ends: &[bool; 256]) -> Result<Option<Piece<'_>>, ListError> {
        let mut overlong = false;
        let mut scanned = 0;
        loop {
            let text = self.buffer.get(self.start..self.filled);
            let text = text.unwrap_or_default();
            let is_end = |byte: u8| ends.get(usize::from(byte)).is_some_and(|ends| *ends);
            let mut bytes = text.iter().copied().enumerate().skip(scanned);
            if let Some((length, end)) = bytes.find(|(_, byte)| is_end(*byte)) {
                let from = self.start;
                self.start += length + 1;
                if std::mem::take(&mut self.after_cr) && length == 0 && end == b'\n' && !overlong {
                    scanned = 0;
                    continue;
                }
                let line = self.line;
                if matches!(end, b'\n' | b'\r') {
                    self.line += 1;
                    self.after_cr = end == b'\r';
                }
                overlong |= length > LONGEST;
                let bytes = self.buffer.get(from..from + length.min(LONGEST));
                let bytes = bytes.unwrap_or_default();
                return Ok(Some(Piece {
                    bytes,
                    end,
                    line,
                    overlong,
                }));
            }
            scanned = text.len();
            if scanned > 0 {
                self.after_cr = false;
            }
            if self.ended {
                let from = self.start;
                self.start = self.filled;
                overlong |= scanned > LONGEST;
                let bytes = self.buffer.get(from..from + scanned.min(LONGEST));
                let bytes = bytes.unwrap_or_default();
                return Ok((scanned > 0 || overlong).then_some(Piece {
                    bytes,
                    end: b'\n',
                    line: self.line,
                    overlong,
                }));
            }
            if scanned > LONGEST {
                // Its start is kept, the rest is read over.
                self.filled = self.start + LONGEST;
                scanned = LONGEST;
                overlong = true;
            }
            self.fill().map_err(|source| ListError::Source { source })?;
        }
    }
}

/// Writes over the beginning of a buffer.
fn put(into: &mut [u8], bytes: &[u8]) {
    for (to, from) in into.iter_mut().zip(bytes) {
        *to = *from;
    }
}

/// UTF-16 as far as it is ASCII; other characters become a question mark, which is in no hash.
fn narrow(pairs: &[u8], wide: Wide) -> Vec<u8> {
    let (pairs, odd) = pairs.as_chunks::<2>();
    let one = |pair: &[u8; 2]| match (wide, *pair) {
        (Wide::LowFirst, [low, 0]) | (Wide::HighFirst, [0, low]) if low.is_ascii() => low,
        _ => b'?',
    };
    pairs
        .iter()
        .map(one)
        .chain(odd.iter().map(|_| b'?'))
        .collect()
}
