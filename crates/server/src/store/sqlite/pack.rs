//! How answers are packed into bytes, many rows and many endpoints at a time.
//!
//! A line for each row and each endpoint costs more than what stands in it. So rows go into chunks of neighbouring numbers, and what
//! endpoints gave into chunks in columns: their ordinals, their states, and for each row the endpoints that are in it, as runs of
//! places in the chunk. A row that all have costs a few bytes, however many they are. Numbers are LEB128.
//!
//! A chunk is kept as it is while answers come in, and deflated when it is put together with its neighbours after the end.
//! What does not look as if it was written here is [`Unpackable`]; it never costs more memory than [`LARGEST`].

use super::super::questions::StoredPart;
use answer::{Cell, NewRow, Problem, State};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

/// Endpoints in one chunk at most.
pub(super) const MOST_PARTS: usize = 4096;
/// Rows in one chunk at most.
const MOST_ROWS: usize = 4096;
/// A chunk is closed when it has this many bytes; one row alone may have more.
pub(super) const FULL: usize = 256 << 10;
/// Memberships in one chunk at most.
const MOST_MEMBERS: usize = 256 << 10;
/// Bytes that a deflated chunk can have when it is inflated; a larger one, which is a single row, is kept as it is.
const LARGEST: usize = 64 << 20;

const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

/// Bytes that are not what was written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the packed bytes end too early or hold a number out of range")]
pub(super) struct Unpackable;

type Read<T> = Result<T, Unpackable>;

/// Whether to take the time to make it small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// Written at once, put together later.
    Quick,
    /// Made small for good.
    Small,
}

fn put(number: u64, out: &mut Vec<u8>) {
    let mut rest = number;
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn get(bytes: &mut &[u8]) -> Read<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Unpackable)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Unpackable)
}

fn get_u32(bytes: &mut &[u8]) -> Read<u32> {
    u32::try_from(get(bytes)?).map_err(|_| Unpackable)
}

/// A count of things that take a byte each at least, so that a wrong one cannot make room for more than there is.
fn get_count(bytes: &mut &[u8]) -> Read<usize> {
    let count = usize::try_from(get(bytes)?).map_err(|_| Unpackable)?;
    if count > bytes.len() {
        return Err(Unpackable);
    }
    Ok(count)
}

fn get_bytes<'a>(bytes: &mut &'a [u8]) -> Read<&'a [u8]> {
    let length = usize::try_from(get(bytes)?).map_err(|_| Unpackable)?;
    let (value, rest) = bytes.split_at_checked(length).ok_or(Unpackable)?;
    *bytes = rest;
    Ok(value)
}

fn close(plain: &[u8], effort: Effort) -> Vec<u8> {
    if effort == Effort::Small && (64..=LARGEST).contains(&plain.len()) {
        let mut out = vec![DEFLATED];
        put(plain.len() as u64, &mut out);
        let mut encoder = DeflateEncoder::new(out, Compression::default());
        // Writing into memory does not fail; were it to, the plain bytes are as good.
        if encoder.write_all(plain).is_ok()
            && let Ok(small) = encoder.finish()
            && small.len() < plain.len()
        {
            return small;
        }
    }
    let mut out = Vec::with_capacity(plain.len() + 1);
    out.push(PLAIN);
    out.extend_from_slice(plain);
    out
}

fn open(body: &[u8]) -> Read<std::borrow::Cow<'_, [u8]>> {
    let (kind, mut rest) = body.split_first().ok_or(Unpackable)?;
    match *kind {
        PLAIN => Ok(rest.into()),
        DEFLATED => {
            let length = usize::try_from(get(&mut rest)?).map_err(|_| Unpackable)?;
            if length > LARGEST {
                return Err(Unpackable);
            }
            let mut plain = Vec::new();
            let limit = length as u64 + 1;
            DeflateDecoder::new(rest)
                .take(limit)
                .read_to_end(&mut plain)
                .map_err(|_| Unpackable)?;
            if plain.len() != length {
                return Err(Unpackable);
            }
            Ok(plain.into())
        }
        _ => Err(Unpackable),
    }
}

/// Rows of one table with numbers that follow each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RowChunk {
    pub table: u32,
    pub first: u32,
    pub rows: u32,
    pub body: Vec<u8>,
}

/// Packs rows, which are in order of table and number.
pub(super) fn pack_rows(rows: &[&NewRow], effort: Effort) -> Vec<RowChunk> {
    let mut chunks = Vec::new();
    let mut plain = Vec::new();
    let mut held: Option<(u32, u32, u32)> = None;
    for row in rows {
        let follows = held.is_some_and(|(table, first, count)| {
            table == row.table
                && first.checked_add(count) == Some(row.row)
                && (count as usize) < MOST_ROWS
                && plain.len() < FULL
        });
        if !follows && let Some((table, first, rows)) = held.take() {
            let body = close(&plain, effort);
            plain.clear();
            chunks.push(RowChunk {
                table,
                first,
                rows,
                body,
            });
        }
        let (_, _, count) = held.get_or_insert((row.table, row.row, 0));
        *count += 1;
        put(row.cells.len() as u64, &mut plain);
        for cell in &row.cells {
            put_bytes(cell, &mut plain);
        }
    }
    if let Some((table, first, rows)) = held {
        let body = close(&plain, effort);
        chunks.push(RowChunk {
            table,
            first,
            rows,
            body,
        });
    }
    chunks
}

/// Reverses [`pack_rows`] for one chunk.
pub(super) fn unpack_rows(table: u32, first: u32, rows: u32, body: &[u8]) -> Read<Vec<NewRow>> {
    let plain = open(body)?;
    let mut bytes = plain.as_ref();
    let mut found = Vec::new();
    for at in 0..rows {
        let row = first.checked_add(at).ok_or(Unpackable)?;
        let count = get_count(&mut bytes)?;
        let mut cells: Vec<Cell> = Vec::new();
        for _ in 0..count {
            cells.push(get_bytes(&mut bytes)?.into());
        }
        found.push(NewRow { table, row, cells });
    }
    if bytes.is_empty() {
        Ok(found)
    } else {
        Err(Unpackable)
    }
}

/// What endpoints gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartChunk {
    pub parts: u32,
    pub body: Vec<u8>,
}

/// Packs what endpoints gave, in any order. An endpoint in very many rows is told in several parts.
pub(super) fn pack_parts(parts: &[StoredPart], effort: Effort) -> Vec<PartChunk> {
    let mut pieces: Vec<Piece<'_>> = Vec::with_capacity(parts.len());
    for part in parts {
        let mut rows = part.rows.chunks(MOST_MEMBERS);
        pieces.push(Piece {
            part,
            rows: rows.next().unwrap_or_default(),
            first: true,
        });
        pieces.extend(rows.map(|rows| Piece {
            part,
            rows,
            first: false,
        }));
    }
    pieces.sort_by_key(|p| p.part.ordinal);
    let mut chunks = Vec::new();
    let mut rest = pieces.as_slice();
    while !rest.is_empty() {
        let mut members = 0;
        let fits = rest
            .iter()
            .take(MOST_PARTS)
            .take_while(|p| {
                members += p.rows.len() + if p.first { p.part.problems.len() } else { 0 };
                members <= MOST_MEMBERS
            })
            .count()
            .max(1);
        let (now, later) = rest.split_at(fits.min(rest.len()));
        rest = later;
        chunks.push(PartChunk {
            parts: u32::try_from(now.len()).unwrap_or(u32::MAX),
            body: close(&columns(now), effort),
        });
    }
    chunks
}

struct Piece<'a> {
    part: &'a StoredPart,
    rows: &'a [(u32, u32)],
    /// Problems and cut rows are told once.
    first: bool,
}

fn columns(pieces: &[Piece<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    put(pieces.len() as u64, &mut out);
    let mut last = 0;
    for piece in pieces {
        put(u64::from(piece.part.ordinal - last), &mut out);
        last = piece.part.ordinal;
    }
    let states: Vec<_> = pieces
        .chunk_by(|a, b| a.part.state == b.part.state)
        .collect();
    put(states.len() as u64, &mut out);
    for run in states {
        put(run.len() as u64, &mut out);
        out.push(run.first().map_or(0, |p| p.part.state.code()));
    }
    let mut cut: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut problems: BTreeMap<&Problem, Vec<usize>> = BTreeMap::new();
    let mut rows: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
    for (at, piece) in pieces.iter().enumerate() {
        if piece.first {
            if piece.part.rows_cut > 0 {
                cut.entry(piece.part.rows_cut).or_default().push(at);
            }
            for problem in &piece.part.problems {
                problems.entry(problem).or_default().push(at);
            }
        }
        for row in piece.rows {
            rows.entry(*row).or_default().push(at);
        }
    }
    put(cut.len() as u64, &mut out);
    for (count, places) in &cut {
        put(*count, &mut out);
        put_places(places, &mut out);
    }
    put(problems.len() as u64, &mut out);
    for ((sensor, state, text), places) in &problems {
        put_bytes(sensor.as_bytes(), &mut out);
        out.push(state.code());
        put_bytes(text.as_bytes(), &mut out);
        put_places(places, &mut out);
    }
    let rows: Vec<_> = rows.into_iter().collect();
    let tables: Vec<_> = rows.chunk_by(|a, b| a.0.0 == b.0.0).collect();
    put(tables.len() as u64, &mut out);
    for table in tables {
        put(table.first().map_or(0, |(r, _)| u64::from(r.0)), &mut out);
        put(table.len() as u64, &mut out);
        let mut last = 0;
        for ((_, row), places) in table {
            put(u64::from(row - last), &mut out);
            last = *row;
            put_places(places, &mut out);
        }
    }
    out
}

/// Ascending places as runs: how many runs, then for each the gap before it and its length less one.
fn put_places(places: &[usize], out: &mut Vec<u8>) {
    let runs: Vec<_> = places.chunk_by(|a, b| b.saturating_sub(*a) <= 1).collect();
    put(runs.len() as u64, out);
    let mut next = 0;
    for run in runs {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        put((first - next) as u64, out);
        put((last - first) as u64, out);
        next = last + 1;
    }
}

/// Reverses [`put_places`]: changes the part at each place. `left` bounds how many places a chunk may name in all.
fn get_places(
    bytes: &mut &[u8],
    parts: &mut [StoredPart],
    left: &mut usize,
    mut change: impl FnMut(&mut StoredPart),
) -> Read<()> {
    let mut rest = parts;
    for _ in 0..get_count(bytes)? {
        let gap = usize::try_from(get(bytes)?).map_err(|_| Unpackable)?;
        let more = usize::try_from(get(bytes)?).map_err(|_| Unpackable)?;
        let length = more.checked_add(1).ok_or(Unpackable)?;
        *left = left.checked_sub(length).ok_or(Unpackable)?;
        let behind = rest.get_mut(gap..).ok_or(Unpackable)?;
        let (run, behind) = behind.split_at_mut_checked(length).ok_or(Unpackable)?;
        run.iter_mut().for_each(&mut change);
        rest = behind;
    }
    Ok(())
}

fn get_state(bytes: &mut &[u8]) -> Read<State> {
    let (code, rest) = bytes.split_first().ok_or(Unpackable)?;
    *bytes = rest;
    // What a newer version knows and this one does not is no answer, and no loss of the others.
    Ok(State::from_code(*code).unwrap_or(State::Error))
}

/// Reverses [`pack_parts`] for one chunk; parts are in order of ordinal, the rows of each in order.
pub(super) fn unpack_parts(body: &[u8]) -> Read<Vec<StoredPart>> {
    let plain = open(body)?;
    let mut bytes = plain.as_ref();
    let count = get_count(&mut bytes)?;
    if count > MOST_PARTS {
        return Err(Unpackable);
    }
    let mut parts = Vec::with_capacity(count);
    let mut ordinal = 0_u32;
    for _ in 0..count {
        ordinal = ordinal
            .checked_add(get_u32(&mut bytes)?)
            .ok_or(Unpackable)?;
        parts.push(StoredPart {
            ordinal,
            state: State::Pending,
            rows: Vec::new(),
            problems: Vec::new(),
            rows_cut: 0,
        });
    }
    let mut rest = parts.iter_mut();
    for _ in 0..get_count(&mut bytes)? {
        let run = get(&mut bytes)?;
        let state = get_state(&mut bytes)?;
        for _ in 0..run {
            rest.next().ok_or(Unpackable)?.state = state;
        }
    }
    if rest.next().is_some() {
        return Err(Unpackable);
    }
    let mut left = 2 * MOST_MEMBERS;
    for _ in 0..get_count(&mut bytes)? {
        let cut = get(&mut bytes)?;
        get_places(&mut bytes, &mut parts, &mut left, |part| {
            part.rows_cut = cut;
        })?;
    }
    for _ in 0..get_count(&mut bytes)? {
        let sensor = text(get_bytes(&mut bytes)?)?;
        let state = get_state(&mut bytes)?;
        let problem = (sensor, state, text(get_bytes(&mut bytes)?)?);
        get_places(&mut bytes, &mut parts, &mut left, |part| {
            part.problems.push(problem.clone());
        })?;
    }
    for _ in 0..get_count(&mut bytes)? {
        let table = get_u32(&mut bytes)?;
        let mut row = 0_u32;
        for _ in 0..get_count(&mut bytes)? {
            row = row.checked_add(get_u32(&mut bytes)?).ok_or(Unpackable)?;
            get_places(&mut bytes, &mut parts, &mut left, |part| {
                part.rows.push((table, row));
            })?;
        }
    }
    if bytes.is_empty() {
        Ok(parts)
    } else {
        Err(Unpackable)
    }
}

fn text(bytes: &[u8]) -> Read<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Unpackable)
}

#[cfg(test)]
mod tests;
