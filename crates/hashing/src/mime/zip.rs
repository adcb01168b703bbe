//! What lies in a zip archive, as far as its first entries tell ([APPNOTE](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), 4.3.7).

use super::{at, find, has, le16};

const ENTRY: &[u8] = b"PK\x03\x04";

/// How many entries are looked at.
const ENTRIES: usize = 64;

/// Types that an archive states itself in a first, uncompressed entry `mimetype` (OpenDocument 1.3, part 2; EPUB OCF).
const STATED: &[&str] = &[
    "application/epub+zip",
    "application/vnd.oasis.opendocument.text-template",
    "application/vnd.oasis.opendocument.text-master",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet-template",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation-template",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.graphics-template",
    "application/vnd.oasis.opendocument.graphics",
    "application/vnd.oasis.opendocument.formula",
    "application/vnd.oasis.opendocument.chart",
    "application/vnd.oasis.opendocument.image",
    "application/vnd.oasis.opendocument.base",
    "application/vnd.oasis.opendocument.database",
    "application/vnd.sun.xml.writer",
    "application/vnd.sun.xml.calc",
    "application/vnd.sun.xml.impress",
    "application/vnd.sun.xml.draw",
    "image/openraster",
];

/// Names of entries that tell what an archive is; the first that fits any entry seen wins.
#[rustfmt::skip]
const TELLING: &[(&[u8], &str)] = &[
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
    (b"visio/", "application/vnd.ms-visio.drawing.main+xml"),
    (b"AndroidManifest.xml", "application/vnd.android.package-archive"),
    (b"classes.dex", "application/vnd.android.package-archive"),
    (b"META-INF/com/android/", "application/vnd.android.package-archive"),
    (b"Payload/", "application/x-ios-app"),
    (b"extension.vsixmanifest", "application/vsix"),
    (b"AppxManifest.xml", "application/vnd.ms-appx"),
    (b"doc.kml", "application/vnd.google-earth.kmz"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
    (b"META-INF/", "application/java-archive"),
    (b"[Content_Types].xml", "application/vnd.openxmlformats-officedocument"),
    (b"_rels/.rels", "application/vnd.openxmlformats-officedocument"),
];

/// The type of content that begins with a local file header.
pub(super) fn mime(bytes: &[u8]) -> &'static str {
    if let Some(stated) = stated(bytes) {
        return stated;
    }
    let mut best = TELLING.len();
    let mut rest = bytes;
    // Compressed sizes may stand behind the data only, so the next header is looked for rather than computed.
    for _ in 0..ENTRIES {
        let Some(here) = find(rest, ENTRY) else {
            break;
        };
        rest = rest.get(here..).unwrap_or_default();
        if let Some(len) = le16(rest, 26) {
            let end = rest.len().min(30 + usize::from(len));
            let name = rest.get(30..end).unwrap_or_default();
            if let Some(rank) = TELLING
                .iter()
                .position(|(start, _)| name.starts_with(start))
            {
                best = best.min(rank);
            }
        }
        rest = rest.get(ENTRY.len()..).unwrap_or_default();
    }
    TELLING
        .get(best)
        .map_or("application/zip", |(_, mime)| mime)
}

fn stated(bytes: &[u8]) -> Option<&'static str> {
    if !has(bytes, 30, b"mimetype") {
        return None;
    }
    let extra = usize::from(le16(bytes, 28)?);
    let text = bytes.get(38 + extra..)?;
    STATED
        .iter()
        .copied()
        .find(|stated| at(text, 0, stated.len()) == Some(stated.as_bytes()))
}
