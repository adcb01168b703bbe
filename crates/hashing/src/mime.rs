//! Content types from content, and what a file extension promises.
//!
//! Where [file(1)](https://www.darwinsys.com/file/) and the IANA registry have a name for a format, it is that name. The rules are tables: `binary` for what begins with
//! certain bytes, `text` for what is text, with `zip` and `ole` for the two containers that many office formats hide in, and `names` for extensions. Nothing here
//! decodes more than a few headers, reads beyond the slice, or can fail.

mod binary;
mod names;
mod ole;
mod text;
mod zip;

pub use names::expected_mimes;

/// No rule fits.
const UNKNOWN: &str = "application/octet-stream";

/// How much is looked at to tell text from other content.
const TEXT: usize = 4 << 10;

/// The content type of a file that begins like this; the first 4 KiB are enough for nearly all formats.
///
/// Unknown content is `application/octet-stream`, text of no known kind `text/plain`, and no content at all `inode/x-empty`.
pub fn mime(first: &[u8]) -> &'static str {
    if first.is_empty() {
        return "inode/x-empty";
    }
    let start = first.get(..TEXT).unwrap_or(first);
    if let Some(text) = text::Text::of(start) {
        return text.mime();
    }
    binary::mime(first).unwrap_or(UNKNOWN)
}

/// The bytes at a place, or nothing where the content is too short.
fn at(bytes: &[u8], from: usize, len: usize) -> Option<&[u8]> {
    bytes.get(from..from.checked_add(len)?)
}

fn has(bytes: &[u8], from: usize, mark: &[u8]) -> bool {
    at(bytes, from, mark.len()) == Some(mark)
}

fn byte(bytes: &[u8], from: usize) -> Option<u8> {
    bytes.get(from).copied()
}

fn le16(bytes: &[u8], from: usize) -> Option<u16> {
    Some(u16::from_le_bytes(at(bytes, from, 2)?.try_into().ok()?))
}

fn be16(bytes: &[u8], from: usize) -> Option<u16> {
    Some(u16::from_be_bytes(at(bytes, from, 2)?.try_into().ok()?))
}

fn le32(bytes: &[u8], from: usize) -> Option<u32> {
    Some(u32::from_le_bytes(at(bytes, from, 4)?.try_into().ok()?))
}

fn be32(bytes: &[u8], from: usize) -> Option<u32> {
    Some(u32::from_be_bytes(at(bytes, from, 4)?.try_into().ok()?))
}

/// Where a sequence of bytes begins within others.
fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    let (first, rest) = mark.split_first()?;
    let mut from = 0;
    loop {
        let here = from + bytes.get(from..)?.iter().position(|byte| byte == first)?;
        if has(bytes, here + 1, rest) {
            return Some(here);
        }
        from = here + 1;
    }
}
